"""Mapped task instances on the command line."""

from dataclasses import replace

import pytest

from sailplane.model.ids import RunKey, TaskKey

SECOND_LOAD = (RunKey("etl", "first"), TaskKey("load", 1))


@pytest.fixture(autouse=True)
def named(backend):
    backend.instances[SECOND_LOAD] = replace(backend.instances[SECOND_LOAD], map_name="south")
    backend.logs[*SECOND_LOAD, 1] = [{"event": "hello from the second"}]


def test_each_instance_is_listed_with_its_index_and_name(cli):
    rows = cli("tasks", "states-for-dag-run", "etl", "first", "-o", "json").json
    assert [(row["task_id"], row["map_index"], row.get("rendered_map_index")) for row in rows] == [
        ("extract", -1, None),
        ("load", 0, "0"),
        ("load", 1, "south"),
        ("tail.report", -1, None),
    ]


def test_one_instance_is_shown_by_its_index(cli):
    assert cli("tasks", "show", "etl", "first", "load", "--map-index", "1", "-o", "json").json["map_index"] == 1


def test_the_log_of_one_instance_is_printed_by_its_index(cli):
    assert "hello from the second" in cli("tasks", "logs", "etl", "first", "load", "--map-index", "1").out
    without = cli("tasks", "logs", "etl", "first", "load")
    assert (without.code, "--map-index 0 to 1" in without.err) == (1, True)
