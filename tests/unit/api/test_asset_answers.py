"""Assets, aliases, events and what waits for a run, over the REST API."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sailplane.model.assets import (
    AliasRecord,
    AssetEvent,
    AssetKind,
    AssetNode,
    AssetQueue,
    AssetRecord,
    asset_id,
)
from sailplane.model.ids import RunKey
from sailplane.model.states import RunType

RUN = RunKey("etl", "second")


@pytest.fixture
def noon(backend: Any) -> Any:
    return backend.records["etl"].pushed_at


@pytest.fixture
def orders(backend: Any, noon: Any) -> AssetRecord:
    return add(backend, "orders", noon, producers=("etl/extract",), consumers=("nightly",), aliases=("found",))


def add(backend: Any, name: str, when: Any, **fields: Any) -> AssetRecord:
    record = AssetRecord(name=name, uri=f"gs://lake/{name}", created_at=when, updated_at=when, **fields)
    backend.assets.records[record.id] = record
    return record


def happen(backend: Any, record: AssetRecord, when: Any, **fields: Any) -> AssetEvent:
    number = len(backend.assets.stored_events) + 1
    event = AssetEvent(id=number, name=record.name, uri=record.uri, timestamp=when, **fields)
    backend.assets.stored_events.append(event)
    return event


def test_assets_are_listed_with_who_has_to_do_with_them(
    client: Any, backend: Any, orders: AssetRecord, noon: Any
) -> None:
    add(backend, "users", noon, extra={"password": "x", "rows": 1})
    add(backend, "gone", noon, is_active=False)
    happen(backend, orders, noon)
    answer = client.read("/api/v2/assets")
    assert answer["total_entries"] == 2
    first, second = answer["assets"]
    assert (first["id"], first["name"], first["uri"], first["group"]) == (
        orders.id,
        "orders",
        "gs://lake/orders",
        "asset",
    )
    assert [each["dag_id"] for each in first["scheduled_dags"]] == ["nightly"]
    assert [(each["dag_id"], each["task_id"]) for each in first["producing_tasks"]] == [("etl", "extract")]
    assert [each["name"] for each in first["aliases"]] == ["found"]
    assert first["last_asset_event"]["id"] == 1
    assert (second["extra"], second["last_asset_event"]["id"]) == ({"password": "***", "rows": 1}, None)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name_pattern=ord%25", ["orders"]),
        ("uri_pattern=lake/u", ["users"]),
        ("name_prefix_pattern=us", ["users"]),
        ("dag_ids=nightly", ["orders"]),
        ("dag_ids=etl", ["orders"]),
        ("only_active=false", ["gone", "orders", "users"]),
        ("order_by=-name", ["users", "orders"]),
        ("limit=1&offset=1", ["users"]),
    ],
)
def test_assets_are_filtered_and_ordered(
    client: Any, backend: Any, orders: Any, noon: Any, query: str, names: Any
) -> None:
    add(backend, "users", noon)
    add(backend, "gone", noon, is_active=False)
    assert [each["name"] for each in client.read(f"/api/v2/assets?{query}")["assets"]] == names


def test_one_asset_is_shown_by_its_id(client: Any, orders: AssetRecord) -> None:
    assert client.read(f"/api/v2/assets/{orders.id}")["name"] == "orders"
    answer = client.get("/api/v2/assets/7")
    assert (answer.status, json.loads(answer.body)["detail"]) == (404, "The Asset with ID: `7` was not found")


def test_aliases_are_listed_and_shown(client: Any, backend: Any) -> None:
    record = AliasRecord(name="found")
    backend.assets.stored_aliases[record.id] = record
    shown = {"id": record.id, "name": "found", "group": "asset"}
    assert client.read("/api/v2/assets/aliases") == {"asset_aliases": [shown], "total_entries": 1}
    assert client.read(f"/api/v2/assets/aliases/{record.id}") == shown
    assert client.get("/api/v2/assets/aliases/7").status == 404


def test_events_are_listed_with_the_runs_that_took_them(client: Any, backend: Any, orders: Any, noon: Any) -> None:
    first = happen(backend, orders, noon)
    second = happen(backend, orders, noon + timedelta(minutes=1), extra={"rows": 3})
    run = backend.stored_runs[RUN]
    backend.stored_runs[RUN] = replace(run, asset_events=(first.reference, second.reference))
    answer = client.read("/api/v2/assets/events")
    assert [event["id"] for event in answer["asset_events"]] == [1, 2]
    assert [event["created_dagruns"][0]["triggering"] for event in answer["asset_events"]] == [False, True]
    assert answer["asset_events"][1]["extra"] == {"rows": 3}
    upstream = client.read("/api/v2/dags/etl/dagRuns/second/upstreamAssetEvents")
    assert [event["id"] for event in upstream["asset_events"]] == [1, 2]
    assert client.read("/api/v2/dags/etl/dagRuns/first/upstreamAssetEvents")["asset_events"] == []


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [1, 2, 3]),
        ("order_by=-timestamp&limit=1", [3]),
        ("offset=1", [2, 3]),
        ("source_task_id=load", [2]),
        ("source_dag_id=etl&source_run_id=second", [1, 2]),
        ("source_map_index=5", [2]),
        ("name_pattern=user", [3]),
        ("timestamp_gt=2026-03-01T12:01:00Z", [3]),
        ("timestamp_lte=2026-03-01T12:01:00Z&name_prefix_pattern=o", [1, 2]),
    ],
)
def test_events_are_filtered(client: Any, backend: Any, orders: Any, noon: Any, query: str, ids: list[int]) -> None:
    source = {"source_dag_id": "etl", "source_run_id": "second"}
    start = noon.replace(hour=12, minute=0)
    happen(backend, orders, start, source_task_id="extract", **source)
    happen(backend, orders, start + timedelta(minutes=1), source_task_id="load", source_map_index=5, **source)
    happen(backend, add(backend, "users", noon), start + timedelta(minutes=2))
    found = client.read(f"/api/v2/assets/events?{query}")["asset_events"]
    assert [event["id"] for event in found] == ids


def test_events_of_one_asset_are_listed(client: Any, backend: Any, orders: AssetRecord, noon: Any) -> None:
    happen(backend, orders, noon)
    happen(backend, add(backend, "users", noon), noon)
    answer = client.read(f"/api/v2/assets/events?asset_id={orders.id}")
    assert ([event["name"] for event in answer["asset_events"]], answer["total_entries"]) == (["orders"], 1)


def test_others_tell_of_updates(client: Any, backend: Any, orders: AssetRecord) -> None:
    answer = client.ask("POST", "/api/v2/assets/events", {"asset_id": orders.id, "extra": {"by": "them"}})
    assert answer.status == 200
    assert json.loads(answer.body)["extra"] == {"by": "them", "from_rest_api": True}
    assert backend.assets.stored_events[0].name == "orders"
    missing = client.ask("POST", "/api/v2/assets/events", {"asset_id": 7})
    assert (missing.status, json.loads(missing.body)["detail"]) == (404, "Asset with ID: `7` was not found")
    assert client.ask("POST", "/api/v2/assets/events", {"asset_id": orders.id, "more": 1}).status == 422


def test_an_asset_is_made_by_a_run_of_its_only_producer(
    client: Any, backend: Any, orders: AssetRecord, noon: Any
) -> None:
    answer = client.ask("POST", f"/api/v2/assets/{orders.id}/materialize", {"conf": {"x": 1}})
    assert answer.status == 200
    (order,) = backend.orders
    assert (order.dag_id, order.run_type, order.conf) == ("etl", RunType.ASSET_MATERIALIZATION, {"x": 1})
    nobody = add(backend, "nobody", noon)
    assert client.ask("POST", f"/api/v2/assets/{nobody.id}/materialize", {}).status == 404
    many = add(backend, "many", noon, producers=("etl/a", "nightly/b"))
    assert client.ask("POST", f"/api/v2/assets/{many.id}/materialize", {}).status == 409


def wait(backend: Any, record: AssetRecord, dag_id: str, since: Any) -> None:
    backend.assets.waiting.append(
        AssetQueue(dag_id=dag_id, name=record.name, uri=record.uri, since=since, updated_at=since)
    )


def test_updates_that_wait_are_listed_and_forgotten(client: Any, backend: Any, orders: AssetRecord, noon: Any) -> None:
    wait(backend, orders, "nightly", noon)
    wait(backend, orders, "etl", noon)
    queued = f"/api/v2/assets/{orders.id}/queuedEvents"
    assert {each["dag_id"] for each in client.read(queued)["queued_events"]} == {"nightly", "etl"}
    (one,) = client.read("/api/v2/dags/nightly/assets/queuedEvents")["queued_events"]
    assert (one["asset_id"], one["dag_id"]) == (asset_id("orders", "gs://lake/orders"), "nightly")
    assert client.read(f"/api/v2/dags/nightly/assets/{orders.id}/queuedEvents")["asset_id"] == orders.id
    assert client.read(f"{queued}?before=2020-01-01T00:00:00Z")["total_entries"] == 0
    assert client.ask("DELETE", f"/api/v2/dags/etl/assets/{orders.id}/queuedEvents").status == 204
    assert client.ask("DELETE", "/api/v2/dags/nightly/assets/queuedEvents").status == 204
    assert client.ask("DELETE", queued).status == 404
    assert client.get(f"/api/v2/dags/nightly/assets/{orders.id}/queuedEvents").status == 404


def test_a_dag_shows_its_condition(client: Any, backend: Any) -> None:
    record = backend.records["etl"]
    parts = (
        AssetNode(kind=AssetKind.ASSET, name="a", uri="b", group="asset"),
        AssetNode(kind=AssetKind.ALIAS, name="x", group="asset"),
        AssetNode(kind=AssetKind.NAME_REF, name="n"),
        AssetNode(kind=AssetKind.ALL, parts=(AssetNode(kind=AssetKind.URI_REF, uri="u"),)),
    )
    dag = backend.version("etl", record.version)
    schedule = replace(dag.schedule, assets=AssetNode(kind=AssetKind.ANY, parts=parts))
    backend.versions["etl", record.version] = replace(dag, schedule=schedule)
    assert client.read("/api/v2/dags/etl/details")["asset_expression"] == {
        "any": [
            {"asset": {"uri": "b", "name": "a", "group": "asset", "id": asset_id("a", "b")}},
            {"alias": {"name": "x", "group": "asset"}},
            {"asset_ref": {"name": "n"}},
            {"all": [{"asset_ref": {"uri": "u"}}]},
        ]
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("has_asset_schedule=true", ["etl"]),
        ("asset_dependency=lake", ["etl"]),
        ("asset_dependency=other", []),
    ],
)
def test_dags_are_found_by_the_assets_that_they_wait_for(
    client: Any, backend: Any, query: str, found: list[str]
) -> None:
    version = backend.records["etl"].version
    dag = backend.version("etl", version)
    waits = AssetNode(kind=AssetKind.ASSET, name="orders", uri="gs://lake/orders")
    backend.versions["etl", version] = replace(dag, schedule=replace(dag.schedule, assets=waits))
    assert [each["dag_id"] for each in client.read(f"/api/v2/dags?{query}")["dags"]] == found
    without = client.read("/api/v2/dags?has_asset_schedule=false")["dags"]
    assert "etl" not in [each["dag_id"] for each in without]
