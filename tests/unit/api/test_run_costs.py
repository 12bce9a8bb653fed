from dataclasses import replace

import pytest

from sailplane.model.ids import RunKey
from sailplane.model.states import TaskState
from sailplane.model.usage import Usage

FIRST = RunKey("etl", "first")
COST = "/api/v2/dags/etl/dagRuns/first/cost"


@pytest.fixture
def used(backend):
    """A run that wrote two documents for itself and a hundred thousand for a task."""
    backend.stored_runs[FIRST] = replace(backend.stored_runs[FIRST], usage=Usage(writes=2, reads=3))
    usage = Usage(writes=100_000, requests=1, vcpu_seconds=1000)
    backend.add_task(FIRST, "extract", TaskState.SUCCESS, usage=usage, cpu_seconds=0.5, try_number=2)
    return backend


def test_a_run_tells_what_it_and_its_task_instances_used_and_cost(client, used):
    told = client.read(COST)
    assert (told["dag_id"], told["dag_run_id"], told["currency"]) == ("etl", "first", "USD")
    assert told["own"]["usage"] == {"writes": 2, "reads": 3}
    assert told["usage"]["writes"] == 100_002
    assert told["services"].keys() == {"Firestore", "Cloud Run"}
    assert told["total"] == pytest.approx(sum(told["services"].values()))
    by_task = {(one["task_id"], one["map_index"]): one for one in told["task_instances"]}
    extract = by_task["extract", -1]
    assert extract["total"] == pytest.approx(0.09 + 0.024 + 0.0000004)
    assert (extract["cpu_seconds"], extract["try_number"]) == (0.5, 2)
    assert by_task["load", 0]["total"] == 0, "of a document that an earlier version wrote"
    assert told["total"] == pytest.approx(told["own"]["total"] + sum(one["total"] for one in by_task.values()))


def test_the_cost_says_which_prices_it_was_made_with(client, used):
    told = client.read(COST)
    assert told["prices_of"] >= "2026-11-23"
    assert told["region"] == "us-central1"


def test_a_run_that_is_not_there_has_no_cost(client):
    assert client.get(COST.replace("first", "none")).status == 404


def test_the_cost_is_described(client):
    paths = client.read("/openapi.json")["paths"]
    assert "get" in paths["/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/cost"]
