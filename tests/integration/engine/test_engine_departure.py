"""A worker that is told to leave, with tasks at every point of their way."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from engine_stage import FAILED, SUCCESS, ScriptedRunner, Stage, dag, task

from sailplane.engine.departure import WorkerLeaves
from sailplane.engine.worker import Worker
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.states import TaskState
from sailplane.runner.cancellation import Cancellation

SOON = timedelta(seconds=1)
PATIENCE = 20.0


class LongRunner(ScriptedRunner):
    """As scripted, except for tasks that run until they are stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.long: set[tuple[str, int]] = set()
        self.began = threading.Event()

    def run(self, job: TaskJob, *, cancellation: Cancellation, **others: Any) -> Outcome:
        if (job.task_id, job.try_number) not in self.long:
            return super().run(job, **others)
        self.jobs.append(job)
        stopped = threading.Event()
        with cancellation.watched_by(stopped.set):
            self.began.set()
            assert stopped.wait(PATIENCE), "nobody stopped this task"
        return Outcome(kind=OutcomeKind.KILLED)


@pytest.fixture
def runner() -> LongRunner:
    return LongRunner()


@pytest.fixture
def leaving(stage: Stage, runner: LongRunner) -> Iterator[Worker]:
    """The worker that is told to leave; the stage's own does what it hands back."""
    made = Worker(stage.cloud, runner, stage.clock, name="leaving", queue="default")
    yield made
    made.close()


def while_handling(worker: Worker, data: bytes, then: Callable[[], None]) -> None:
    """Do something while the worker works on a message, and wait until it is done with it."""
    thread = threading.Thread(target=worker.handle, args=[data])
    thread.start()
    then()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def leave_in_flight(worker: Worker, runner: LongRunner, data: bytes) -> None:
    def leave() -> None:
        assert runner.began.wait(PATIENCE)
        assert worker.hand_back(SOON)

    while_handling(worker, data, leave)


def test_what_it_stopped_costs_no_retry(stage: Stage, leaving: Worker, runner: LongRunner) -> None:
    runner.long.add(("a", 1))
    stage.runner.script["a", 2] = FAILED
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(0)), task("b", "a")))
    (data,) = stage.bus.take()
    leave_in_flight(leaving, runner, data)
    assert (stage.instance(key, "a").state, stage.instance(key, "a").try_number) == (TaskState.QUEUED, 2)
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "b": "success"}
    assert stage.runner.tries == [("a", 2), ("a", 3), ("b", 1)]
    assert stage.instance(key, "a").max_tries == 3
    kept = stage.cloud.store.tries(key, stage.instance(key, "a").key)
    assert [(one.try_number, one.error.kind if one.error else "") for one in kept] == [
        (1, "HandedBack"),
        (2, "ValueError"),
    ]


def test_a_poke_that_it_stopped_is_made_again_within_the_same_try(
    stage: Stage, leaving: Worker, runner: LongRunner
) -> None:
    pokes = iter([Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=stage.clock() + timedelta(minutes=1))])
    stage.runner.script["s", 1] = lambda _job: next(pokes, SUCCESS)
    key = stage.start(dag(task("s")))
    stage.deliver_all()
    first = stage.instance(key, "s").rescheduled_since
    stage.clock.turn(minutes=1)
    stage.tick()
    runner.long.add(("s", 1))
    (data,) = stage.bus.take()
    leave_in_flight(leaving, runner, data)
    stage.deliver_all()
    ended = stage.instance(key, "s")
    assert (ended.state, ended.try_number, ended.max_tries) == (TaskState.SUCCESS, 1, 1)
    assert ended.rescheduled_since == first
    assert stage.cloud.store.tries(key, ended.key) == []


def test_a_successor_that_it_has_claimed_and_not_begun_is_queued_again_as_the_same_try(
    stage: Stage, leaving: Worker, runner: LongRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool_of = leaving.shipper.open

    def told_meanwhile(instance: Any) -> Any:
        if instance.task_id == "b":
            threading.Thread(target=leaving.hand_back, args=[SOON]).start()
            assert leaving.departure.wait(PATIENCE)
        return spool_of(instance)

    monkeypatch.setattr(leaving.shipper, "open", told_meanwhile)
    key = stage.start(dag(task("a"), task("b", "a"), task("c", "b")))
    (data,) = stage.bus.take()
    leaving.handle(data)
    assert (stage.instance(key, "b").state, stage.instance(key, "b").try_number) == (TaskState.QUEUED, 1)
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "b": "success", "c": "success"}
    assert [*runner.tries, *stage.runner.tries] == [("a", 1), ("b", 1), ("c", 1)]


def test_it_keeps_no_successor_of_what_ends_meanwhile(stage: Stage, leaving: Worker, runner: LongRunner) -> None:
    def last(_job: TaskJob) -> Outcome:
        threading.Thread(target=leaving.hand_back, args=[timedelta(seconds=PATIENCE)]).start()
        assert leaving.departure.wait(PATIENCE)
        return SUCCESS

    runner.script["a", 1] = last
    key = stage.start(dag(task("a"), task("b", "a")))
    (data,) = stage.bus.take()
    leaving.handle(data)
    assert stage.states(key) == {"a": "success", "b": "queued"}
    stage.deliver_all()
    assert stage.runner.tries == [("b", 1)]


def test_what_waits_in_the_same_message_is_published_again_at_once(
    stage: Stage, leaving: Worker, runner: LongRunner
) -> None:
    width = stage.settings.worker_concurrency
    key = stage.start(dag(*(task(f"t{n}") for n in range(width))))
    (data,) = stage.bus.take()
    for _ in range(width - 1):
        leaving.slots.acquire()
    runner.long |= {(f"t{n}", 1) for n in range(width)}

    def leave() -> None:
        assert runner.began.wait(PATIENCE)
        freed = threading.Timer(0.1, leaving.slots.release, args=[width - 1])
        freed.start()
        leaving.hand_back(SOON)

    while_handling(leaving, data, leave)
    assert len(runner.jobs) == 1
    stage.deliver_all()
    assert set(stage.states(key).values()) == {"success"}
    assert len(stage.runner.jobs) == width


def test_it_takes_no_message_any_more(stage: Stage, leaving: Worker) -> None:
    key = stage.start(dag(task("a")))
    (data,) = stage.bus.take()
    assert leaving.hand_back(SOON)
    with pytest.raises(WorkerLeaves):
        leaving.handle(data)
    assert stage.states(key) == {"a": "queued"}


def test_it_says_when_something_was_not_done_in_time(stage: Stage, leaving: Worker, runner: LongRunner) -> None:
    release, began = threading.Event(), threading.Event()

    def deaf(_job: TaskJob) -> Outcome:
        began.set()
        assert release.wait(PATIENCE)
        return SUCCESS

    runner.script["a", 1] = deaf
    key = stage.start(dag(task("a")))
    (data,) = stage.bus.take()

    def leave() -> None:
        assert began.wait(PATIENCE)
        assert not leaving.hand_back(timedelta(seconds=0.2))
        release.set()

    while_handling(leaving, data, leave)
    assert stage.states(key) == {"a": "success"}


def test_what_lost_its_lease_before_is_somebody_elses(stage: Stage, leaving: Worker, runner: LongRunner) -> None:
    runner.long.add(("a", 1))
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(0))))
    (data,) = stage.bus.take()

    def leave() -> None:
        assert runner.began.wait(PATIENCE)
        stage.clock.turn(seconds=61)
        for _ in range(2):  # Found lost, then queued again.
            stage.tick()
        stage.deliver_all()
        assert leaving.hand_back(SOON)

    while_handling(leaving, data, leave)
    assert stage.states(key) == {"a": "success"}
    assert stage.instance(key, "a").try_number == 2
