"""Holding one run: what runs in it may end, nothing of it starts, until somebody says so or a moment has come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sailplane.cloud.changes import Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import interventions, parts
from sailplane.engine.alarms import Alarms
from sailplane.engine.draft import nonce
from sailplane.engine.interventions import Clock, Order
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import NotFound, RequestError, TransientError
from sailplane.model.evolve import evolve
from sailplane.model.ids import RunKey
from sailplane.model.interventions import RunHold
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner.slots import in_turn


def hold(
    cloud: Cloud, clock: Clock, key: RunKey, *, reason: str = "", resume_at: datetime | None = None, by: str = ""
) -> DagRun:
    """Hold a run, or change why and until when it is held. Raises `NotFound`, or `RequestError` when it has ended."""
    now = clock()
    if resume_at is not None and resume_at <= now:
        raise RequestError(
            f"resume_at {resume_at.isoformat()} has passed; leave it out to hold run {key} until resumed"
        )

    def decide(run: DagRun, dag: SerializedDag, instances: Sequence[TaskInstance]) -> Order:
        if run.state.is_terminal:
            raise RequestError(f"run {key} has ended ({run.state}): there is nothing to hold")
        since = run.hold.since if run.hold is not None else now
        return Order(run=replace(run, hold=RunHold(since=since, reason=reason, resume_at=resume_at, by=by)))

    return interventions.intervene(cloud, clock, key, decide)


def resume(cloud: Cloud, clock: Clock, key: RunKey) -> DagRun:
    """Let a run that is held go on; one that is not is left as it is. Raises `NotFound`."""
    while True:
        run = cloud.store.run(key)
        if run is None:
            raise NotFound(f"DAG {key.dag_id!r} has no run {key.run_id!r}")
        if run.hold is None:
            return run
        free = replace(run, hold=None, alarm_at=clock() + interventions.UNFINISHED_ALARM, claim=nonce())
        result = cloud.store.commit([Replace(free)])
        if isinstance(result, Committed):
            break
    free = replace(free, token=result.tokens[0])
    if free.intervention is None:
        go_on(cloud, clock, free)
    return cloud.store.run(key) or free


def go_on(cloud: Cloud, clock: Clock, run: DagRun) -> None:
    """Start what is due in a run that is held no more: what its alarms would start, too."""
    _take_turns(cloud, run)
    interventions.go_on(cloud, clock, run)
    alarms = Alarms(cloud, clock)
    for instance in cloud.store.tasks(run.key):
        if _is_due(instance):
            try:
                alarms.answer_task(evolve(instance, alarm_at=clock()))
            except TransientError:
                return  # Their alarms ring again.


def _take_turns(cloud: Cloud, run: DagRun) -> None:
    """What waits for slots stands in its own place again; should that not come off, it waits behind all others."""
    waiting = [each for each in cloud.store.tasks(run.key) if each.waits_for_slots and in_turn(each.rank) != each.rank]
    parts.write(cloud, [[Replace(evolve(each, rank=in_turn(each.rank), claim=nonce()))] for each in waiting])


def _is_due(instance: TaskInstance) -> bool:
    """Whether it was kept back: put off, or not woken by what it waits for. Who waits for slots was looked for."""
    if instance.state in _WOKEN and instance.waits_for:
        return True
    is_scheduled = instance.state is TaskState.SCHEDULED and not instance.waits_for_slots
    return is_scheduled or (instance.state.is_live and instance.alarms == interventions.PUT_OFF)


_WOKEN = frozenset({TaskState.UP_FOR_RESCHEDULE, TaskState.DEFERRED})


def answer(cloud: Cloud, clock: Clock, run: DagRun) -> None:
    """The alarm of a run that is held has rung."""
    assert run.hold is not None
    if run.hold.resume_at is not None and run.hold.resume_at <= clock():
        resume(cloud, clock, run.key)
    else:
        cloud.store.commit([Replace(replace(run, alarm_at=interventions.held_alarm(run, clock())))])
