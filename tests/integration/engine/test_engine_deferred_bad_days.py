"""What a try that waits survives, and what it costs."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from engine_deaths import Died, die_after
from engine_stage import Stage, dag, task

from localcloud.faults import Fault, FaultKind
from sailplane.engine import events, runs
from sailplane.engine.worker import Worker
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import RunKey
from sailplane.model.other_runs import run_event
from sailplane.model.resuming import PendingTrigger, Resumption
from sailplane.model.states import RunState

WAIT = timedelta(minutes=5)
OTHER = run_event("other", "r1")


def defers_twice(stage: Stage, job: TaskJob) -> Outcome:
    """It waits, waits again, and ends."""
    waited = 0 if job.resumption is None else int(job.resumption.kwargs)
    if waited == 2:
        return Outcome(kind=OutcomeKind.SUCCESS, xcoms=dict(job.resumption.xcoms) if job.resumption else {})
    now = stage.clock()
    pending = PendingTrigger(classpath="flow.Trigger", kwargs="{}", asleep_since=now)
    return Outcome(
        kind=OutcomeKind.DEFERRED,
        resumption=Resumption(method="go_on", kwargs=str(waited + 1), trigger=pending, began_at=job.started_at),
        resume_at=now + WAIT,
        waits_for=(OTHER,),
        xcoms={"waits": str(waited)},
    )


def begin(stage: Stage, **fields: Any) -> RunKey:
    stage.runner.script["a", 1] = stage.runner.script["a", 2] = partial(defers_twice, stage)
    return stage.start(dag(task("a", **fields), task("b", "a")))


def let_time_pass(stage: Stage) -> None:
    for _ in range(8):
        stage.deliver_all()
        stage.clock.turn(minutes=6)
        stage.tick()


@pytest.mark.localcloud
@pytest.mark.parametrize("commit", range(8))
def test_a_commit_whose_answer_is_lost_changes_nothing(stage: Stage, commit: int) -> None:
    key = begin(stage)
    stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.LOST_ANSWER, skip=commit))
    let_time_pass(stage)
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries == [("a", 1)] * 3 + [("b", 1)]
    assert stage.instance(key, "a").xcoms == {"waits": "1"}


@pytest.mark.parametrize("commit", range(4))
def test_a_worker_that_dies_before_any_commit_loses_no_task(stage: Stage, commit: int) -> None:
    key = begin(stage, retries=1, retry_delay=timedelta(seconds=1))
    dying = stage.make_worker("dying")
    die_after(dying, commit)
    stage.workers.append(dying)
    for _ in range(3):
        deliver(stage, dying)
        stage.clock.turn(minutes=6)
        stage.tick()
    let_time_pass(stage)
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.instance(key, "a").xcoms == {"waits": "1"}


def deliver(stage: Stage, dying: Worker) -> None:
    for data in stage.bus.take():
        try:
            dying.handle(data)
        except Died:
            stage.worker.handle(data)


def test_two_that_wake_a_task_at_once_wake_it_once(stage: Stage) -> None:
    begin(stage)
    stage.deliver_all()
    other = RunKey("other", "r1")
    assert events.run_ended(stage.cloud, other, stage.clock) == 1
    assert events.run_ended(stage.cloud, other, stage.clock) == 0
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    assert len(stage.runner.jobs) == 2


def test_a_run_that_ends_before_anybody_waits_is_found_by_the_alarm(stage: Stage) -> None:
    stage.push(dag(task("x"), dag_id="other"))
    runs.trigger(stage.cloud, "other", run_id="r1", is_awaited=True, now=stage.clock())
    stage.deliver_all()
    key = begin(stage)
    let_time_pass(stage)
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.localcloud
def test_a_wait_costs_three_writes_and_its_wake_up_call_two(stage: Stage) -> None:
    begin(stage)
    stage.deliver_all()
    before = stage.count()
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    spent = stage.since(before)
    # Queued, claimed and deferred again; the document in `waits` deleted and written again.
    assert spent["firestore.writes"] + spent.get("firestore.deletes", 0) == 3 + 2
    assert spent["firestore.commits"] == 3
