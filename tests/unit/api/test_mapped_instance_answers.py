"""Mapped task instances as Airflow's API shows them."""

import json
from dataclasses import replace

import pytest

from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.states import TaskState

RUN = RunKey("etl", "first")
FIRST = "/api/v2/dags/etl/dagRuns/first/taskInstances"


@pytest.fixture
def named(backend):
    """The instances of `load` call themselves north and south."""
    for index, name in enumerate(("north", "south")):
        key = (RUN, TaskKey("load", index))
        backend.instances[key] = replace(backend.instances[key], map_name=name, map_size=2)
    return backend


def test_an_instance_is_called_by_its_index_unless_its_template_says_otherwise(client, backend):
    assert client.read(f"{FIRST}/load/1")["rendered_map_index"] == "1"
    key = (RUN, TaskKey("load", 1))
    backend.instances[key] = replace(backend.instances[key], map_name="south")
    assert client.read(f"{FIRST}/load/1")["rendered_map_index"] == "south"
    assert client.read(f"{FIRST}/extract")["rendered_map_index"] is None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["north", "south"]),
        ("?order_by=-rendered_map_index", ["south", "north"]),
        ("?order_by=-map_index", ["south", "north"]),
        ("?rendered_map_index_pattern=%25ort%25", ["north"]),
        ("?rendered_map_index_prefix_pattern=so", ["south"]),
        ("?map_index=0", ["north"]),
        ("?state=failed", []),
        ("?limit=1&offset=1", ["south"]),
    ],
)
@pytest.mark.usefixtures("named")
def test_mapped_instances_are_listed_filtered_and_ordered(client, query, names):
    found = client.read(f"{FIRST}/load/listMapped{query}")["task_instances"]
    assert [one["rendered_map_index"] for one in found] == names


@pytest.mark.usefixtures("named")
def test_a_page_reads_no_other_instances(client, backend):
    page = client.read(f"{FIRST}/load/listMapped?limit=1&offset=1")
    assert ([one["map_index"] for one in page["task_instances"]], page["total_entries"]) == ([1], 2)
    assert backend.reads == 1


def test_only_mapped_tasks_have_mapped_instances(client):
    answer = client.get(f"{FIRST}/extract/listMapped")
    assert (answer.status, json.loads(answer.body)["detail"]) == (404, "Task id extract is not mapped")
    assert client.get(f"{FIRST}/gone/listMapped").status == 404


def test_a_mapped_task_without_instances_has_an_empty_list(client, backend):
    for index in (0, 1):
        del backend.instances[RUN, TaskKey("load", index)]
    found = client.read(f"{FIRST}/load/listMapped")
    assert (found["task_instances"], found["total_entries"]) == ([], 0)


def test_tries_and_logs_belong_to_one_instance(client, backend):
    key = (RUN, TaskKey("load", 1))
    backend.earlier[key] = [replace(backend.instances[key], state=TaskState.FAILED, try_number=1)]
    backend.instances[key] = replace(backend.instances[key], try_number=2)
    backend.logs[RUN, TaskKey("load", 1), 2] = [{"event": "second try of the second"}]
    tries = client.read(f"{FIRST}/load/1/tries")
    assert [(one["map_index"], one["try_number"]) for one in tries["task_instances"]] == [(1, 1), (1, 2)]
    assert client.read(f"{FIRST}/load/1/tries/1")["state"] == "failed"
    assert client.read(f"{FIRST}/load/0/tries")["total_entries"] == 1
    log = client.read(f"{FIRST}/load/logs/2?map_index=1")
    assert [line["event"] for line in log["content"]] == ["second try of the second"]
    assert client.get(f"{FIRST}/load/logs/2?map_index=0").status == 404
    assert client.get(f"{FIRST}/load/logs/1").status == 404
