"""What happens between two steps: another worker, a tick, an outage, and what this worker believes meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_stage import FAILED, SUCCESS, ScriptedRunner, Stage, dag, task

from localcloud.faults import Fault, FaultKind
from sailplane.cloud.changes import Delete
from sailplane.engine import runs
from sailplane.engine.alarms import Alarms
from sailplane.model import messages
from sailplane.model.dags import Schedule, ScheduleKind
from sailplane.model.errors import Unavailable
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.messages import AlarmWave, Message
from sailplane.model.states import RunState, TaskState, TriggerRule


def split(data: bytes) -> dict[str, bytes]:
    """A wave's message as one message for each task."""
    wave = messages.decode(data).wave
    assert wave is not None
    return {ticket.task_id: messages.encode(Message(wave=replace(wave, tickets=(ticket,)))) for ticket in wave.tickets}


class Hooked:
    """A store or cache of which one method is another."""

    def __init__(self, real: Any, **methods: Callable[..., Any]) -> None:
        self._real = real
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_what_follows_a_task_that_nobody_can_run_is_run(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("b", "a", queue="gpu"), task("c", "b", trigger_rule=TriggerRule.ALL_DONE)))
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "b": "failed", "c": "success"}


def test_a_run_that_ends_with_more_than_one_commit_can_hold_is_written_whole(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    key = stage.start(dag(task("a"), *(task(f"f{n:03}", "a") for n in range(450))))
    stage.deliver_all()
    assert stage.run(key).state is RunState.FAILED
    assert len(stage.states(key)) == 451


def test_what_a_try_wanted_skipped_is_not_believed_when_it_lost_its_lease(stage: Stage) -> None:
    def late(job: TaskJob) -> Outcome:
        stage.clock.turn(seconds=61)
        stage.tick()
        return Outcome(kind=OutcomeKind.SUCCESS, skip_tasks=("far",))

    stage.runner.script["stop", 1] = late
    key = stage.start(
        dag(task("stop", retries=1, retry_delay=timedelta(seconds=1)), task("near", "stop"), task("far", "near"))
    )
    stage.deliver_all()
    stage.clock.turn(seconds=2)
    stage.tick()
    stage.deliver_all()
    assert stage.states(key) == {"stop": "success", "near": "success", "far": "success"}


def test_runs_with_nothing_to_run_follow_each_other_without_end_of_the_stack(stage: Stage) -> None:
    minutely = Schedule(kind=ScheduleKind.CRON, cron="* * * * *")
    start = stage.clock() - timedelta(hours=2)
    empty = dag(task("a", needs_code=False), start_date=start, catchup=True, max_active_runs=1, schedule=minutely)
    stage.push(empty)
    stage.tick(stay=timedelta(seconds=55))
    assert len(stage.cloud.store.runs("flight", limit=200)) > 100
    stage.clock.turn(minutes=5)
    stage.tick(stay=timedelta(seconds=55))
    found = stage.cloud.store.runs("flight", limit=200)
    assert len(found) == 121 + 5
    assert {run.state for run in found} == {RunState.SUCCESS}


def test_a_tick_hands_many_alarms_over_once(stage: Stage) -> None:
    stage.start(dag(*(task(f"f{n:03}") for n in range(150))))
    stage.bus.take()
    stage.clock.turn(seconds=31)
    stage.tick(stay=timedelta(seconds=55))
    assert len(stage.bus.held) == 2


def test_one_broken_alarm_in_a_wave_does_not_hold_up_the_others(stage: Stage) -> None:
    gone = stage.start(dag(task("a"), dag_id="gone"))
    sound = stage.start(dag(task("a"), dag_id="sound"))
    stage.cloud.store.commit([Delete("dags/gone/versions/1")])
    stage.clock.turn(minutes=11)
    rings = stage.clock()
    Alarms(stage.restarted(), stage.clock).answer_wave(AlarmWave(runs=(gone, sound)))
    for key in (gone, sound):
        alarm_at = stage.run(key).alarm_at
        assert alarm_at is not None
        assert alarm_at > rings


@pytest.mark.localcloud
def test_a_kept_successor_is_run_although_a_look_failed(stage: Stage) -> None:
    key = stage.start(dag(task("a"), task("other"), task("kept", "a"), task("join", "a", "other")))
    (data,) = stage.bus.take()
    one = split(data)
    for method in ("GetDocument", "BatchGetDocuments"):
        stage.local.cloud.faults.inject(Fault(point=f"firestore.{method}", kind=FaultKind.ERROR, times=100))
    threading.Timer(4, stage.local.cloud.faults.clear).start()
    stage.worker.handle(one["a"])
    stage.worker.handle(one["other"])
    stage.deliver_all()
    assert ("kept", 1) in stage.runner.tries
    assert stage.run(key).state is RunState.SUCCESS


def test_the_log_of_earlier_pokes_is_not_forgotten(stage: Stage) -> None:
    class Talking(ScriptedRunner):
        def run(self, job: TaskJob, **services: Any) -> Outcome:
            if not self.jobs:
                Path(services["spool"]).write_text('{"event":"poke"}\n')
            return super().run(job)

    talking = Talking()
    again = Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=stage.clock() + timedelta(seconds=1))
    talking.script["a", 1] = lambda job: again if len(talking.jobs) == 1 else SUCCESS
    stage.worker.runner = talking
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    stage.clock.turn(seconds=2)
    stage.tick()
    stage.deliver_all()
    ended = stage.instance(key, "a")
    assert (ended.state, ended.has_log) == (TaskState.SUCCESS, True)


def test_a_bucket_that_is_away_before_a_task_begins_costs_no_try(stage: Stage) -> None:
    def away(_: str) -> Path:
        raise Unavailable("Cloud Storage did not answer")

    bundles = stage.worker.bundles
    key = stage.start(dag(task("a")))
    (data,) = stage.bus.take()
    stage.worker.bundles = Hooked(bundles, path=away)  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        stage.worker.handle(data)
    assert stage.instance(key, "a").state is TaskState.QUEUED
    stage.worker.bundles = bundles
    stage.worker.handle(data)
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_that_was_queued_while_the_last_active_one_ended_is_started(stage: Stage) -> None:
    stage.push(dag(task("a"), max_active_runs=1))
    first = runs.trigger(stage.cloud, "flight", run_id="first", now=stage.clock())
    store = stage.cloud.store
    counts: list[int] = []

    def active_runs(dag_id: str) -> int:
        counts.append(store.active_runs(dag_id))
        if len(counts) == 1:
            stage.deliver_all()  # The first run ends between the count and what is decided by it.
        return counts[-1]

    hooked = replace(stage.cloud, store=Hooked(store, active_runs=active_runs))  # type: ignore[arg-type]
    second = runs.trigger(hooked, "flight", run_id="second", now=stage.clock())
    stage.deliver_all()
    assert [stage.run(run.key).state for run in (first, second)] == [RunState.SUCCESS] * 2


def test_a_worker_lets_go_of_a_duplicate_before_it_reads_what_became_of_it(stage: Stage) -> None:
    """Else a sibling that ends meanwhile believes it to be in hand here, and nobody starts what waits for both."""
    two = stage.make_worker("two")
    stage.workers.append(two)
    key = stage.start(dag(task("x"), task("y"), task("join", "x", "y")))
    (data,) = stage.bus.take()
    one = split(data)
    begun = {name: threading.Event() for name in "xy"}
    may_end = {name: threading.Event() for name in "xy"}

    def hold(name: str) -> Callable[[TaskJob], Outcome]:
        def run(job: TaskJob) -> Outcome:
            begun[name].set()
            may_end[name].wait(10)
            return SUCCESS

        return run

    stage.runner.script["x", 1], stage.runner.script["y", 1] = hold("x"), hold("y")
    threads = {
        "x": threading.Thread(target=two.handle, args=(one["x"],)),
        "y": threading.Thread(target=stage.worker.handle, args=(one["y"],)),
    }
    for name, thread in threads.items():
        thread.start()
        assert begun[name].wait(10)
    store = stage.worker.cloud.store

    def read_slowly(*of: Any) -> Any:
        found = store.task(*of)
        for name, thread in threads.items():
            may_end[name].set()
            thread.join(10)
        return found

    stage.worker.cloud = replace(stage.worker.cloud, store=Hooked(store, task=read_slowly))  # type: ignore[arg-type]
    stage.worker.handle(one["x"])
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.localcloud
def test_a_result_is_recorded_although_the_store_is_away_for_longer_than_a_call_is_tried(stage: Stage) -> None:
    def outage(job: TaskJob) -> Outcome:
        stage.local.cloud.faults.inject(Fault(point="firestore.*", kind=FaultKind.ERROR, times=10_000))
        threading.Timer(4, stage.local.cloud.faults.clear).start()
        return SUCCESS

    stage.runner.script["a", 1] = outage
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries == [("a", 1)]
