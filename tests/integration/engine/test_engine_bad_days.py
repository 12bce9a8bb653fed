"""What a run survives: lost, late and repeated messages, lost answers, dead workers, a store that does not answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from engine_deaths import Died, die_after
from engine_stage import FAILED, SUCCESS, Stage, chain, dag, fan, task

from localcloud.faults import Fault, FaultKind
from sailplane.cloud.changes import Delete, Replace
from sailplane.engine.tick import tick
from sailplane.engine.worker import Worker
from sailplane.model.errors import CorruptRecord, Unavailable
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState
from sailplane.runner.cancellation import Cancellation


def test_a_message_delivered_three_times_runs_its_task_once(stage: Stage) -> None:
    key = stage.start(chain(3))
    (data,) = stage.bus.take()
    for _ in range(3):
        stage.worker.handle(data)
    assert stage.runner.tries == [("t00", 1), ("t01", 1), ("t02", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_message_delivered_twice_at_once_runs_its_task_once(stage: Stage) -> None:
    stage.workers.append(stage.make_worker("two"))
    meet = threading.Barrier(2, timeout=10)
    key = stage.start(chain(3))
    (data,) = stage.bus.take()

    def deliver(worker: Worker) -> None:
        meet.wait()
        worker.handle(data)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(deliver, stage.workers))
    assert sorted(stage.runner.tries) == [("t00", 1), ("t01", 1), ("t02", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_lost_message_is_published_again(stage: Stage) -> None:
    key = stage.start(chain(2))
    stage.bus.take()
    stage.clock.turn(seconds=29)
    assert stage.tick().alarms_answered == 0
    stage.clock.turn(seconds=2)
    assert stage.tick().alarms_answered == 1
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_the_message_that_was_thought_lost_does_nothing_when_it_comes_late(stage: Stage) -> None:
    key = stage.start(chain(1))
    late = stage.bus.take()
    stage.clock.turn(seconds=31)
    stage.tick()
    stage.worker.handle(late[0])
    assert stage.runner.tries == []
    stage.deliver_all()
    assert stage.runner.tries == [("t00", 1)]
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.localcloud
@pytest.mark.parametrize("commit", range(8))
def test_a_commit_whose_answer_is_lost_is_known_again(stage: Stage, commit: int) -> None:
    key = stage.start(dag(task("a"), task("b", "a"), task("c", "a"), task("join", "b", "c")))
    stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.LOST_ANSWER, skip=commit))
    stage.deliver_all()
    assert sorted(stage.runner.tries) == [("a", 1), ("b", 1), ("c", 1), ("join", 1)]
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.parametrize("commit", range(7))
def test_a_worker_that_dies_after_any_commit_loses_nothing(stage: Stage, commit: int) -> None:
    """Its message comes again to another worker, and alarms do the rest."""
    shape = dag(task("a"), task("b", "a", retries=3), task("c", "a", retries=3), task("join", "b", "c", retries=3))
    key = stage.start(shape)
    dying = stage.make_worker("dying")
    die_after(dying, commit)
    stage.workers.append(dying)
    undone: list[bytes] = []
    while taken := stage.bus.take():
        for data in taken:
            try:
                dying.handle(data)
            except Died:
                undone.append(data)
    for data in undone:
        stage.worker.handle(data)
    stage.deliver_all()
    for _ in range(6):
        stage.clock.turn(minutes=6)
        stage.tick()
        stage.deliver_all()
    assert stage.run(key).state in (RunState.SUCCESS, RunState.FAILED)
    assert len(set(stage.runner.tries)) == len(stage.runner.tries)
    # Only a task that the dying worker had claimed may have lost a try; `a` has no other.
    if stage.run(key).state is RunState.FAILED:
        assert stage.instance(key, "a").state is TaskState.FAILED


def test_a_worker_lost_while_a_task_runs_costs_that_try_only(stage: Stage) -> None:
    def die(job: TaskJob) -> Outcome:
        raise Died

    stage.runner.script["a", 1] = die
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(seconds=1)), task("b", "a")))
    (data,) = stage.bus.take()
    with pytest.raises(Died):
        stage.worker.handle(data)
    stage.worker.handle(data)
    assert stage.instance(key, "a").state is TaskState.RUNNING
    stage.clock.turn(seconds=61)
    stage.tick()
    lost = stage.instance(key, "a")
    assert lost.state is TaskState.UP_FOR_RETRY
    assert lost.error is not None
    assert "did not renew its lease" in lost.error.message
    stage.clock.turn(seconds=2)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries == [("a", 1), ("a", 2), ("b", 1)]


def test_a_worker_lost_in_the_last_try_fails_the_task(stage: Stage) -> None:
    def die(job: TaskJob) -> Outcome:
        raise Died

    stage.runner.script["a", 1] = die
    key = stage.start(dag(task("a"), task("b", "a")))
    with pytest.raises(Died):
        stage.deliver_all()
    stage.clock.turn(seconds=61)
    stage.tick()
    assert stage.states(key) == {"a": "failed", "b": "upstream_failed"}
    assert stage.run(key).state is RunState.FAILED


def test_a_worker_that_lost_its_lease_cannot_record_a_result(stage: Stage) -> None:
    def be_late(job: TaskJob) -> Outcome:
        stage.clock.turn(seconds=61)
        stage.tick()
        return SUCCESS

    stage.runner.script["a", 1] = be_late
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(minutes=10)), task("b", "a")))
    stage.deliver_all()
    assert stage.states(key) == {"a": "up_for_retry"}


@pytest.mark.localcloud
def test_a_store_that_does_not_answer_fails_the_message_and_the_next_delivery_goes_on(stage: Stage) -> None:
    key = stage.start(chain(2))
    (data,) = stage.bus.take()
    stage.local.cloud.faults.inject(Fault(point="firestore.*", kind=FaultKind.ERROR, times=1000))
    with pytest.raises(Unavailable, match="Firestore did not answer in time: UNAVAILABLE"):
        stage.worker.handle(data)
    stage.local.cloud.faults.clear()
    stage.worker.handle(data)
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.localcloud
def test_passing_trouble_of_the_store_is_not_seen_by_tasks(stage: Stage) -> None:
    key = stage.start(fan(12))
    for skip in (0, 1, 2):
        stage.local.cloud.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.ERROR, skip=skip, times=2))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_failed_publish_is_made_up_by_the_alarm(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b", "a"), task("c", "a")))
    stage.worker.handle(stage.bus.take()[0])
    stage.bus.take()
    stage.clock.turn(seconds=31)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_whose_documents_were_left_halfway_is_planned_again(stage: Stage) -> None:
    """The worker recorded an end and died before it created what follows; its message is gone too."""
    key = stage.start(dag(task("a"), task("b", "a"), task("c", "a")))
    stage.bus.take()
    instance = stage.instance(key, "a")
    stage.cloud.store.commit([Replace(replace(instance, state=TaskState.SUCCESS, alarm_at=None))])
    stage.clock.turn(minutes=11)
    stage.tick()
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "b": "success", "c": "success"}
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_changed_while_it_runs_is_closed_all_the_same(stage: Stage) -> None:
    key = stage.start(chain(2))
    stage.cloud.store.commit([Replace(replace(stage.run(key), note="looked at by an operator"))])
    stage.deliver_all()
    run = stage.run(key)
    assert (run.state, run.note) == (RunState.SUCCESS, "looked at by an operator")


def test_many_alarms_at_once_go_to_workers(stage: Stage) -> None:
    key = stage.start(dag(*(task(f"f{n:03}") for n in range(150))))
    stage.bus.take()
    stage.clock.turn(seconds=31)
    assert stage.tick().alarms_answered == 150
    assert all(message.alarms is not None for message in stage.bus.held)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_message_of_somebody_else_is_refused(stage: Stage) -> None:
    with pytest.raises(CorruptRecord, match="not a Sailplane message"):
        stage.worker.handle(b"\x00\x01")


def test_a_task_killed_from_outside_leaves_its_record_to_whoever_killed_it(stage: Stage) -> None:
    killed = Outcome(kind=OutcomeKind.KILLED)

    def mark_failed(job: TaskJob) -> Outcome:
        instance = stage.instance(job.run.key, "a")
        stage.cloud.store.commit([Replace(replace(instance, state=TaskState.FAILED, alarm_at=None))])
        return killed

    stage.runner.script["a", 1] = mark_failed
    key = stage.start(dag(task("a"), task("b", "a")))
    stage.deliver_all()
    assert stage.states(key) == {"a": "failed", "b": "upstream_failed"}
    assert stage.run(key).state is RunState.FAILED


def test_a_lost_lease_stops_the_try(stage: Stage) -> None:
    key = stage.start(chain(1))
    instance = replace(stage.instance(key, "t00"), started_at=stage.clock())
    cancellation = Cancellation()
    stopped = threading.Event()
    with (
        cancellation.watched_by(stopped.set),
        stage.worker.leases.held(replace(instance, token="1.000000000"), cancellation),
    ):
        stage.clock.turn(seconds=21)
        assert stopped.wait(10)
    assert "its lease was lost" in (cancellation.reason or "")


def test_a_lease_is_renewed_while_its_task_runs(stage: Stage) -> None:
    key = stage.start(chain(1))
    instance = replace(stage.instance(key, "t00"), started_at=stage.clock())
    before = stage.instance(key, "t00").alarm_at
    with stage.worker.leases.held(instance, Cancellation()) as lease:
        stage.clock.turn(seconds=21)
        assert _until(lambda: lease.token != instance.token)
    renewed = stage.cloud.store.task(key, TaskKey("t00"))
    assert renewed is not None
    assert before is not None
    assert renewed.alarm_at == stage.clock() + timedelta(seconds=60)
    assert renewed.token == lease.token


def _until(condition: object) -> bool:
    wait = threading.Event()
    for _ in range(500):
        if callable(condition) and condition():
            return True
        wait.wait(0.02)
    return False


def test_a_failing_task_keeps_no_retry_it_does_not_have(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    stage.clock.turn(hours=1)
    assert stage.tick().alarms_answered == 0
    assert stage.run(key).state is RunState.FAILED


def test_a_task_whose_queue_nobody_serves_fails_and_says_so(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b", "a", queue="gpu"), task("c", "b")))
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "b": "failed", "c": "upstream_failed"}
    assert stage.run(key).state is RunState.FAILED
    error = stage.instance(key, "b").error
    assert error is not None
    assert "nobody serves the queue 'gpu'" in error.message


def test_one_alarm_that_cannot_be_answered_does_not_hold_up_the_others(stage: Stage) -> None:
    stage.push(dag(task("a"), dag_id="sound"))
    gone = stage.start(dag(task("a"), dag_id="gone"))
    sound = stage.start(dag(task("a"), dag_id="sound"))
    stage.bus.take()
    stage.cloud.store.commit([Delete(f"dags/{gone.dag_id}/versions/1")])
    stage.clock.turn(minutes=11)
    fresh = stage.restarted()
    tick(fresh, stage.clock, stay=timedelta(0))
    stage.deliver_all()
    assert stage.run(sound).state is RunState.SUCCESS
    assert stage.run(gone).state is RunState.RUNNING
