"""Instances that are told to stop: a scale-in, a new revision. Nothing is lost, and nothing of it costs a retry."""

import threading

import psutil
import pytest
from platform_stage import Stage, eventually

from sailplane.model.states import TaskState


def test_a_running_task_is_handed_back_and_starts_again_elsewhere_without_a_tick(stage: Stage) -> None:
    run = stage.trigger("patient")
    child = psutil.Process(stage.pid(run, "long"))
    (instance,) = stage.instances()
    below = instance.children(recursive=True)
    stage.scale_in()
    _gone, alive = psutil.wait_procs([instance, child, *below], timeout=5)
    assert alive == []
    stage.pid(run, "long", 2)
    stage.release(run, "long")
    assert stage.wait_for_end(run) == "success"
    assert stage.tries(run) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]


def test_a_try_that_was_handed_back_is_kept_with_its_log_and_costs_no_retry(stage: Stage) -> None:
    run = stage.trigger("patient")
    stage.pid(run, "long")
    stage.scale_in()
    stage.pid(run, "long", 2)
    assert (stage.task(run, "long").try_number, stage.task(run, "long").max_tries) == (2, 2)
    (first,) = stage.cloud.store.tries(run, stage.task(run, "long").key)
    assert first.error is not None
    assert first.error.kind == "HandedBack"
    assert (first.try_number, first.max_tries, first.state) == (1, 1, TaskState.UP_FOR_RETRY)
    log = stage.log(run, "long", 1)
    assert "the long task began" in log
    assert "the worker was told to stop; the task is handed back" in log
    stage.release(run, "long")
    assert stage.wait_for_end(run) == "success"


def test_a_task_that_ends_soon_after_may_end_by_itself(stage: Stage) -> None:
    run = stage.trigger("patient")
    stage.pid(run, "long")
    with stage.scaling_in():
        eventually(lambda: not any(one.ready for one in stage.service().instances), "the instance was told to stop")
        stage.release(run, "long")
    assert stage.wait_for_end(run) == "success"
    assert stage.tries(run) == [("after", 1), ("before", 1), ("long", 1)]


def test_a_task_that_is_deaf_to_sigterm_is_killed_and_handed_back_in_time(stage: Stage) -> None:
    run = stage.trigger("deaf")
    stage.pid(run, "stubborn")
    stage.scale_in()
    stage.pid(run, "stubborn", 2)
    stage.release(run, "stubborn")
    assert stage.wait_for_end(run) == "success"
    assert stage.tries(run) == [("stubborn", 1), ("stubborn", 2)]


def test_what_waits_for_a_slot_is_published_again_and_runs_once(stage: Stage) -> None:
    stage.deploy("worker", env={"SAILPLANE_WORKER_CONCURRENCY": "2"}, max_instances=1)
    run = stage.trigger("crowd")
    eventually(lambda: len(stage.tries(run)) == 2, "two tasks run, and four wait")
    begun = [task_id for task_id, _ in stage.tries(run)]
    stage.scale_in()
    names = [f"one_{number}" for number in range(6)]
    stage.release(run, *names)
    assert stage.wait_for_end(run) == "success"
    expected = [*((name, 1) for name in names), *((name, 2) for name in begun), ("join", 1)]
    assert stage.tries(run) == sorted(expected)


def test_a_retry_that_is_waited_for_is_left_to_its_alarm_when_it_is_due(stage: Stage) -> None:
    run = stage.trigger("shaky")
    eventually(lambda: stage.states(run).get("shaky") == "up_for_retry", "the try has failed")
    held = stage.task(run, "shaky")
    stage.scale_in()
    left = stage.task(run, "shaky")
    assert left.state is TaskState.UP_FOR_RETRY
    assert held.alarm_at is not None
    assert left.alarm_at is not None
    assert left.alarm_at < held.alarm_at


def test_a_tick_that_stays_ends_in_order(stage: Stage) -> None:
    run = stage.trigger("shaky")
    eventually(lambda: stage.states(run).get("shaky") == "up_for_retry", "a retry is due within the minute")
    stage.scale_in()
    answers: list[tuple[int, str]] = []
    ticking = threading.Thread(target=lambda: answers.append(stage.call("tick")))
    ticking.start()
    eventually(lambda: any(one.active for one in stage.service("tick").instances), "the tick stays")
    stage.scale_in("tick")
    ticking.join()
    (status, report) = answers[0]
    assert status == 200, report


@pytest.mark.slow
def test_a_rolling_deploy_under_load_loses_nothing_and_repeats_only_what_it_stopped(stage: Stage) -> None:
    runs = [stage.trigger("chain") for _ in range(6)]
    waiting = [stage.trigger("patient") for _ in range(3)]
    for run in waiting:
        stage.pid(run, "long")
    for _ in range(2):
        stage.deploy("worker")
    for run in waiting:
        stage.release(run, "long")
    assert [stage.wait_for_end(run) for run in [*runs, *waiting]] == ["success"] * 9
    for run in runs:
        assert {task_id for task_id, _ in stage.tries(run)} == {f"step_{number}" for number in range(6)}
        assert len(stage.tries(run)) == len(set(stage.tries(run)))
