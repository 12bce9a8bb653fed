"""What comes of a run, for who waits for it, and the links of its tasks."""

import json
from dataclasses import replace

import pytest

from sailplane.model import xcom
from sailplane.model.ids import RunKey, TaskKey

FIRST = "/api/v2/dags/etl/dagRuns/first"
RUN = RunKey("etl", "first")


@pytest.fixture
def returned(backend):
    """What `extract` and both instances of `load` returned; `extract` gives the DAG's result, and has links."""
    for task_id, index, value in (("extract", -1, {"rows": 5}), ("load", 0, "north"), ("load", 1, "south")):
        key = (RUN, TaskKey(task_id, index))
        values = {"return_value": value, "_link_Map": "https://map.example/5"}
        xcoms = {name: xcom.dumps(each) for name, each in values.items()}
        backend.instances[key] = replace(backend.instances[key], xcoms=xcoms)
        backend.values[key] = values
    version = backend.run(RUN).context.version
    dag = backend.version("etl", version)
    links = {"Map": "_link_Map", "Weather": "_link_Weather"}
    tasks = [
        replace(task, returns_dag_result=True, extra_links=links) if task.task_id == "extract" else task
        for task in dag.tasks
    ]
    backend.versions["etl", version] = replace(dag, tasks=tuple(tasks))
    return backend


def lines(client, query):
    answer = client.get(f"{FIRST}/wait?{query}")
    assert answer.status == 200
    assert answer.content_type == "application/x-ndjson"
    return [json.loads(line) for line in answer.body.splitlines()]


@pytest.mark.usefixtures("returned")
def test_a_run_that_is_over_is_told_with_the_result_of_its_dag(client):
    assert lines(client, "interval=1") == [{"state": "success", "results": {"extract": {"rows": 5}}}]


@pytest.mark.usefixtures("returned")
def test_results_can_be_asked_for_by_task_and_are_lists_of_mapped_ones(client):
    assert lines(client, "interval=1&result=load&result=extract")[0]["results"] == {
        "extract": {"rows": 5},
        "load": ["north", "south"],
    }


def test_a_dag_without_a_result_has_none(client):
    assert lines(client, "interval=1") == [{"state": "success"}]


def test_a_run_that_goes_on_longer_than_a_request_may_is_told_as_it_is(client, backend):
    running = next(run.key for run in backend.runs("etl") if not run.state.is_terminal)
    answer = client.get(f"/api/v2/dags/{running.dag_id}/dagRuns/{running.run_id}/wait?interval=1000")
    assert json.loads(answer.body)["state"] in ("running", "queued")


@pytest.mark.parametrize(("query", "status"), [("", 422), ("interval=0", 422)])
def test_without_an_interval_nothing_is_waited_for(client, query, status):
    assert client.get(f"{FIRST}/wait?{query}").status == status


@pytest.mark.usefixtures("returned")
def test_the_links_of_a_task_are_named_also_those_that_were_not_made(client):
    assert client.read(f"{FIRST}/taskInstances/extract/links") == {
        "extra_links": {"Map": "https://map.example/5", "Weather": None},
        "total_entries": 2,
    }
    assert client.read(f"{FIRST}/taskInstances/load/links?map_index=0")["total_entries"] == 0
    assert client.get(f"{FIRST}/taskInstances/nothing/links").status == 404
