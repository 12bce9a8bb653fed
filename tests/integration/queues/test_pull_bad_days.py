"""Pull workers that are killed, told to stop, sent everything twice, or left without Pub/Sub."""

import os
import signal
import sys
from collections.abc import Callable

import psutil
import pytest
from bad_day import Standalone, assert_gone, eventually
from queue_world import command_of, family_of, instances

from localcloud.faults import FaultKind

SLOTS = 4
"""Of a worker of the queue `vm`, as its settings have it."""


def test_a_worker_killed_with_a_task_in_hand_loses_nothing(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient_vm")
    worker = command_of(standalone.notes.pid(run_id, "long"), "worker")
    family = family_of(worker)
    worker.kill()
    assert_gone(family)
    standalone.notes.release(run_id, "long")
    with standalone.ticking():
        assert standalone.wait_for_end("patient_vm", run_id) == "success"
    # The lease ran out, which costs a try; another worker had been started meanwhile.
    assert standalone.notes.tries(run_id) == [("after", 1), ("long", 1), ("long", 2)]


def test_a_worker_that_is_told_to_stop_hands_back_what_it_cannot_finish_at_no_cost(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient_vm")
    worker = command_of(standalone.notes.pid(run_id, "long"), "worker")
    family = family_of(worker)
    worker.send_signal(signal.SIGTERM)
    assert_gone(family)
    standalone.notes.pid(run_id, "long", 2)  # No tick was needed for that, and no lease ran out.
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient_vm", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("after", 1), ("long", 1), ("long", 2)]
    assert instances(standalone, "patient_vm", run_id)["long"].max_tries == 4 + 1


def test_a_worker_that_is_told_to_stop_lets_a_short_task_end(standalone: Standalone) -> None:
    run_id = standalone.trigger("short")
    command_of(standalone.notes.pid(run_id, "brief"), "worker").send_signal(signal.SIGTERM)
    assert standalone.wait_for_end("short", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("brief", 1)]


def test_what_a_full_worker_holds_goes_to_another_when_it_stops(standalone: Standalone) -> None:
    """Six tasks for four slots: two wait in the worker's hands or in the queue, four run."""
    run_id = standalone.trigger("crowd")
    eventually(lambda: len(standalone.notes.lines(run_id)) == 4, "four tasks run")
    pid = int(standalone.notes.lines(run_id)[0][2])
    command_of(pid, "worker").send_signal(signal.SIGTERM)
    names = [f"one_{number}" for number in range(6)]
    for name in names:
        standalone.notes.release(run_id, name)
    assert standalone.wait_for_end("crowd", run_id) == "success"
    tried = standalone.notes.tries(run_id)
    assert {task_id for task_id, _ in tried} == {*names, "join"}
    assert {number for _, number in tried} == {1}


def test_messages_that_come_twice_run_no_task_twice(standalone: Standalone) -> None:
    standalone.inject("pubsub.deliver", FaultKind.DUPLICATE, times=20)
    run_id = standalone.trigger("mixed_fan")
    assert standalone.wait_for_end("mixed_fan", run_id) == "success"
    assert standalone.notes.repeated(run_id) == {}


def test_deliveries_that_vanish_are_made_good(standalone: Standalone) -> None:
    standalone.inject("pubsub.Acknowledge", FaultKind.ERROR, times=2)
    run_id = standalone.trigger("mixed")
    assert standalone.wait_for_end("mixed", run_id) == "success"
    assert standalone.notes.repeated(run_id) == {}


@pytest.mark.slow
def test_everything_killed_at_once_goes_on_after_a_restart(start: Callable[..., Standalone]) -> None:
    first = start()
    runs = {dag_id: first.trigger(dag_id) for dag_id in ("patient_vm", "patient_heavy")}
    for run_id in runs.values():
        first.notes.pid(run_id, "long")
    first.kill()
    second = start()
    for dag_id, run_id in runs.items():
        second.notes.release(run_id, "long")
        with second.ticking():
            assert second.wait_for_end(dag_id, run_id) == "success"
        assert second.notes.tries(run_id) == [("after", 1), ("long", 1), ("long", 2)]


@pytest.mark.slow
def test_a_worker_survives_a_restart_of_pubsub(start: Callable[..., Standalone]) -> None:
    """A second worker, which does not belong to the standalone, outlives two of them and works for both."""
    first = start()
    command = psutil.Process(next(iter(pull_workers(first))).pid)
    environment = {**command.environ(), "SAILPLANE_LOG_FORMAT": "plain"}
    outsider = psutil.Popen([sys.executable, *command.cmdline()[1:]], env=environment, start_new_session=True)
    try:
        first.stop()
        second = start()
        for worker in pull_workers(second):
            worker.send_signal(signal.SIGSTOP)
        # What Pub/Sub has for a stopped worker waits for it; that is no more than it has slots for, so one is left.
        runs = [second.trigger("short") for _ in range(SLOTS + 1)]
        run_id = eventually(lambda: first_success(second, runs), "a run is worked off by the outsider")
        pid = second.notes.pid(run_id, "brief")
        assert psutil.pid_exists(outsider.pid)
        assert not any(pid == one.pid for worker in pull_workers(second) for one in family_of(worker))
        outsider.send_signal(signal.SIGTERM)
        assert outsider.wait(20) == 0
    finally:
        if outsider.is_running():
            os.killpg(outsider.pid, signal.SIGKILL)
            outsider.wait()


def first_success(standalone: Standalone, runs: list[str]) -> str | None:
    return next((run_id for run_id in runs if standalone.run_state("short", run_id) == "success"), None)


def pull_workers(standalone: Standalone) -> list[psutil.Process]:
    def running() -> list[psutil.Process]:
        return [one for one in standalone.family() if "worker" in one.cmdline() and "--queue" in one.cmdline()]

    found: list[psutil.Process] = eventually(running, "a pull worker runs")
    return found


@pytest.mark.slow
def test_two_workers_share_what_comes(start: Callable[..., Standalone]) -> None:
    standalone = start("--no-tick")
    command = psutil.Process(next(iter(pull_workers(standalone))).pid)
    second = psutil.Popen([sys.executable, *command.cmdline()[1:]], env=command.environ(), start_new_session=True)
    try:
        run_id = standalone.trigger("crowd")
        # Four slots each: all six run side by side only when neither holds what the other has room for.
        eventually(lambda: len(standalone.notes.lines(run_id)) == 6, "all six tasks run")
        for number in range(6):
            standalone.notes.release(run_id, f"one_{number}")
        assert standalone.wait_for_end("crowd", run_id) == "success"
        assert standalone.notes.repeated(run_id) == {}
    finally:
        os.killpg(second.pid, signal.SIGTERM)
        second.wait(20)
