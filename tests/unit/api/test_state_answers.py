"""`.../taskInstances/{task_id}/state-store`: Airflow's answers."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.state_store import RETENTION, AssetEntry, OfTask, StateWriter, TaskEntry, WriterKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "/api/v2/dags/etl/dagRuns/first/taskInstances/extract/state-store"
OWNER = OfTask(run=RunKey("etl", "first"), task=TaskKey("extract"))


@pytest.fixture
def filled(backend):
    for key, value in {"job/1": '{"id": 7}', "at": '"10"'}.items():
        backend.states.put(
            TaskEntry(run=OWNER.run, task=OWNER.task, key=key, value=value, updated_at=NOON, expires_at=NOON)
        )
    return backend


def status(client, method, url, body=None):
    return client.ask(method, url, body).status


def test_entries_are_listed_by_key_in_pages(client, filled):
    listed = client.read(URL)
    assert [one["key"] for one in listed["task_state_store"]] == ["at", "job/1"]
    assert listed["task_state_store"][1] == {
        "key": "job/1",
        "value": {"id": 7},
        "updated_at": "2026-03-01T12:00:00Z",
        "expires_at": "2026-03-01T12:00:00Z",
    }
    page = client.read(f"{URL}?limit=1&offset=1")
    assert ([one["key"] for one in page["task_state_store"]], page["total_entries"]) == (["job/1"], 2)
    assert client.read(f"{URL}?map_index=3")["total_entries"] == 0


def test_a_key_may_have_slashes(client, filled):
    assert client.read(f"{URL}/job/1")["value"] == {"id": 7}


def test_a_key_that_is_not_there_is_not_found(client, filled):
    answer = client.ask("GET", f"{URL}/none")
    assert (answer.status, json.loads(answer.body)["detail"]) == (404, "Task state store key 'none' not found")
    assert status(client, "PATCH", f"{URL}/none", {"value": 1}) == 404


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, RETENTION),
        ({"expires_at": "default"}, RETENTION),
        ({"expires_at": None}, None),
        ({"expires_at": "2030-01-01T02:00:00+02:00"}, datetime(2030, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_entry_is_set_with_its_expiry(client, filled, given, expected):
    before = datetime.now(UTC)
    assert status(client, "PUT", f"{URL}/new", {"value": [1, 2.5, "a"], **given}) == 204
    entry = filled.states.entry(OWNER, "new")
    assert entry.value == '[1, 2.5, "a"]'
    if isinstance(expected, timedelta):
        assert before + expected <= entry.expires_at <= datetime.now(UTC) + expected
    else:
        assert entry.expires_at == expected


def test_a_change_keeps_the_expiry(client, filled):
    assert status(client, "PATCH", f"{URL}/at", {"value": "20"}) == 200
    entry = filled.states.entry(OWNER, "at")
    assert (entry.value, entry.expires_at) == ('"20"', NOON)
    assert entry.updated_at > NOON


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"value": None}, "value cannot be null"),
        ({"value": "x" * 70_000}, "value exceeds max_value_storage_bytes (65535)"),
        ({"value": 1, "expires_at": "2030-01-01T00:00:00"}, "a time with its zone"),
        ({"value": 1, "expires_at": "soon"}, "a time with its zone"),
    ],
)
def test_what_cannot_be_set_is_told(client, filled, body, message):
    answer = client.ask("PUT", f"{URL}/new", body)
    assert answer.status == 422
    assert message in json.loads(answer.body)["detail"][0]["msg"]


def test_entries_are_deleted_one_by_one_or_all(client, filled):
    assert status(client, "DELETE", f"{URL}/job/1") == 204
    assert status(client, "DELETE", f"{URL}/job/1") == 204
    assert [entry.key for entry in filled.states.entries(OWNER)] == ["at"]
    assert status(client, "DELETE", URL) == 204
    assert filled.states.entries(OWNER) == []


def test_all_instances_of_a_task_are_cleared_at_once(client, filled):
    assert status(client, "DELETE", f"{URL}?all_map_indices=true") == 204
    assert filled.states.entries(OWNER) == []


@pytest.mark.parametrize(
    ("method", "url"), [("PUT", f"{URL}/a"), ("PATCH", f"{URL}/at"), ("DELETE", f"{URL}/a"), ("DELETE", URL)]
)
def test_a_task_instance_that_is_not_there_is_not_found(client, filled, method, url):
    answer = client.ask(method, f"{url}?map_index=9", {"value": 1})
    assert answer.status == 404
    assert "map_index=9" in json.loads(answer.body)["detail"]


def test_a_task_without_instances_is_not_found(client, filled):
    url = f"{URL.replace('extract', 'absent')}?all_map_indices=true"
    assert status(client, "DELETE", url) == 404


ASSET_URL = "/api/v2/assets/7/state-store"


@pytest.fixture
def with_asset(backend):
    backend.states.assets.add(7)
    writer = StateWriter(kind=WriterKind.TASK, dag_id="etl", run_id="first", task_id="extract", map_index=-1)
    backend.states.put(AssetEntry(asset=7, key="at/eu", value="10", updated_at=NOON, written_by=writer))
    return backend


def test_the_state_of_an_asset_says_who_set_it(client, with_asset):
    by_task = {"kind": "task", "dag_id": "etl", "run_id": "first", "task_id": "extract", "map_index": -1}
    entry = {"key": "at/eu", "value": 10, "updated_at": "2026-03-01T12:00:00Z", "last_updated_by": by_task}
    assert client.read(ASSET_URL) == {"asset_state_store": [entry], "total_entries": 1}
    assert client.read(f"{ASSET_URL}/at/eu") == entry
    assert status(client, "PUT", f"{ASSET_URL}/at/eu", {"value": {"row": 5}}) == 204
    changed = client.read(f"{ASSET_URL}/at/eu")
    assert changed["value"] == {"row": 5}
    assert changed["last_updated_by"] == dict.fromkeys(by_task) | {"kind": "api"}


def test_the_state_of_an_asset_is_deleted(client, with_asset):
    assert status(client, "DELETE", f"{ASSET_URL}/none") == 204
    assert status(client, "DELETE", f"{ASSET_URL}/at/eu") == 204
    assert status(client, "GET", f"{ASSET_URL}/at/eu") == 404
    status(client, "PUT", f"{ASSET_URL}/a", {"value": 1})
    assert status(client, "DELETE", ASSET_URL) == 204
    assert client.read(ASSET_URL)["total_entries"] == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/a"), ("PUT", "/a"), ("DELETE", "/a"), ("DELETE", "")]
)
def test_an_asset_that_is_not_there_is_not_found(client, with_asset, method, path):
    assert status(client, method, f"/api/v2/assets/8/state-store{path}", {"value": 1}) == 404
    assert status(client, "PUT", f"{ASSET_URL}/a", {"value": None}) == 422
