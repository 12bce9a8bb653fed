"""What task instances and runs say that they used, against what the local cloud counted."""

from datetime import timedelta

import pytest
from engine_stage import FAILED, SUCCESS, Stage, chain, dag, fan, task

from sailplane.cost.estimate import Habit, from_structure
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState, TaskState
from sailplane.model.usage import Usage, total

pytestmark = pytest.mark.localcloud

AFTER_THE_END = 1
"""Reads after the last write for a run: whether one waits for its end."""


def recorded(stage: Stage, key: RunKey) -> Usage:
    return total([stage.run(key).usage, *(instance.usage for instance in stage.cloud.store.tasks(key))])


@pytest.mark.parametrize("shape", [chain(12), fan(20)], ids=["chain", "fan"])
def test_the_records_of_a_run_add_up_to_what_was_counted(stage: Stage, shape) -> None:
    stage.push(shape)
    before = stage.count()
    stage.push(shape)
    pushed = stage.since(before)["firestore.reads"]
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    counted = stage.since(before)
    usage = recorded(stage, key)
    assert stage.run(key).state is RunState.SUCCESS
    assert usage.writes == counted["firestore.writes"]
    assert counted["firestore.reads"] - AFTER_THE_END - pushed <= usage.reads <= counted["firestore.reads"]
    assert usage.messages == pytest.approx(stage.bus.published)
    assert usage.message_bytes >= 2000 * stage.bus.published


DIAMOND = dag(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"), task("e", "d", needs_code=False))


@pytest.mark.parametrize("shape", [chain(5), fan(20), DIAMOND], ids=["chain", "fan", "diamond"])
def test_an_estimate_from_the_structure_has_the_writes_and_messages_that_come(stage: Stage, shape) -> None:
    stage.push(shape)
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    run = from_structure(shape, Habit(runs_per_day=1, seconds={})).run
    schedule = 1  # Of a run that was triggered by hand it is not written.
    assert run.writes - schedule == stage.since(before)["firestore.writes"]
    assert run.messages == stage.bus.published


def test_a_chained_task_is_written_twice_and_one_from_the_queue_three_times(stage: Stage) -> None:
    key = stage.start(chain(3))
    stage.deliver_all()
    assert [stage.instance(key, name).usage.writes for name in ("t00", "t01", "t02")] == [3, 2, 2]
    assert [stage.instance(key, name).usage.messages for name in ("t00", "t01", "t02")] == [1, 0, 0]


def test_retries_add_up_in_the_task_instance(stage: Stage) -> None:
    shape = dag(task("a", retries=2, retry_delay=timedelta(minutes=5)))
    stage.push(shape)
    stage.runner.script[("a", 1)] = FAILED
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    assert stage.instance(key, "a").state is TaskState.UP_FOR_RETRY
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    instance = stage.instance(key, "a")
    assert instance.state is TaskState.SUCCESS
    assert instance.usage.messages == 2
    assert recorded(stage, key).writes == stage.since(before)["firestore.writes"]
    assert instance.usage.writes == 7, "queued, running, failed, queued with the try that is kept, running, ended"


def test_a_sensor_that_waits_for_an_event_counts_its_pokes_and_its_wait(stage: Stage) -> None:
    shape = dag(task("s", is_sensor=True))
    stage.push(shape)
    waits = ("gs://bucket/object",)
    resume = stage.clock() + timedelta(minutes=5)
    poke = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=resume, waits_for=waits)
    answers = [SUCCESS, poke]
    stage.runner.script[("s", 1)] = lambda _job: answers.pop()
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    counted = stage.since(before)
    instance = stage.instance(key, "s")
    assert instance.state is TaskState.SUCCESS
    assert recorded(stage, key).writes == counted["firestore.writes"]
    assert instance.usage.deletes == counted["firestore.deletes"] == 1
    assert instance.usage.messages == 2


def test_a_scheduled_run_counts_the_schedule_that_is_written_with_it(stage: Stage) -> None:
    key = stage.start(chain(1))
    assert stage.run(key).usage.writes == 1
    assert stage.run(key).usage.reads >= 1


def test_a_machine_of_ones_own_is_not_billed(stage: Stage) -> None:
    key = stage.start(chain(2))
    stage.deliver_all()
    usage = recorded(stage, key)
    assert (usage.requests, usage.vcpu_seconds, usage.gib_seconds) == (0, 0, 0)
