"""Deadlines of runs, tasks and groups: who is called when, and that nobody is when all is in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from engine_stage import FAILED, SUCCESS, Stage, dag, task

from sailplane.cloud.changes import Put
from sailplane.engine import runs
from sailplane.engine.alarms import Alarms
from sailplane.model.dags import SerializedDag, SerializedGroup
from sailplane.model.deadlines import AboutDeadline, ReferenceKind, SerializedDeadline
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.resuming import Resumption
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState, TaskState
from sailplane.model.values import Variable

HOUR = timedelta(hours=1)
IN_AN_HOUR = SerializedDeadline(reference=ReferenceKind.QUEUED_AT, interval=HOUR)


def waits(stage: Stage, **by: float) -> Outcome:
    """A sensor that pokes again then."""
    return Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=stage.clock() + timedelta(**by))


def start(stage: Stage, *deadlines: SerializedDeadline, tasks: Any = None, **options: Any) -> RunKey:
    return stage.start(dag(*(tasks or (task("a"),)), deadlines=deadlines), **options)


def standing(stage: Stage, key: RunKey, number: int = 0) -> TaskInstance | None:
    return stage.cloud.store.task(key, TaskKey(f"~deadline-{number}"))


def called(stage: Stage) -> list[AboutDeadline]:
    return [job.about_deadline for job in stage.runner.jobs if job.about_deadline is not None]


def pass_time(stage: Stage, **by: float) -> None:
    stage.clock.turn(**by)
    stage.tick()
    stage.deliver_all()


def test_a_run_that_is_late_calls_the_callback_once(stage: Stage) -> None:
    stage.runner.script["a", 1] = lambda job: waits(stage, hours=2)
    began = stage.clock()
    key = start(stage, IN_AN_HOUR)
    stage.deliver_all()
    pass_time(stage, minutes=59)
    assert called(stage) == []
    pass_time(stage, minutes=1)
    (about,) = called(stage)
    assert (about.number, about.is_missed, about.at) == (0, True, began + HOUR)
    assert (about.state, about.queued_at) == (RunState.RUNNING, began)
    pass_time(stage, minutes=30)
    pass_time(stage, minutes=31)
    assert len(called(stage)) == 1
    assert stage.states(key) == {"a": "up_for_reschedule"}


def test_a_run_that_succeeds_in_time_takes_its_deadline_with_it(stage: Stage) -> None:
    key = start(stage, IN_AN_HOUR)
    assert standing(stage, key) is not None
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert standing(stage, key) is None


def test_a_run_that_succeeds_too_late_does_not_hide_it(stage: Stage) -> None:
    stage.runner.script["a", 1] = lambda job: SUCCESS if job.rescheduled_since else waits(stage, minutes=10)
    key = start(stage, IN_AN_HOUR)
    stage.deliver_all()
    stage.clock.turn(hours=2)  # Nobody ticks, as when the clock is away.
    instance = stage.instance(key, "a")
    Alarms(stage.cloud, stage.clock).answer_task(instance)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    pass_time(stage, seconds=1)
    assert [about.state for about in called(stage)] == [RunState.SUCCESS]


def test_a_run_that_has_failed_is_late_all_the_same(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    start(stage, IN_AN_HOUR)
    stage.deliver_all()
    pass_time(stage, minutes=61)
    assert [about.state for about in called(stage)] == [RunState.FAILED]


def test_a_run_that_waits_for_others_to_end_can_be_late(stage: Stage) -> None:
    stage.runner.script["a", 1] = lambda job: waits(stage, hours=5)
    slow = dag(task("a"), deadlines=(IN_AN_HOUR,), max_active_runs=1)
    stage.start(slow)
    stage.clock.turn(minutes=1)
    second = runs.trigger(stage.cloud, "flight", now=stage.clock()).key
    stage.deliver_all()
    assert stage.run(second).state is RunState.QUEUED
    pass_time(stage, hours=1)
    assert sorted(str(about.state) for about in called(stage)) == ["queued", "running"]


@pytest.mark.parametrize(
    ("deadline", "at"),
    [
        (SerializedDeadline(reference=ReferenceKind.LOGICAL_DATE, interval=HOUR), datetime(2026, 3, 1, 11, tzinfo=UTC)),
        (
            SerializedDeadline(
                reference=ReferenceKind.FIXED, fixed_at=datetime(2026, 3, 2, tzinfo=UTC), interval=-HOUR
            ),
            datetime(2026, 3, 1, 23, tzinfo=UTC),
        ),
        (IN_AN_HOUR, datetime(2026, 3, 1, 13, tzinfo=UTC)),
    ],
)
def test_a_deadline_counts_from_its_reference(stage: Stage, deadline: SerializedDeadline, at: datetime) -> None:
    key = start(stage, deadline, logical_date=datetime(2026, 3, 1, 10, tzinfo=UTC))
    assert stage.run(key).context.deadlines == (at,)


def test_a_run_without_a_logical_date_has_no_deadline_from_it(stage: Stage) -> None:
    key = start(stage, SerializedDeadline(reference=ReferenceKind.LOGICAL_DATE))
    assert (stage.run(key).context.deadlines, standing(stage, key)) == ((None,), None)


def test_an_average_needs_enough_runs_that_have_succeeded(stage: Stage) -> None:
    usual = SerializedDeadline(
        reference=ReferenceKind.AVERAGE_RUNTIME, max_runs=2, min_runs=2, interval=timedelta(minutes=5)
    )
    flight = dag(task("a"), deadlines=(usual,))
    stage.push(flight)
    for number, minutes in enumerate((10, 20)):
        stage.runner.script["a", 1] = lambda job: SUCCESS if job.rescheduled_since else waits(stage, minutes=0)
        key = runs.trigger(stage.cloud, "flight", run_id=f"r{number}", now=stage.clock()).key
        stage.deliver_all()
        assert stage.run(key).context.deadlines == (None,)
        pass_time(stage, minutes=minutes)
    stage.clock.turn(minutes=1)
    now = stage.clock()
    key = runs.trigger(stage.cloud, "flight", run_id="r2", now=now).key
    assert stage.run(key).context.deadlines == (now + timedelta(minutes=20),)


def test_an_interval_may_be_a_variable(stage: Stage) -> None:
    by_variable = SerializedDeadline(reference=ReferenceKind.QUEUED_AT, interval_variable="patience")
    key = start(stage, by_variable)
    assert stage.run(key).context.deadlines == (None,)
    stage.cloud.store.commit([Put(Variable(key="patience", value="90"))])
    stage.clock.turn(minutes=1)
    key = start(stage, by_variable)
    assert stage.run(key).context.deadlines == (stage.clock() + timedelta(seconds=90),)


def test_a_reference_of_the_authors_is_asked_by_a_worker(stage: Stage) -> None:
    at = stage.clock() + HOUR
    kept = Resumption(method="", began_at=stage.clock(), timeout_at=at)

    def deadline(job: TaskJob) -> Outcome:
        assert job.about_deadline is not None
        asked = not job.about_deadline.is_missed
        return Outcome(kind=OutcomeKind.DEFERRED, resume_at=at, resumption=kept) if asked else SUCCESS

    stage.runner.script["~deadline-0", 1] = deadline
    stage.runner.script["a", 1] = lambda job: waits(stage, hours=2)
    key = start(stage, SerializedDeadline(reference=ReferenceKind.CUSTOM))
    stage.deliver_all()
    pass_time(stage, seconds=1)
    found = standing(stage, key)
    assert found is not None
    assert (found.state, found.alarm_at) == (TaskState.DEFERRED, at)
    pass_time(stage, hours=1)
    assert [(about.is_missed, about.at) for about in called(stage)] == [(False, None), (True, at)]


def late_in(name: str, **fields: Any) -> SerializedDag:
    deadline = SerializedDeadline(reference=ReferenceKind.QUEUED_AT, interval=HOUR, **fields)
    groups = (SerializedGroup(group_id="g"), SerializedGroup(group_id="g.h", parent_id="g"))
    tasks = (task("a"), task("g.b", group_id="g"), task("g.h.c", group_id="g.h"), task("slow", "a", "g.b", "g.h.c"))
    return dag(*tasks, groups=groups, deadlines=(deadline,), dag_id=name)


@pytest.mark.parametrize(
    ("fields", "slow", "misses"),
    [
        ({"task_id": "a"}, "a", 1),
        ({"task_id": "a"}, "slow", 0),
        ({"group_id": "g"}, "g.b", 1),
        ({"group_id": "g"}, "g.h.c", 1),
        ({"group_id": "g"}, "slow", 0),
        ({"group_id": "g.h"}, "g.b", 0),
        ({"task_id": "slow"}, "a", 1),
    ],
)
def test_a_task_or_group_that_is_late_is_told_of(stage: Stage, fields: Any, slow: str, misses: int) -> None:
    stage.runner.script[slow, 1] = lambda job: waits(stage, hours=3)
    key = stage.start(late_in("flight", **fields))
    stage.deliver_all()
    pass_time(stage, hours=1)
    assert len(called(stage)) == misses
    assert (standing(stage, key) is None) == (misses == 0)


def test_the_callback_is_called_although_its_message_was_lost(stage: Stage) -> None:
    stage.runner.script["a", 1] = lambda job: waits(stage, hours=2)
    start(stage, IN_AN_HOUR)
    stage.deliver_all()
    stage.clock.turn(hours=1)
    stage.tick()
    stage.bus.take()
    pass_time(stage, seconds=31)
    assert len(called(stage)) == 1


def test_a_deadline_is_no_task_of_its_run(stage: Stage) -> None:
    stage.runner.script["a", 1] = lambda job: SUCCESS if job.rescheduled_since else waits(stage, hours=2)
    stage.runner.script["~deadline-0", 1] = FAILED
    key = stage.start(dag(task("a"), task("b", "a"), deadlines=(IN_AN_HOUR,), fail_fast=True))
    stage.deliver_all()
    pass_time(stage, hours=1)
    assert [about.is_missed for about in called(stage)] == [True] * len(called(stage))
    pass_time(stage, hours=1)
    run = stage.run(key)
    assert (run.state, sorted(run.summary)) == (RunState.SUCCESS, ["a:-1", "b:-1"])


def test_an_alarm_that_two_answer_calls_the_callback_once(stage: Stage) -> None:
    stage.runner.script["a", 1] = lambda job: waits(stage, hours=2)
    key = start(stage, IN_AN_HOUR)
    stage.deliver_all()
    found = standing(stage, key)
    assert found is not None
    stage.clock.turn(hours=1)
    Alarms(stage.cloud, stage.clock).answer_task(found)
    Alarms(stage.cloud, stage.clock).answer_task(found)
    stage.deliver_all()
    assert len(called(stage)) == 1


@pytest.mark.localcloud
def test_a_deadline_that_is_met_costs_a_write_and_a_delete_and_no_read(stage: Stage) -> None:
    counts = []
    for deadlines in ((), (IN_AN_HOUR,)):
        stage.push(dag(task("a"), deadlines=deadlines))
        for _ in range(2):  # The first run of a version reads it.
            stage.clock.turn(minutes=1)
            before = stage.count()
            runs.trigger(stage.cloud, "flight", now=stage.clock())
            stage.deliver_all()
        counts.append(stage.since(before))
    plain, with_deadline = counts
    more = {name: with_deadline.get(name, 0) - plain.get(name, 0) for name in with_deadline}
    assert {name: count for name, count in more.items() if count and name.startswith("firestore")} == {
        "firestore.writes": 1,
        "firestore.deletes": 1,
    }


def test_a_callback_whose_worker_is_lost_is_called_again(stage: Stage) -> None:
    stage.runner.script["a", 1] = lambda job: waits(stage, hours=5)
    stage.runner.script["~deadline-0", 1] = FAILED  # To the engine it is the same as a worker that was lost.
    began = stage.clock()
    key = start(stage, IN_AN_HOUR)
    stage.deliver_all()
    pass_time(stage, hours=1)
    pass_time(stage, seconds=30)
    assert [(about.is_missed, about.at) for about in called(stage)] == [(True, began + HOUR)] * 2
    found = standing(stage, key)
    assert found is not None
    assert found.state is TaskState.SUCCESS


def test_a_task_that_ends_in_time_takes_its_deadline_with_it_while_its_run_goes_on(stage: Stage) -> None:
    stage.runner.script["slow", 1] = lambda job: waits(stage, hours=5)
    key = stage.start(late_in("flight", task_id="a"))
    assert standing(stage, key) is not None
    stage.deliver_all()
    assert standing(stage, key) is None
    assert stage.states(key)["slow"] == "up_for_reschedule"


def test_a_task_that_fails_leaves_its_deadline(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    stage.start(late_in("flight", task_id="a"))
    stage.deliver_all()
    pass_time(stage, hours=1)
    assert [about.state for about in called(stage)] == [RunState.FAILED]
