"""What the end of a run leads to, and what ends a run before its tasks have."""

from datetime import timedelta

import pytest
from engine_stage import FAILED, SUCCESS, Stage, chain, dag, task

from sailplane.model.callbacks import RunCallback
from sailplane.model.execution import Outcome, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState, TriggerRule


def called(stage: Stage) -> list[TaskJob]:
    return [job for job in stage.runner.jobs if job.about_run is not None]


def test_a_run_that_succeeded_calls_its_success_callbacks_once(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b", "a"), has_success_callback=True, has_failure_callback=True))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    (job,) = called(stage)
    assert job.about_run is not None
    assert job.about_run.callback is RunCallback.SUCCESS
    assert job.about_run.task == TaskKey("b")


def test_a_run_that_failed_calls_its_failure_callbacks_with_the_task_that_did(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    key = stage.start(dag(task("a"), task("b", "a"), has_failure_callback=True))
    stage.deliver_all()
    assert stage.run(key).state is RunState.FAILED
    (job,) = called(stage)
    assert job.about_run is not None
    assert (job.about_run.task, job.about_run.task_state) == (TaskKey("a"), TaskState.FAILED)


def test_a_dag_without_callbacks_for_an_end_calls_nothing(stage: Stage) -> None:
    stage.start(dag(task("a"), has_failure_callback=True))
    stage.deliver_all()
    assert not called(stage)


def test_what_calls_the_callbacks_is_no_task_of_the_run(stage: Stage) -> None:
    key = stage.start(dag(task("a"), has_success_callback=True))
    stage.deliver_all()
    assert stage.states(key) == {"a": "success"}
    assert list(stage.run(key).summary) == ["a:-1"]
    assert [each.task_id for each in stage.cloud.store.tasks(key)] == ["a"]


def test_callbacks_are_called_although_the_message_for_them_was_lost(stage: Stage) -> None:
    key = stage.start(dag(task("a"), has_success_callback=True))
    for data in stage.bus.take():
        stage.worker.handle(data)
    stage.bus.take()
    assert not called(stage)
    stage.clock.turn(seconds=31)
    stage.tick()
    stage.deliver_all()
    assert len(called(stage)) == 1
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_of_empty_tasks_calls_its_callbacks_too(stage: Stage) -> None:
    stage.start(dag(task("a", needs_code=False), has_success_callback=True))
    stage.deliver_all()
    assert len(called(stage)) == 1


def test_a_run_that_takes_too_long_fails_and_skips_what_has_not_ended(stage: Stage) -> None:
    def slow(job: TaskJob) -> Outcome:
        stage.clock.turn(minutes=11)
        stage.tick()
        return SUCCESS

    stage.runner.script["a", 1] = slow
    late = dag(task("a"), task("b", "a"), dagrun_timeout=timedelta(minutes=10), has_failure_callback=True)
    key = stage.start(late)
    stage.deliver_all()
    assert stage.run(key).state is RunState.FAILED
    assert stage.states(key) == {"a": "skipped", "b": "skipped"}
    (job,) = called(stage)
    assert job.about_run is not None
    assert job.about_run.callback is RunCallback.TIMEOUT


def test_a_run_within_its_time_is_left_alone(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b", "a"), dagrun_timeout=timedelta(minutes=30)))
    stage.clock.turn(minutes=11)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_the_first_failure_of_a_dag_that_fails_fast_ends_the_rest(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    of = dag(
        task("a"),
        task("b", "a", trigger_rule=TriggerRule.ALL_DONE),
        task("c", "b"),
        task("down", "c", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE),
        fail_fast=True,
    )
    key = stage.start(of)
    stage.deliver_all()
    assert stage.states(key) == {"a": "failed", "b": "skipped", "c": "skipped", "down": "success"}
    assert stage.run(key).state is RunState.FAILED


@pytest.fixture
def failing(stage: Stage) -> Stage:
    stage.runner.script["t00", 1] = FAILED
    return stage


def test_a_dag_is_paused_after_so_many_failed_runs_in_sequence(failing: Stage) -> None:
    of = dag(*chain(1).tasks, max_consecutive_failed_dag_runs=2)
    for number in range(2):
        failing.start(of, run_id=f"run{number}")
        failing.clock.turn(seconds=1)
        failing.deliver_all()
        record = failing.cloud.store.dag("flight")
        assert record is not None
        assert record.is_paused is (number == 1)


def test_a_success_in_between_starts_the_count_again(failing: Stage) -> None:
    of = dag(*chain(1).tasks, max_consecutive_failed_dag_runs=2)
    for number, outcome in enumerate((FAILED, SUCCESS, FAILED)):
        failing.runner.script["t00", 1] = outcome
        failing.start(of, run_id=f"run{number}")
        failing.clock.turn(seconds=1)
        failing.deliver_all()
    record = failing.cloud.store.dag("flight")
    assert record is not None
    assert not record.is_paused
