"""Deadlines of runs: each is a task instance of its own kind that waits for its moment.

It is created in the commit that creates the run, and deleted in the one that ends it with success before that moment;
so no crash can lose it, and nothing is read for it until it comes. What is late then is queued, and a worker calls the
callback. That of a run that has failed rings too: what was to be there by then is not.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sailplane.cloud import paths
from sailplane.cloud.changes import Change, Create, Delete
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft
from sailplane.engine.memory import RunMemory
from sailplane.engine.values import Values, places_of
from sailplane.model.callbacks import task_of
from sailplane.model.dags import SerializedDag
from sailplane.model.deadlines import ReferenceKind, SerializedDeadline, deadline_id
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.resuming import Resumption
from sailplane.model.runs import DagRun, RunContext, TaskInstance
from sailplane.model.states import RunState, TaskState

_log = logging.getLogger(__name__)
MET = frozenset({TaskState.SUCCESS, TaskState.SKIPPED})
_LOOKED_AT = 3
"""For each run that counts for an average, how many are looked at: some have failed."""


def prepared(cloud: Cloud, dag: SerializedDag, record: DagRun, now: datetime) -> tuple[DagRun, tuple[Change, ...]]:
    """A run that is to be created, with the moments of its deadlines, and what is written beside it."""
    moments = tuple(_moment(cloud, dag.dag_id, record, each, now) for each in dag.deadlines)
    waiting = tuple(
        Create(_waiting(record.key, number, moment, now))
        for number, (each, moment) in enumerate(zip(dag.deadlines, moments, strict=True))
        if moment is not None or each.reference is ReferenceKind.CUSTOM
    )
    return replace(record, context=replace(record.context, deadlines=moments)), waiting


def _waiting(run: RunKey, number: int, moment: datetime | None, now: datetime) -> TaskInstance:
    """What waits for a deadline; one whose moment is not known yet rings at once, to ask for it."""
    task = task_of(deadline_id(number))
    return TaskInstance(
        run=run,
        task_id=task.task_id,
        state=TaskState.DEFERRED,
        max_tries=task.retries + 1,
        queue=task.queue,
        operator=task.operator,
        queued_at=now,
        alarm_at=moment or now,
        resumption=Resumption(method="", began_at=now, timeout_at=moment) if moment is not None else None,
        claim=draft.nonce(),
    )


def _moment(cloud: Cloud, dag_id: str, record: DagRun, deadline: SerializedDeadline, now: datetime) -> datetime | None:
    """By when it is; None when there is no deadline for this run, or it is not known yet."""
    base = _base(cloud, dag_id, record, deadline, now)
    interval = _interval(cloud, record, deadline) if base is not None else None
    return base + interval if base is not None and interval is not None else None


def _base(cloud: Cloud, dag_id: str, record: DagRun, deadline: SerializedDeadline, now: datetime) -> datetime | None:
    match deadline.reference:
        case ReferenceKind.LOGICAL_DATE:
            return record.context.logical_date
        case ReferenceKind.QUEUED_AT:
            return record.queued_at
        case ReferenceKind.FIXED:
            return deadline.fixed_at
        case ReferenceKind.AVERAGE_RUNTIME:
            mean = _mean_runtime(cloud, dag_id, deadline)
            return now + mean if mean is not None else None
        case ReferenceKind.CUSTOM:
            return None


def _mean_runtime(cloud: Cloud, dag_id: str, deadline: SerializedDeadline) -> timedelta | None:
    """Of the newest runs that have succeeded; one read each run that is looked at."""
    runs = cloud.store.runs(dag_id, limit=deadline.max_runs * _LOOKED_AT)
    took = [
        run.ended_at - run.started_at
        for run in runs
        if run.state is RunState.SUCCESS and run.started_at is not None and run.ended_at is not None
    ][: deadline.max_runs]
    if len(took) < max(deadline.min_runs, 1):
        return None
    return sum(took, timedelta()) / len(took)


def _interval(cloud: Cloud, record: DagRun, deadline: SerializedDeadline) -> timedelta | None:
    key = deadline.interval_variable
    if not key:
        return deadline.interval
    text = Values(places_of(cloud.settings, cloud.store), cloud.store).variable(key)
    try:
        return timedelta(seconds=int(text or ""))
    except ValueError:
        _log.error("run=%s: no deadline, as the Variable %r is no number of seconds: %r", record.key, key, text)
        return None


def met(context: RunContext, state: RunState, now: datetime) -> tuple[Change, ...]:
    """What goes in the commit that ends a run: the deadlines that need not ring any more."""
    if state is not RunState.SUCCESS:
        return ()
    return _gone(context, range(len(context.deadlines)), now)


def met_by(run: RunMemory, ended: TaskInstance) -> tuple[Change, ...]:
    """What goes in the commit that ends a task instance: the deadlines of its task that need not ring any more."""
    if not run.context.deadlines or ended.map_index != UNMAPPED or ended.state not in MET or ended.ended_at is None:
        return ()
    numbers = [number for number, each in enumerate(run.dag.deadlines) if each.task_id == ended.task_id]
    return _gone(run.context, numbers, ended.ended_at)


def _gone(context: RunContext, numbers: Iterable[int], now: datetime) -> tuple[Change, ...]:
    moments = context.deadlines
    early = (number for number in numbers if (at := moments[number]) is not None and at > now)
    return tuple(Delete(paths.task(context.key, TaskKey(deadline_id(number)))) for number in early)
