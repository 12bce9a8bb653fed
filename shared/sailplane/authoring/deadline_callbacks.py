"""Calling the callback of a missed deadline, and asking a reference of the author's from when one counts."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sailplane.authoring import lookups
from sailplane.authoring.deadlines import Declared, VariableInterval, declared, evaluated
from sailplane.authoring.notifier import BaseNotifier
from sailplane.model.deadlines import AboutDeadline
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.resuming import Resumption
from sailplane.model.runs import ErrorInfo

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG

_log = logging.getLogger("sailplane.task.deadlines")


def execute(dag: "DAG", job: TaskJob, about: AboutDeadline) -> Outcome:
    """Do for one deadline of the DAG what is to be done. Never raises for what the author's code does."""
    try:
        found = declared(dag)[about.number]
        if not about.is_missed:
            return _evaluate(found, job)
        call(found, context_of(job, about, found))
    except Exception as error:  # The edge to user code.
        _log.exception("deadline %d failed", about.number)
        if not about.is_missed:
            return Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind=type(error).__name__, message=str(error)))
    return Outcome(kind=OutcomeKind.SUCCESS)


def _evaluate(found: Declared, job: TaskJob) -> Outcome:
    moment = evaluated(found.alert.reference, job.run.dag_id, job.run.run_id)
    if moment is None:
        return Outcome(kind=OutcomeKind.SUCCESS)
    at = moment + _interval(found)
    return Outcome(
        kind=OutcomeKind.DEFERRED,
        resume_at=at,
        resumption=Resumption(method="", began_at=datetime.now(UTC), timeout_at=at),
    )


def _interval(found: Declared) -> timedelta:
    interval = found.alert.interval
    if not isinstance(interval, VariableInterval):
        return interval
    return timedelta(seconds=int(lookups.variable(interval.key) or ""))


def context_of(job: TaskJob, about: AboutDeadline, found: Declared) -> dict[str, Any]:
    """What the callback is told, under Airflow's names; and the task or group that is late."""
    return {
        "dag_run": _run(job, about),
        "deadline": {
            "id": f"{job.run.dag_id}/{job.run.run_id}/{about.number}",
            "deadline_time": about.at,
            "name": found.alert.name,
        },
        "dag_id": job.run.dag_id,
        "run_id": job.run.run_id,
        "task_id": found.task_id,
        "group_id": found.group_id,
    }


def _run(job: TaskJob, about: AboutDeadline) -> dict[str, Any]:
    run = job.run
    started, ended = run.started_at, about.ended_at
    return {
        "dag_run_id": run.run_id,
        "run_id": run.run_id,
        "dag_id": run.dag_id,
        "logical_date": run.logical_date,
        "queued_at": about.queued_at,
        "start_date": started,
        "end_date": ended,
        "duration": (ended - started).total_seconds() if started and ended else None,
        "data_interval_start": run.data_interval_start,
        "data_interval_end": run.data_interval_end,
        "run_after": run.run_after,
        "run_type": str(run.run_type),
        "state": str(about.state),
        "triggered_by": str(run.triggered_by),
        "triggering_user_name": about.triggering_user,
        "conf": dict(run.conf),
        "note": about.note,
        "bundle_version": run.bundle,
    }


def call(found: Declared, context: Mapping[str, Any]) -> None:
    """Call the callback with its arguments, and with the context if it takes that; wait for a coroutine."""
    callback = found.alert.callback
    function = callback.load()
    result = function(**callback.kwargs, **({"context": context} if _takes_context(function) else {}))
    if isinstance(result, BaseNotifier):
        result.context = context
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))
    elif callable(result):
        result(context)


def _takes_context(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters
    return "context" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


async def _awaited(result: Any) -> None:
    await result
