"""Whose turn it is: runs that a schedule makes due, and runs that waited for the DAG's active ones to end."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

from sailplane.cloud.changes import Replace
from sailplane.cloud.wiring import Cloud
from sailplane.engine import creation, planned
from sailplane.engine.creation import NewRun, Started
from sailplane.engine.draft import nonce
from sailplane.model import ids
from sailplane.model.dags import ScheduleKind, SerializedDag
from sailplane.model.errors import CorruptRecord
from sailplane.model.runs import DagRecord, DagRun, DagSchedule, RunContext
from sailplane.model.states import RunState, RunType, TriggeredBy
from sailplane.planner import schedule as planner
from sailplane.planner.schedule import NextRun

_log = logging.getLogger(__name__)

HELD_ALARM = timedelta(minutes=5)
"""How often a schedule is looked at that waits for one of the DAG's active runs to end; their end wakes it sooner."""

MOST_TURNS = 100
"""Rounds of runs that end as they are started, after which the rest waits for the next tick."""
UNLIMITED = 1000
"""Runs that may be started at once where the DAG sets no limit."""

Clock = Callable[[], datetime]


def start_waiting(cloud: Cloud, clock: Clock, dag_id: str) -> None:
    """A run of the DAG has ended: start those that waited for `max_active_runs`, then what its schedule held back."""
    for _ in range(MOST_TURNS):
        if not _start_some(cloud, clock, dag_id):
            return


def _start_some(cloud: Cloud, clock: Clock, dag_id: str) -> bool:
    """Start what there is room for. True when some of it has ended already, so that there is room again."""
    waiting_runs, held = cloud.store.waiting(dag_id)
    queued = [run for run in waiting_runs if run.intervention is None and run.hold is None]
    record = cloud.store.dag(dag_id) if queued or held is not None else None
    if record is None:
        return False
    room = max(_room(cloud, record), 0)
    started: list[Started | None] = []
    for waiting in queued[:room]:
        new = NewRun(dag=cloud.store.version(dag_id, waiting.context.version), record=waiting)
        started.append(creation.start(cloud, new, clock, is_new=False))
    for _ in range(room - len(queued)):
        if held is None or not held.is_held:
            break
        started.append(_create_due(cloud, held, clock))
        held = cloud.store.schedules([dag_id]).get(dag_id) if started[-1] is not None else None
    return any(each is not None and each.is_over for each in started)


def _room(cloud: Cloud, record: DagRecord) -> int:
    """How many more runs of the DAG may be active."""
    if not record.max_active_runs:
        return UNLIMITED
    return record.max_active_runs - cloud.store.active_runs(record.dag_id)


def start_due(cloud: Cloud, schedule: DagSchedule, clock: Clock) -> int:
    """Create the run that `schedule` says is due, and set the next; returns how many were created, 0 or 1."""
    started = _create_due(cloud, schedule, clock)
    if started is not None and started.is_over:
        start_waiting(cloud, clock, schedule.dag_id)
    return int(started is not None)


def _create_due(cloud: Cloud, schedule: DagSchedule, clock: Clock) -> Started | None:
    now = clock()
    cloud.tally.take()  # What this thread read before was not for this run.
    record = cloud.store.dag(schedule.dag_id)
    if record is None or record.is_paused or record.is_stale:
        cloud.store.commit([Replace(replace(schedule, alarm_at=None, is_held=False))])
        return None
    dag = cloud.store.version(record.dag_id, record.version)
    is_custom = dag.schedule.kind is ScheduleKind.CUSTOM
    if is_custom and planned.must_plan(schedule, now):
        planned.ask(cloud, schedule, now)
        return None
    due = planned.first(schedule) if is_custom else next_run(dag, last_of(schedule), now)
    if due is None or due.run_after > now:
        cloud.store.commit([Replace(_alarmed(scheduled(schedule, due)))])
        return None
    run = _scheduled_run(record, due, now, schedule.planned[0].run_id if is_custom else "")
    room = _room(cloud, record)
    if room <= 0:
        cloud.store.commit([Replace(_held(schedule, now))])
        # Commit, then look: the last active run may have ended before it could see the schedule held.
        if _room(cloud, record) <= 0:
            return None
        schedule = cloud.store.schedules([record.dag_id])[record.dag_id]
        room = 1
    advanced = _with_last(schedule, due)
    if is_custom:
        advanced = planned.after_first(advanced, now)
    else:
        advanced = _alarmed(scheduled(advanced, next_run(dag, due, now)))
    if room == 1 and advanced.run_after is not None and advanced.run_after <= now:
        advanced = _held(advanced, now)
    new = NewRun(dag=dag, record=run, companions=(Replace(advanced),))
    started = creation.create(cloud, new, 0, clock)
    if started is None:
        # The run exists: another tick made it and moved the schedule on, or somebody triggered it by that id.
        cloud.store.commit([Replace(advanced)])
    return started


def _scheduled_run(record: DagRecord, due: NextRun, now: datetime, run_id: str = "") -> DagRun:
    context = RunContext(
        dag_id=record.dag_id,
        run_id=run_id or ids.run_id_for(RunType.SCHEDULED, due.run_after),
        version=record.version,
        bundle=record.bundle,
        file=record.file,
        run_type=RunType.SCHEDULED,
        logical_date=due.logical_date,
        data_interval_start=due.data_interval_start,
        data_interval_end=due.data_interval_end,
        run_after=due.run_after,
        started_at=None,
        triggered_by=TriggeredBy.TIMETABLE,
    )
    return DagRun(context=context, state=RunState.QUEUED, queued_at=now, claim=nonce())


def next_run(dag: SerializedDag, last: NextRun | None, now: datetime) -> NextRun | None:
    """The run of `dag` that follows `last`, by its schedule. Raises `CorruptRecord` when that makes no sense here."""
    try:
        return planner.next_run(
            dag.schedule, start_date=dag.start_date, end_date=dag.end_date, catchup=dag.catchup, last=last, now=now
        )
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CorruptRecord(f"DAG {dag.dag_id!r} has a schedule that cannot be followed: {error}") from error


def due_schedule(dag: SerializedDag, stored: DagSchedule | None, *, paused: bool, now: datetime) -> DagSchedule:
    """The schedule document of `dag` as of `now`: what is due next, and no alarm while it is paused."""
    if dag.schedule.kind is ScheduleKind.CUSTOM:
        return planned.unplanned(dag.dag_id, stored, paused=paused, now=now)
    following = next_run(dag, last_of(stored), now)
    base = stored or DagSchedule(dag_id=dag.dag_id, run_after=None)
    return replace(scheduled(base, following), alarm_at=following.run_after if following and not paused else None)


def last_of(stored: DagSchedule | None) -> planner.NextRun | None:
    """The run that the schedule created last; None before the first."""
    if stored is None or stored.last_run_after is None:
        return None
    start = stored.last_interval_start or stored.last_run_after
    return planner.NextRun(
        run_after=stored.last_run_after,
        logical_date=start,
        data_interval_start=start,
        data_interval_end=stored.last_interval_end or stored.last_run_after,
    )


def scheduled(base: DagSchedule, following: planner.NextRun | None) -> DagSchedule:
    if following is None:
        return replace(
            base, run_after=None, logical_date=None, data_interval_start=None, data_interval_end=None, is_held=False
        )
    return replace(
        base,
        run_after=following.run_after,
        logical_date=following.logical_date,
        data_interval_start=following.data_interval_start,
        data_interval_end=following.data_interval_end,
        is_held=False,
    )


def _held(schedule: DagSchedule, now: datetime) -> DagSchedule:
    return replace(schedule, alarm_at=now + HELD_ALARM, is_held=True)


def _with_last(schedule: DagSchedule, due: NextRun) -> DagSchedule:
    return replace(
        schedule,
        last_run_after=due.run_after,
        last_interval_start=due.data_interval_start,
        last_interval_end=due.data_interval_end,
    )


def _alarmed(schedule: DagSchedule) -> DagSchedule:
    return replace(schedule, alarm_at=schedule.run_after)
