"""`sailplane assets`."""

from collections.abc import Callable
from typing import Any

import pytest

from sailplane.model.assets import AliasRecord, AssetRecord
from sailplane.model.states import RunType, TriggeredBy

Cli = Callable[..., Any]


@pytest.fixture
def lake(backend: Any) -> Any:
    when = backend.records["etl"].pushed_at
    named: list[dict[str, Any]] = [
        {"name": "orders", "producers": ("etl/extract",), "consumers": ("nightly",)},
        {"name": "many", "producers": ("etl/a", "nightly/b")},
        {"name": "gone", "is_active": False},
    ]
    for fields in named:
        record = AssetRecord(uri=f"gs://lake/{fields['name']}", created_at=when, updated_at=when, **fields)
        backend.assets.records[record.id] = record
    alias = AliasRecord(name="found", consumers=("nightly",))
    backend.assets.stored_aliases[alias.id] = alias
    return backend


def test_assets_and_aliases_are_listed(cli: Cli, lake: Any) -> None:
    assert [row["name"] for row in cli("assets", "list", "-o", "json").json] == ["many", "orders"]
    (alias,) = cli("assets", "list", "--alias", "-o", "json").json
    assert (alias["name"], alias["scheduled_dags"]) == ("found", ["nightly"])


def test_one_is_shown_by_name_or_uri(cli: Cli, lake: Any) -> None:
    shown = cli("assets", "details", "--name", "orders", "-o", "json").json
    assert (shown["uri"], shown["producers"], shown["scheduled_dags"]) == (
        "gs://lake/orders",
        ["etl.extract"],
        ["nightly"],
    )
    assert cli("assets", "details", "--uri", "gs://lake/orders", "-o", "json").json == shown
    assert cli("assets", "details", "--alias", "--name", "found", "-o", "json").json["name"] == "found"


def test_the_dag_that_makes_an_asset_is_started(cli: Cli, lake: Any) -> None:
    assert cli("assets", "materialize", "--name", "orders").code == 0
    (order,) = lake.orders
    assert (order.dag_id, order.run_type, order.triggered_by) == ("etl", RunType.ASSET_MATERIALIZATION, TriggeredBy.CLI)


def test_an_update_is_told(cli: Cli, lake: Any) -> None:
    (row,) = cli("assets", "emit", "--name", "orders", "--extra", '{"rows": 3}', "-o", "json").json
    assert (row["name"], row["extra"]) == ("orders", {"rows": 3})
    assert len(lake.assets.stored_events) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("details",), "--name or --uri is needed"),
        (("details", "--name", "no"), "there is no asset with name 'no'"),
        (("details", "--alias", "--name", "no"), "there is no alias 'no'"),
        (("details", "--alias", "--uri", "x"), "an alias has a name"),
        (("materialize", "--name", "many"), "etl, nightly do: trigger one of them"),
        (("materialize", "--name", "gone"), "none does"),
        (("emit", "--name", "orders", "--extra", "[]"), "must be a JSON object"),
        (("emit", "--name", "orders", "--extra", "{"), "is not JSON"),
    ],
)
def test_what_cannot_be_is_said(cli: Cli, lake: Any, arguments: tuple[str, ...], message: str) -> None:
    done = cli("assets", *arguments)
    assert done.code != 0
    assert message in done.err
