"""Runs that are told to wait, and go on."""

from datetime import timedelta

import pytest
from engine_stage import FAILED, SUCCESS, Stage, chain, dag, task

from sailplane.engine import holding
from sailplane.model.errors import RequestError
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState


def hold(stage: Stage, key: RunKey, **options: object) -> None:
    holding.hold(stage.cloud, stage.clock, key, **options)  # type: ignore[arg-type]


def resume(stage: Stage, key: RunKey) -> None:
    holding.resume(stage.cloud, stage.clock, key)


def begun(stage: Stage, key: RunKey) -> dict[str, str]:
    return {name: state for name, state in stage.states(key).items() if state != "none"}


def test_what_runs_in_a_run_that_is_held_ends_and_nothing_follows_until_it_is_resumed(stage: Stage) -> None:
    def held(job: TaskJob) -> Outcome:
        hold(stage, job.run.key, reason="the source is down", by="ann")
        return SUCCESS

    stage.runner.script["t00", 1] = held
    key = stage.start(chain(3))
    stage.deliver_all()
    assert begun(stage, key) == {"t00": "success"}
    noted = stage.run(key).hold
    assert noted is not None
    assert (noted.reason, noted.by, noted.since) == ("the source is down", "ann", stage.clock())
    for _ in range(3):
        stage.clock.turn(minutes=11)
        stage.tick()
        stage.deliver_all()
    assert begun(stage, key) == {"t00": "success"}
    resume(stage, key)
    stage.deliver_all()
    assert stage.runner.tries == [("t00", 1), ("t01", 1), ("t02", 1)]
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.run(key).hold is None


def test_what_was_queued_is_not_run_while_its_run_is_held(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b"), task("c", "a", "b")))
    hold(stage, key)
    stage.deliver_all()
    stage.clock.turn(minutes=11)
    stage.tick()
    stage.deliver_all()
    assert stage.runner.tries == []
    resume(stage, key)
    stage.deliver_all()
    assert sorted(stage.runner.tries) == [("a", 1), ("b", 1), ("c", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_goes_on_by_itself_when_its_time_has_come(stage: Stage) -> None:
    key = stage.start(chain(2))
    hold(stage, key, resume_at=stage.clock() + timedelta(minutes=30))
    for _ in range(29):
        stage.clock.turn(minutes=1)
        stage.tick()
        stage.deliver_all()
    assert stage.runner.tries == []
    stage.clock.turn(minutes=1)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.run(key).hold is None


def test_a_retry_that_falls_due_while_its_run_is_held_is_made_when_it_goes_on(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(minutes=2))))
    stage.deliver_all()
    hold(stage, key)
    stage.clock.turn(minutes=3)
    stage.tick()
    stage.deliver_all()
    assert stage.states(key) == {"a": "up_for_retry"}
    resume(stage, key)
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("a", 2)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_try_that_fails_while_its_run_is_held_keeps_its_result(stage: Stage) -> None:
    def fails(job: TaskJob) -> Outcome:
        hold(stage, job.run.key)
        return FAILED

    stage.runner.script["a", 1] = fails
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(minutes=2))))
    stage.deliver_all()
    assert stage.states(key) == {"a": "up_for_retry"}
    assert stage.instance(key, "a").error is not None


def test_a_queued_run_that_is_held_lets_others_go_first(stage: Stage) -> None:
    of = dag(task("a"), max_active_runs=1)
    stage.start(of, run_id="first")
    second = stage.start(of, run_id="second")
    third = stage.start(of, run_id="third")
    hold(stage, second)
    stage.deliver_all()
    assert stage.run(third).state is RunState.SUCCESS
    assert stage.run(second).state is RunState.QUEUED
    resume(stage, second)
    stage.deliver_all()
    assert stage.run(second).state is RunState.SUCCESS


def test_a_run_that_has_ended_cannot_be_held(stage: Stage) -> None:
    key = stage.start(chain(1))
    stage.deliver_all()
    with pytest.raises(RequestError, match="has ended"):
        hold(stage, key)
    with pytest.raises(RequestError, match="has passed"):
        hold(stage, key, resume_at=stage.clock())


def test_resuming_what_is_not_held_changes_nothing(stage: Stage) -> None:
    key = stage.start(chain(1))
    before = stage.run(key)
    resume(stage, key)
    assert stage.run(key) == before


def test_a_sensor_that_waits_is_put_off_and_pokes_when_its_run_goes_on(stage: Stage) -> None:
    soon = stage.clock() + timedelta(minutes=1)
    stage.runner.script["a", 1] = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=soon)
    key = stage.start(dag(task("a", is_sensor=True), task("b", "a")))
    stage.deliver_all()
    hold(stage, key)
    stage.clock.turn(minutes=2)
    stage.tick()
    stage.deliver_all()
    assert len(stage.runner.tries) == 1
    stage.runner.script["a", 1] = SUCCESS
    resume(stage, key)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
