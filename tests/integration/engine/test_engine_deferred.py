"""Tries that wait for a trigger in the middle: what the engine keeps of them, and how they go on."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from engine_stage import FAILED, Stage, dag, task

from sailplane.engine import events, other_runs, pools, runs
from sailplane.model import xcom
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.other_runs import RunQuery, run_event
from sailplane.model.pools import Pool
from sailplane.model.resuming import PendingTrigger, Resumption
from sailplane.model.states import RunState

LARGE = xcom.dumps("x" * 60_000)


def deferred(stage: Stage, job: TaskJob, *, minutes: float = 5, kwargs: str = '{"a":1}', wait: str = "") -> Outcome:
    """What a child answers whose trigger sleeps."""
    now = stage.clock()
    pending = PendingTrigger(classpath="flow.Trigger", kwargs="{}", asleep_since=now, asleep_for=minutes * 60)
    return Outcome(
        kind=OutcomeKind.DEFERRED,
        resumption=Resumption(method="execute_complete", kwargs=kwargs, trigger=pending, began_at=job.started_at),
        resume_at=now + timedelta(minutes=minutes),
        waits_for=(wait,) if wait else (),
        xcoms={"before": "1"},
    )


def defers_once(stage: Stage, job: TaskJob, end: Outcome | None = None, **options: Any) -> Outcome:
    if job.resumption is None:
        return deferred(stage, job, **options)
    return end or Outcome(kind=OutcomeKind.SUCCESS, xcoms=dict(job.resumption.xcoms))


def test_a_deferred_task_goes_on_when_its_time_has_come_as_the_same_try(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage)
    key = stage.start(dag(task("a"), task("b", "a")))
    stage.deliver_all()
    began = stage.instance(key, "a").started_at
    assert stage.states(key) == {"a": "deferred"}
    assert stage.instance(key, "a").xcoms == {"before": "1"}
    stage.clock.turn(minutes=4)
    stage.tick()
    assert not stage.bus.held
    stage.clock.turn(minutes=1, seconds=1)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    resumed = stage.runner.jobs[1]
    assert (resumed.task_id, resumed.try_number) == ("a", 1)
    assert resumed.resumption is not None
    assert (resumed.resumption.method, resumed.resumption.kwargs) == ("execute_complete", '{"a":1}')
    ended = stage.instance(key, "a")
    assert (ended.started_at, ended.resumption, ended.xcoms) == (began, None, {"before": "1"})


def test_the_lease_of_what_goes_on_counts_from_then(stage: Stage) -> None:
    seen: list[tuple[object, object]] = []

    def looks(job: TaskJob) -> Outcome:
        if job.resumption is None:
            return deferred(stage, job)
        seen.append((job.started_at, stage.instance(job.run.key, "a").started_at))
        return Outcome(kind=OutcomeKind.SUCCESS)

    stage.runner.script["a", 1] = looks
    began = stage.clock()
    stage.start(dag(task("a")))
    stage.deliver_all()
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    assert seen == [(began, stage.clock())]


def test_what_has_nothing_to_wait_for_goes_on_without_a_tick(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage, minutes=0)
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.instance(key, "a").xcoms == {"before": "1"}
    assert stage.runner.tries == [("a", 1)] * 2


def test_a_message_that_comes_twice_resumes_once(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage)
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    stage.clock.turn(minutes=6)
    stage.tick()
    (message,) = stage.bus.take()
    stage.worker.handle(message)
    stage.worker.handle(message)
    assert stage.runner.tries == [("a", 1)] * 2
    assert stage.run(key).state is RunState.SUCCESS


def test_a_lost_message_is_published_again_with_what_goes_on(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage)
    stage.start(dag(task("a")))
    stage.deliver_all()
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.bus.take()
    stage.clock.turn(minutes=1)
    stage.tick()
    stage.deliver_all()
    assert stage.runner.jobs[-1].resumption is not None


def test_large_arguments_go_over_the_bucket(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage, kwargs=LARGE)
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    kept = stage.instance(key, "a").resumption
    assert kept is not None
    assert len(kept.kwargs) < 1000
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    resumed = stage.runner.jobs[-1].resumption
    assert resumed is not None
    assert resumed.kwargs == LARGE


def test_the_try_after_a_resumed_one_begins_anew(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage, end=FAILED)
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(minutes=2))))
    stage.deliver_all()
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    assert stage.states(key) == {"a": "up_for_retry"}
    stage.clock.turn(minutes=3)
    stage.tick()
    stage.deliver_all()
    assert stage.runner.jobs[-1].try_number == 2
    assert stage.runner.jobs[-1].resumption is None


def test_a_worker_that_dies_while_it_goes_on_costs_a_try_as_ever(stage: Stage) -> None:
    def dies(job: TaskJob) -> Outcome:
        return deferred(stage, job) if job.resumption is None else Outcome(kind=OutcomeKind.KILLED)

    stage.runner.script["a", 1] = dies
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(minutes=2))))
    stage.deliver_all()
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    assert stage.states(key) == {"a": "running"}
    for _ in range(4):
        stage.clock.turn(minutes=2)
        stage.tick()
        stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.jobs[-1].resumption is None


def test_an_object_in_the_bucket_wakes_a_deferred_task(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage, wait="gs://box/letter")
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    assert events.object_changed(stage.cloud, "box", "letter", events.FINALIZED, stage.clock) == 1
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_what_would_have_woken_a_task_goes_when_its_run_is_stopped(stage: Stage) -> None:
    event = "gs://bucket/seen"
    stage.runner.script["a", 1] = partial(defers_once, stage, minutes=60, wait=event)
    key = stage.start(dag(task("a"), dagrun_timeout=timedelta(minutes=5)))
    stage.deliver_all()
    assert stage.cloud.store.waiting_for(event) == [(key, TaskKey("a"))]
    stage.clock.turn(minutes=6)
    stage.tick()
    assert stage.run(key).state is RunState.FAILED
    assert stage.cloud.store.waiting_for(event) == []


def test_the_end_of_a_run_wakes_the_task_that_waits_for_it(stage: Stage) -> None:
    stage.runner.script["a", 1] = partial(defers_once, stage, wait=run_event("other", "r1"))
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    stage.push(dag(task("x"), task("y", "x"), dag_id="other"))
    runs.trigger(stage.cloud, "other", run_id="r1", is_awaited=True, now=stage.clock())
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries == [("a", 1), ("x", 1), ("y", 1), ("a", 1)]


def test_a_deferred_task_takes_a_slot_anew_and_goes_on(stage: Stage) -> None:
    pools.put(stage.cloud, Pool(name="db", slots=1), stage.clock)
    stage.runner.script["a", 1] = partial(defers_once, stage)
    stage.runner.script["b", 1] = partial(defers_once, stage)
    key = stage.start(dag(task("a", pool="db"), task("b", pool="db")))
    stage.deliver_all()
    assert stage.states(key) == {"a": "deferred", "b": "deferred"}
    stage.clock.turn(minutes=6)
    stage.tick()
    assert sorted(stage.states(key).values()) == ["queued", "scheduled"]
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert [job.resumption is not None for job in stage.runner.jobs] == [False, False, True, True]


def test_the_end_of_a_run_that_is_under_way_wakes_who_has_begun_to_wait(stage: Stage) -> None:
    stage.push(dag(task("x"), task("y", "x"), task("z", "x"), dag_id="other"))
    other = runs.trigger(stage.cloud, "other", run_id="r1", now=stage.clock()).key
    held = stage.bus.take()
    stage.runner.script["a", 1] = partial(defers_once, stage, wait=run_event("other", "r1"))
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    query = RunQuery(dag_id="other", run_ids=("r1",), awaits=True)
    assert other_runs.find(stage.cloud, query) == other_runs.find(stage.cloud, query)
    for data in held:
        stage.worker.handle(data)
    stage.deliver_all()
    assert [stage.run(each).state for each in (other, key)] == [RunState.SUCCESS] * 2
    assert stage.runner.tries[-1] == ("a", 1)


@pytest.mark.localcloud
def test_a_run_that_nobody_waits_for_asks_nobody(stage: Stage) -> None:
    def end_of(run_id: str, **options: bool) -> int:
        runs.trigger(stage.cloud, "other", run_id=run_id, now=stage.clock(), **options)
        before = stage.count()
        stage.deliver_all()
        return stage.since(before).get("firestore.reads", 0)

    stage.push(dag(task("x"), dag_id="other"))
    assert end_of("r1", is_awaited=True) == end_of("r2") + 1
