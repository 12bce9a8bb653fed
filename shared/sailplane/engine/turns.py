"""Whose turn it is: runs that a schedule makes due, and runs that waited for the DAG's active ones to end."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sailplane.cloud.changes import Replace
from sailplane.cloud.wiring import Cloud
from sailplane.engine import creation
from sailplane.engine.creation import NewRun
from sailplane.engine.draft import nonce
from sailplane.model import ids
from sailplane.model.dags import SerializedDag
from sailplane.model.runs import DagRecord, DagRun, DagSchedule, RunContext
from sailplane.model.states import RunState, RunType, TriggeredBy
from sailplane.planner import schedule as planner
from sailplane.planner.schedule import NextRun

_log = logging.getLogger(__name__)

HELD_ALARM = timedelta(minutes=5)
"""How often a schedule is looked at that waits for one of the DAG's active runs to end; their end wakes it sooner."""

UNLIMITED = 1000
"""Runs that may be started at once where the DAG sets no limit."""

Clock = Callable[[], datetime]


def start_waiting(cloud: Cloud, clock: Clock, dag_id: str) -> None:
    """A run of the DAG has ended: start those that waited for `max_active_runs`, then what its schedule held back."""
    queued, held = cloud.store.waiting(dag_id)
    if not queued and held is None:
        return
    record = cloud.store.dag(dag_id)
    if record is None:
        return
    room = max(_room(cloud, record), 0)
    for waiting in queued[:room]:
        new = NewRun(dag=cloud.store.version(dag_id, waiting.context.version), record=waiting)
        creation.start(cloud, new, clock, partial(start_waiting, cloud, clock), is_new=False)
    for _ in range(room - len(queued)):
        if held is None or not held.is_held or not start_due(cloud, held, clock):
            return
        held = cloud.store.schedules([dag_id]).get(dag_id)


def _room(cloud: Cloud, record: DagRecord) -> int:
    """How many more runs of the DAG may be active."""
    if not record.max_active_runs:
        return UNLIMITED
    return record.max_active_runs - cloud.store.active_runs(record.dag_id)


def start_due(cloud: Cloud, schedule: DagSchedule, clock: Clock) -> int:
    """Create the run that `schedule` says is due, and set the next; returns how many were created, 0 or 1."""
    now = clock()
    record = cloud.store.dag(schedule.dag_id)
    if record is None or record.is_paused or record.is_stale:
        cloud.store.commit([Replace(replace(schedule, alarm_at=None, is_held=False))])
        return 0
    dag = cloud.store.version(record.dag_id, record.version)
    due = next_run(dag, last_of(schedule), now)
    if due is None or due.run_after > now:
        cloud.store.commit([Replace(_alarmed(scheduled(schedule, due)))])
        return 0
    room = _room(cloud, record)
    if room <= 0:
        cloud.store.commit([Replace(_held(schedule, now))])
        return 0
    advanced = _alarmed(scheduled(_with_last(schedule, due), next_run(dag, due, now)))
    if room == 1 and advanced.run_after is not None and advanced.run_after <= now:
        advanced = _held(advanced, now)
    new = NewRun(dag=dag, record=_scheduled_run(record, due, now), companions=(Replace(advanced),))
    if creation.create(cloud, new, 0, clock, partial(start_waiting, cloud, clock)) is not None:
        return 1
    # The run exists: another tick made it and the schedule moved on with it, or somebody triggered it by that id.
    cloud.store.commit([Replace(advanced)])
    return 0


def _scheduled_run(record: DagRecord, due: NextRun, now: datetime) -> DagRun:
    context = RunContext(
        dag_id=record.dag_id,
        run_id=ids.run_id_for(RunType.SCHEDULED, due.run_after),
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
    """The run of `dag` that follows `last`, by its schedule."""
    return planner.next_run(
        dag.schedule, start_date=dag.start_date, end_date=dag.end_date, catchup=dag.catchup, last=last, now=now
    )


def due_schedule(dag: SerializedDag, stored: DagSchedule | None, *, paused: bool, now: datetime) -> DagSchedule:
    """The schedule document of `dag` as of `now`: what is due next, and no alarm while it is paused."""
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
