"""DAGs with assets, in tests of DAGs."""

from typing import Any

import pytest

from sailplane import DAG, Asset, AssetAlias, Metadata, task
from sailplane.testing.harness import DagHarness

ORDERS = Asset("orders", "gs://lake/orders")
REPORT = Asset("report")


@pytest.fixture
def harness() -> DagHarness:
    with DAG("flow", schedule=[ORDERS]) as dag:

        @task(inlets=[ORDERS], outlets=[REPORT, AssetAlias("found")])
        def count(*, triggering_asset_events: Any, inlet_events: Any, outlet_events: Any) -> Any:
            rows = sum(event.extra["rows"] for event in triggering_asset_events.get(ORDERS, ()))
            yield Metadata(REPORT, {"rows": rows})
            outlet_events[AssetAlias("found")].add(Asset("table"))
            return [rows, len(inlet_events[ORDERS].limit(1))]

        count()
    return DagHarness(dag)


def test_a_run_has_the_events_that_it_is_given_and_tells_what_was_updated(harness: DagHarness) -> None:
    run = harness.run(asset_events={"orders": [{"rows": 3}, {"rows": 4}]})
    run.assert_success()
    assert run.xcom("count") == [7, 1]
    told = [(update.name, dict(update.extra), update.aliases) for update in run.asset_updates]
    assert told == [("report", {"rows": 7}, ()), ("table", {}, ("found",))]


def test_a_task_alone_has_them_too_and_without_any_there_are_none(harness: DagHarness) -> None:
    assert harness.run_task("count", asset_events={"orders": [{"rows": 1}]}).xcom("count") == [1, 1]
    assert harness.run().xcom("count") == [0, 0]
