"""Asking a DAG's own timetable for its next runs, in a child process, and writing them into the DAG's schedule."""

import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sailplane.cloud import paths
from sailplane.cloud.changes import Change, Delete, Put, Replace
from sailplane.engine import planned
from sailplane.engine.memory import RunMemory
from sailplane.engine.services import Services
from sailplane.model.dags import ScheduleKind, SerializedDag
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.planning import TIME_LIMIT, AboutSchedule, Plan, PlannedRun
from sailplane.model.runs import DagFileError, DagRecord, DagSchedule, RunContext
from sailplane.model.states import RunType
from sailplane.runner.cancellation import Cancellation

if TYPE_CHECKING:
    from sailplane.engine.worker import Worker

NOBODY = "~schedule"
"""The task_id of a job that is no task's."""
AFTER_FAILURE = timedelta(minutes=10)
"""When a timetable that failed is asked again."""
AFTER_NOTHING = timedelta(hours=1)
"""When a timetable is asked again that knows of no further run: it may know of one by then."""


def plan(worker: "Worker", dag_id: str) -> None:
    """Have the timetable of `dag_id` plan, and set the DAG's next alarm by it.

    Does nothing for a DAG that is paused or has no timetable of its own. Someone else who changed the schedule
    meanwhile wins: its alarm asks again.
    """
    record, schedule = worker.cloud.store.dag_with_schedule(dag_id)
    if record is None or schedule is None or record.is_paused or record.is_stale:
        return
    dag = worker.cloud.store.version(dag_id, record.version)
    now = worker.clock()
    if dag.schedule.kind is ScheduleKind.CUSTOM and planned.must_plan(schedule, now):
        outcome = _ask(worker, _job(record, dag, schedule, now), dag)
        worker.cloud.store.commit(_changes(record, schedule, outcome, now))


def _job(record: DagRecord, dag: SerializedDag, schedule: DagSchedule, now: datetime) -> TaskJob:
    context = RunContext(
        dag_id=record.dag_id,
        run_id=NOBODY,
        version=record.version,
        bundle=record.bundle,
        file=record.file,
        run_type=RunType.SCHEDULED,
        logical_date=None,
        data_interval_start=None,
        data_interval_end=None,
        run_after=now,
        started_at=now,
    )
    return TaskJob(
        run=context,
        task_id=NOBODY,
        try_number=1,
        max_tries=1,
        started_at=now,
        execution_timeout=TIME_LIMIT,
        about_schedule=AboutSchedule(last=_last(schedule), now=now),
    )


def _last(schedule: DagSchedule) -> PlannedRun | None:
    last = schedule.last_run_after
    if last is None:
        return None
    return PlannedRun(
        run_after=last, start=schedule.last_interval_start or last, end=schedule.last_interval_end or last
    )


def _ask(worker: "Worker", job: TaskJob, dag: SerializedDag) -> Outcome:
    services = Services(worker.cloud, RunMemory(job.run, "", dag), worker.values, worker.clock)
    cancellation = Cancellation()
    bundle = worker.bundles.path(job.run.bundle)
    with tempfile.TemporaryDirectory(prefix="sailplane-plan-") as folder, worker.departure.stoppable(cancellation):
        return worker.runner.run(
            job, bundle=bundle, services=services, spool=Path(folder) / "log", cancellation=cancellation
        )


def _changes(record: DagRecord, schedule: DagSchedule, outcome: Outcome, now: datetime) -> list[Change]:
    if outcome.kind is OutcomeKind.KILLED:  # This worker leaves.
        return [Replace(replace(schedule, alarm_at=now))]
    name = f"{record.file} (the timetable of {record.dag_id})"
    if outcome.kind is not OutcomeKind.SUCCESS:
        failed = replace(schedule, alarm_at=now + AFTER_FAILURE)
        return [Replace(failed), Put(DagFileError(file=name, message=_complaint(outcome, record), seen_at=now))]
    runs = msgspec.json.decode(outcome.xcoms["plan"], type=Plan).runs
    ahead = planned.following(replace(schedule, planned=runs, planned_at=now))
    alarm_at = ahead.run_after or now + AFTER_NOTHING
    return [Replace(replace(ahead, alarm_at=alarm_at)), Delete(paths.dag_file_error(name))]


def _complaint(outcome: Outcome, record: DagRecord) -> str:
    error = outcome.error
    what = f"{error.kind}: {error.message}" if error is not None else str(outcome.kind)
    where = f"{error.file}, line {error.line}" if error is not None and error.file else record.file
    return (
        f"{where}, DAG {record.dag_id!r}: its timetable cannot say when the next run is due: {what}. No run is started "
        "by schedule until it can; it is asked again every ten minutes, and after each push"
    )
