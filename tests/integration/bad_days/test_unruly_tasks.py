"""Tasks that misbehave: each ends as a clear failure or a kept value, the worker lives on and runs the next task."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bad_day import DAGS, Standalone, is_running

from sailplane.model import xcom
from sailplane.model.ids import RunKey, TaskKey, log_object

FAILURES = {
    "ignores_sigterm_and_its_timeout": r"AirflowTaskTimeout: execution_timeout of 0:00:00\.5\d* is over; the task did",
    "is_slower_than_its_timeout": r"AirflowTaskTimeout: ",
    "leaves_by_os_exit": r"TaskProcessExited: the task's process ended with exit status 3 before the task had",
    "leaves_by_os_exit_0": r"TaskProcessExited: the task's process ended with exit status 0 before the task had",
    "segfaults": r"TaskProcessKilled: the task's process was killed by signal 11 \(SIGSEGV\): a compiled library",
    "is_killed": r"TaskProcessKilled: the task's process was killed by signal 9 \(SIGKILL\): most likely .* memory",
    "kills_its_group": r"TaskProcessKilled: the task's process was killed by signal 9",
    "returns_a_lambda": r"XComNotSerializable: XCom 'return_value' of .*unruly.* a function \(at \['then'\]\[0\]\)",
    "returns_a_generator": r"XComNotSerializable: XCom 'return_value' of .*unruly.* it holds a generator\.",
    "returns_an_odd_object": r"XComNotSerializable: XCom 'return_value' of .*unruly.* it holds a \S+\.Odd\.",
    "returns_itself": r"XComNotSerializable: XCom 'return_value' of .* or holds itself",
    "pushes_an_odd_object": r"XComNotSerializable: XCom 'strange' of .*unruly.* it holds a \S+\.Odd\.",
    "raises_with_a_huge_message": r"ValueError: mmm",
    "raises_what_cannot_be_shown": r"Unprintable: its text cannot be made: RuntimeError",
    "raises_a_group": r"ExceptionGroup: several \(2 sub-exceptions\)",
    "raises_keyboard_interrupt": r"KeyboardInterrupt",
    "raises_system_exit": r"SystemExit: the task exited with code 4",
    "raises_generator_exit": r"GeneratorExit",
    "recurses_for_ever": r"RecursionError: maximum recursion depth exceeded",
    "closes_everything": r"TaskProcessDisconnected: .*closed file descriptors",
    "takes_more_memory_than_it_may": r"MemoryError",
}
VALUES: dict[str, Any] = {
    "prints_100_megabytes": "printed",
    "returns_20_megabytes": "v" * 20 * (1 << 20),
    "closes_its_output": "closed",
    "writes_binary": "\\ud800\x00",
    "changes_its_surroundings": None,
}
OTHERS = {
    "forks_children_that_outlive_it",
    "returns_as_a_fork_too",
    "returns_values_that_json_lacks",
    "replaces_builtins",
}


@dataclass(frozen=True, kw_only=True)
class Flight:
    """All unruly DAGs, run at once by one worker instance."""

    standalone: Standalone
    runs: dict[str, str]
    states: dict[str, str]
    workers: tuple[list[int], list[int]]
    """Process ids of the worker's instances before and after."""

    def dag(self, name: str) -> tuple[str, str]:
        return f"unruly_{name}", self.runs[name]


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flight]:
    standalone = Standalone(tmp_path_factory.mktemp("unruly") / "home", DAGS, "--no-tick")
    try:
        yield fly(standalone.wait_until_ready())
    finally:
        standalone.clean_up()


def fly(standalone: Standalone) -> Flight:
    first = standalone.trigger("diamond")
    standalone.wait_for_end("diamond", first)
    before = standalone.instances("worker")
    names = [*FAILURES, *VALUES, *OTHERS]
    runs = {name: standalone.trigger(f"unruly_{name}") for name in names}
    states = {name: standalone.wait_for_end(f"unruly_{name}", run_id) for name, run_id in runs.items()}
    last = standalone.trigger("diamond")
    assert standalone.wait_for_end("diamond", last) == "success"
    after = [pid for pid in before if is_running(pid)]
    return Flight(standalone=standalone, runs=runs, states=states, workers=(before, after))


def test_the_worker_lives_on(flight: Flight) -> None:
    before, after = flight.workers
    assert after == before


def test_every_unruly_task_is_here(flight: Flight) -> None:
    declared = {dag["dag_id"] for dag in flight.standalone.get("/api/v2/dags?limit=1000")["dags"]}
    assert {f"unruly_{name}" for name in [*FAILURES, *VALUES, *OTHERS]} == {d for d in declared if "unruly" in d}


@pytest.mark.parametrize("name", [*FAILURES, *VALUES, *OTHERS])
def test_each_runs_once_and_the_next_task_runs(flight: Flight, name: str) -> None:
    assert flight.standalone.notes.tries(flight.runs[name]) == [("next_one", 1), ("unruly", 1)]
    assert flight.states[name] == "success"


@pytest.mark.parametrize("name", FAILURES)
def test_it_fails_with_a_clear_reason_in_the_task_and_in_its_log(flight: Flight, name: str) -> None:
    dag_id, run_id = flight.dag(name)
    instance = flight.standalone.cloud.store.task(RunKey(dag_id, run_id), TaskKey("unruly"))
    assert instance is not None
    assert instance.error is not None
    assert instance.state == "failed"
    error = f"{instance.error.kind}: {instance.error.message}"
    assert re.match(FAILURES[name], error), error[:500]
    log = flight.standalone.get(f"/api/v2/dags/unruly_{name}/dagRuns/{flight.runs[name]}/taskInstances/unruly/logs/1")
    assert instance.error.kind in str(log["content"])


@pytest.mark.parametrize("name", VALUES)
def test_it_succeeds_and_its_value_is_kept(flight: Flight, name: str) -> None:
    dag_id, run_id = flight.dag(name)
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/unruly"
    assert flight.standalone.get(path)["state"] == "success"
    if VALUES[name] is not None:
        assert flight.standalone.xcom(*flight.dag(name), "unruly") == VALUES[name]


def test_values_that_json_lacks_come_back_as_they_were(flight: Flight) -> None:
    dag_id, run_id = flight.dag("returns_values_that_json_lacks")
    instance = flight.standalone.cloud.store.task(RunKey(dag_id, run_id), TaskKey("unruly"))
    assert instance is not None
    value = xcom.loads(instance.xcoms["return_value"])
    assert math.isnan(value.pop("nan"))
    assert value == {
        "decimal": Decimal("1.10"),
        "moment": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "set": {1, 2},
        "bytes": b"\x00\xff",
        1: ("a", "tuple"),
    }


def test_of_a_log_of_100_megabytes_the_beginning_is_kept_and_the_rest_is_counted(flight: Flight) -> None:
    dag_id, run_id = flight.dag("prints_100_megabytes")
    name = log_object(RunKey(dag_id, run_id), TaskKey("unruly"), 1)
    data = flight.standalone.cloud.blobs.read(name)
    assert 60 << 20 < len(data) < 66 << 20
    last = json.loads(data.splitlines()[-1])
    assert re.search(r"left out|not kept|dropped|cut", last["event"]), last


def test_processes_that_a_task_forked_do_not_outlive_it(flight: Flight) -> None:
    left = flight.standalone.xcom(*flight.dag("forks_children_that_outlive_it"), "unruly")
    assert len(left) == 2
    assert not any(map(is_running, left))


def test_a_fork_of_the_task_that_returns_too_does_not_end_it_twice(flight: Flight) -> None:
    value = flight.standalone.xcom(*flight.dag("returns_as_a_fork_too"), "unruly")
    assert value == flight.standalone.notes.pid(flight.runs["returns_as_a_fork_too"], "unruly")


def test_a_huge_message_is_shortened_in_the_task_and_less_so_in_its_log(flight: Flight) -> None:
    dag_id, run_id = flight.dag("raises_with_a_huge_message")
    error = flight.standalone.tasks(dag_id, run_id)["unruly"]["error"]
    assert error.endswith("m... and 5,232,880 more characters")
    data = flight.standalone.cloud.blobs.read(log_object(RunKey(dag_id, run_id), TaskKey("unruly"), 1))
    assert data.count(b"m") > 100_000


def test_what_was_written_in_bytes_is_shown_as_far_as_it_is_text(flight: Flight) -> None:
    log = flight.standalone.log(*flight.dag("writes_binary"), "unruly")
    assert "ABCDEFG" in log
    assert "half a pair" in log
