"""The standalone is killed or told to stop while runs are under way: nothing is left behind, and they end later."""

import signal
import time
from collections.abc import Callable
from functools import partial

import psutil
import pytest
from bad_day import Standalone, eventually

Start = Callable[..., Standalone]


def name_of_child(pid: int) -> str:
    """Of the process that a task starts right after it has noted its own."""
    give_up_at = time.monotonic() + 20
    while not (children := psutil.Process(pid).children()) or children[0].name() != "sleep":
        assert time.monotonic() < give_up_at, children
        time.sleep(0.05)
    return children[0].name()


def test_a_killed_standalone_leaves_no_process_and_its_runs_end_after_the_next_start(start: Start) -> None:
    first = start("--no-tick")
    waiting = first.trigger("patient")
    crowded = first.trigger("patient_crowd")
    pids = [first.notes.pid(waiting, "long"), *(first.notes.pid(crowded, f"one_{number:02}") for number in range(12))]
    assert name_of_child(pids[0]) == "sleep"
    first.kill()
    second = start("--no-tick")
    for number in range(12):
        second.notes.release(crowded, f"one_{number:02}")
    second.notes.release(waiting, "long")
    with second.ticking():
        assert second.wait_for_end("patient", waiting) == "success"
        assert second.wait_for_end("patient_crowd", crowded) == "success"
    assert second.notes.tries(waiting) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]
    names = [f"one_{number:02}" for number in range(12)]
    assert second.notes.tries(crowded) == sorted([*((name, n) for name in names for n in (1, 2)), ("join", 1)])
    assert second.live_documents() == []
    assert second.stop() == 0


@pytest.mark.slow
def test_a_standalone_killed_at_any_moment_of_a_run_ends_it_after_the_next_start(start: Start) -> None:
    """Twelve runs at every stage of their lives when the kill comes; three kills."""
    runs: list[str] = []

    def executions(running: Standalone) -> int:
        return sum(len(running.notes.lines(run_id)) for run_id in runs)

    for kill in range(3):
        running = start("--no-tick")
        runs += [running.trigger("diamond") for _ in range(12)]
        eventually(partial(lambda one, least: executions(one) >= least, running, kill * 15), "some tasks ran")
        running.kill()
    last = start("--no-tick")
    with last.ticking():
        assert [last.wait_for_end("diamond", run_id) for run_id in runs] == ["success"] * len(runs)
    assert [last.notes.repeated(run_id) for run_id in runs] == [{}] * len(runs)
    assert last.live_documents() == []


def test_a_standalone_told_to_stop_does_so_cleanly_and_the_next_start_goes_on(start: Start) -> None:
    """With the clock that it has: the first tick comes at the start."""
    first = start()
    run_id = first.trigger("patient")
    first.notes.pid(run_id, "long")
    assert first.stop(signal.SIGTERM) == 0
    assert "Traceback" not in first.output.read_text()
    second = start()
    second.notes.release(run_id, "long")
    assert second.wait_for_end("patient", run_id, 100) == "success"
    assert second.notes.tries(run_id) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]
    assert second.xcom("patient", run_id, "after") == "kept 2 to the end"
    assert second.stop() == 0


def test_two_signals_in_a_row_stop_it_cleanly_too(start: Start) -> None:
    standalone = start()
    standalone.notes.pid(standalone.trigger("patient"), "long")
    standalone.process.send_signal(signal.SIGTERM)
    assert standalone.stop(signal.SIGINT) == 0
    assert "Traceback" not in standalone.output.read_text()
