"""Runs and task instances show what they used and cost."""

from dataclasses import replace

import pytest

from sailplane.model.ids import RunKey
from sailplane.model.states import TaskState
from sailplane.model.usage import Usage

FIRST = RunKey("etl", "first")
USAGE = Usage(writes=3, reads=0.5, messages=0.125, class_a=1, vcpu_seconds=0.0123, gib_seconds=0.0123)


@pytest.fixture
def used(backend):
    backend.stored_runs[FIRST] = replace(backend.stored_runs[FIRST], usage=Usage(writes=2))
    backend.add_task(FIRST, "extract", TaskState.SUCCESS, usage=USAGE, cpu_seconds=0.01, max_rss_mib=42.0)
    return backend


def test_a_run_is_shown_with_what_it_and_its_tasks_used(cli, used):
    shown = cli("runs", "show", "etl", "first", "-o", "json").json
    assert (shown["writes"], shown["reads"], shown["messages"], shown["objects"]) == (5, 0.5, 0.125, 1)
    assert shown["vcpu_seconds"] == 0.0123
    assert 0 < shown["task_instances"][0]["cost"] < shown["cost"] < 0.0001


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_a_task_instance_is_shown_with_what_it_used(cli, used, form):
    shown = cli("tasks", "show", "etl", "first", "extract", "-o", form)
    assert shown.code == 0, shown.err
    for word in ("writes", "max_rss_mib", "cost"):
        assert word in shown.out


def test_costs_in_a_table_keep_the_digits_that_matter(cli, used):
    out = cli("tasks", "states-for-dag-run", "etl", "first").out
    assert "$0.00000" in out


def test_a_task_instance_that_is_not_there_is_told_in_one_line(cli):
    shown = cli("tasks", "show", "etl", "first", "none")
    assert shown.code == 1
    assert "no task instance none" in shown.err
