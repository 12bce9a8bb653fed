"""Following the list of runs that an author's own timetable has planned, and having it made again.

The tick runs no author's code. The schedule's document holds the next runs; when they run out, when the DAG is pushed
or let go on, and when the clock has gone past more than one of them, a message asks a worker to plan anew
(`engine.planning`). The alarm of the document asks again until that has been done.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sailplane.cloud.changes import Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.model.dags import DEFAULT_QUEUE
from sailplane.model.messages import Message, PlanRequest
from sailplane.model.runs import DagSchedule
from sailplane.planner.schedule import NextRun

ASK_AGAIN = timedelta(minutes=1)
"""After a request that nobody has answered."""
STALE = timedelta(minutes=5)
"""A younger list is followed: the tick may come a minute late, and some timetables fire more often than that."""


def must_plan(schedule: DagSchedule, now: datetime) -> bool:
    """Whether the timetable has to be asked: nothing is planned, or what is was planned long before two were due.

    The latter would be runs that were missed, about which a timetable may think otherwise by now (`catchup`).
    """
    planned = schedule.planned
    if not planned or schedule.planned_at is None:
        return True
    is_old = now - schedule.planned_at >= STALE
    return is_old and len(planned) > 1 and schedule.planned_at < planned[1].run_after <= now


def ask(cloud: Cloud, schedule: DagSchedule, now: datetime) -> None:
    """Have a worker plan the DAG's next runs."""
    result = cloud.store.commit([Replace(replace(schedule, alarm_at=now + ASK_AGAIN))])
    if isinstance(result, Committed):
        cloud.bus.publish(DEFAULT_QUEUE, [Message(plan=PlanRequest(dag_id=schedule.dag_id))])


def first(schedule: DagSchedule) -> NextRun | None:
    """The run that is planned next."""
    if not schedule.planned:
        return None
    due = schedule.planned[0]
    return NextRun(
        run_after=due.run_after, logical_date=due.start, data_interval_start=due.start, data_interval_end=due.end
    )


def after_first(schedule: DagSchedule, now: datetime) -> DagSchedule:
    """The schedule once its next run has been made; when that was the last, its timetable is asked at once."""
    rest = following(replace(schedule, planned=schedule.planned[1:]))
    return replace(rest, alarm_at=rest.run_after or now)


def unplanned(dag_id: str, stored: DagSchedule | None, *, paused: bool, now: datetime) -> DagSchedule:
    """The schedule of a DAG whose timetable is to be asked as soon as the tick sees it."""
    base = stored or DagSchedule(dag_id=dag_id, run_after=None)
    return replace(following(replace(base, planned=(), planned_at=None)), alarm_at=None if paused else now)


def following(schedule: DagSchedule) -> DagSchedule:
    """The schedule with the run that is planned next as the one that is due."""
    due = schedule.planned[0] if schedule.planned else None
    return replace(
        schedule,
        run_after=due.run_after if due else None,
        logical_date=due.start if due else None,
        data_interval_start=due.start if due else None,
        data_interval_end=due.end if due else None,
        is_held=False,
    )
