"""The tick: creates due runs and answers alarms, once a minute, and stays while something is due within its minute."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sailplane.cloud.changes import Replace
from sailplane.cloud.store import DueAlarms
from sailplane.cloud.wiring import Cloud
from sailplane.engine import runs
from sailplane.engine.alarms import Alarms
from sailplane.engine.draft import nonce
from sailplane.engine.runs import NewRun
from sailplane.model import ids
from sailplane.model.dags import DEFAULT_QUEUE
from sailplane.model.messages import AlarmWave, Message
from sailplane.model.runs import DagRun, DagSchedule, RunContext, TaskInstance
from sailplane.model.states import RunState, RunType, TriggeredBy
from sailplane.planner import schedule as planner
from sailplane.planner.schedule import NextRun

_log = logging.getLogger(__name__)

STAY = timedelta(seconds=55)
"""How long one tick may stay: until just before the next one comes."""
MOST = 500
"""Documents of a kind that one look takes."""
FAN_OUT = 100
"""More due alarms than this go to workers over Pub/Sub, in messages of this size."""
LOOK_AGAIN = timedelta(seconds=5)
"""After something was answered, the next look: what it led to may have set an alarm within this minute."""
HELD_ALARM = timedelta(minutes=5)
"""How often a schedule is looked at that waits for one of the DAG's active runs to end; their end wakes it sooner."""


@dataclass(frozen=True, kw_only=True)
class TickReport:
    """What one tick did."""

    looks: int
    runs_created: int
    alarms_answered: int


def tick(
    cloud: Cloud,
    clock: Callable[[], datetime],
    *,
    stay: timedelta = STAY,
    sleep: Callable[[float], None] = time.sleep,
) -> TickReport:
    """Answer all that is due. Two reads and no write when nothing is due before the next tick."""
    ends_at = clock() + stay
    looks = created = answered = 0
    while True:
        now = clock()
        due = cloud.store.due(now, max(ends_at, now), limit=MOST)
        looks += 1
        created += sum(_start_due(cloud, schedule, clock) for schedule in due.schedules if _rings(schedule, now))
        rung = _answer(cloud, due, now, clock)
        answered += rung
        busy = bool(rung) or any(_rings(schedule, now) for schedule in due.schedules)
        next_look = _next_look(due, clock(), is_busy=busy)
        if next_look is None or next_look >= ends_at:
            return TickReport(looks=looks, runs_created=created, alarms_answered=answered)
        sleep(max((next_look - clock()).total_seconds(), 0))


def _rings(record: DagSchedule | DagRun, now: datetime) -> bool:
    return record.alarm_at is not None and record.alarm_at <= now


def _next_look(due: DueAlarms, now: datetime, *, is_busy: bool) -> datetime | None:
    """When the tick has to look again: at the next alarm, or soon when it was busy; None when it can go."""
    documents: tuple[DagSchedule | DagRun | TaskInstance, ...] = (*due.schedules, *due.runs, *due.tasks)
    upcoming = min((each.alarm_at for each in documents if each.alarm_at and each.alarm_at > now), default=None)
    if not is_busy:
        return upcoming
    again = now if len(due.tasks) == MOST or len(due.runs) + len(due.schedules) == MOST else now + LOOK_AGAIN
    return min(again, upcoming) if upcoming else again


def _answer(cloud: Cloud, due: DueAlarms, now: datetime, clock: Callable[[], datetime]) -> int:
    tasks = [task for task in due.tasks if task.alarm_at is not None and task.alarm_at <= now]
    late = [run for run in due.runs if _rings(run, now)]
    if len(tasks) + len(late) > FAN_OUT:
        waves = [
            *(AlarmWave(runs=tuple(run.key for run in part)) for part in _parts(late)),
            *(AlarmWave(tasks=tuple((task.run, task.key) for task in part)) for part in _parts(tasks)),
        ]
        cloud.bus.publish(DEFAULT_QUEUE, [Message(alarms=wave) for wave in waves])
        return len(tasks) + len(late)
    alarms = Alarms(cloud, clock)
    for run in late:
        alarms.answer_run(run)
    alarms.answer_tasks(tasks)
    return len(tasks) + len(late)


T = TypeVar("T")


def _parts(items: list[T]) -> Iterable[list[T]]:
    return (items[begin : begin + FAN_OUT] for begin in range(0, len(items), FAN_OUT))


def _start_due(cloud: Cloud, schedule: DagSchedule, clock: Callable[[], datetime]) -> int:
    """Create the run that `schedule` says is due, and set the next; returns how many were created, 0 or 1."""
    now = clock()
    record = cloud.store.dag(schedule.dag_id)
    if record is None or record.is_paused or record.is_stale:
        cloud.store.commit([Replace(replace(schedule, alarm_at=None))])
        return 0
    dag = cloud.store.version(record.dag_id, record.version)
    bounds = {"start_date": dag.start_date, "end_date": dag.end_date, "catchup": dag.catchup}
    due = planner.next_run(dag.schedule, last=runs.last_of(schedule), now=now, **bounds)  # type: ignore[arg-type]
    if due is None or due.run_after > now:
        cloud.store.commit([Replace(_alarmed(runs.scheduled(schedule, due)))])
        return 0
    if record.max_active_runs and cloud.store.active_runs(dag.dag_id) >= record.max_active_runs:
        cloud.store.commit([Replace(replace(schedule, alarm_at=now + HELD_ALARM, is_held=True))])
        return 0
    following = planner.next_run(dag.schedule, last=due, now=now, **bounds)  # type: ignore[arg-type]
    advanced = _alarmed(runs.scheduled(_with_last(schedule, due), following))
    context = RunContext(
        dag_id=dag.dag_id,
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
    run = DagRun(context=context, state=RunState.QUEUED, queued_at=now, claim=nonce())
    new = NewRun(dag=dag, record=run, companions=(Replace(advanced),))
    if runs.create(cloud, new, 0, clock) is not None:
        return 1
    # The run exists: another tick made it and the schedule moved on with it, or somebody triggered it by that id.
    cloud.store.commit([Replace(advanced)])
    return 0


def _with_last(schedule: DagSchedule, due: NextRun) -> DagSchedule:
    return replace(
        schedule,
        last_run_after=due.run_after,
        last_interval_start=due.data_interval_start,
        last_interval_end=due.data_interval_end,
    )


def _alarmed(schedule: DagSchedule) -> DagSchedule:
    return replace(schedule, alarm_at=schedule.run_after)
