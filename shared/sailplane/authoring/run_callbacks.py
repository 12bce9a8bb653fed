"""Calling a DAG's callbacks, once a run of it has ended."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sailplane.authoring import scopes
from sailplane.authoring.context import build_context
from sailplane.model.callbacks import AboutRun, RunCallback
from sailplane.model.evolve import evolve
from sailplane.model.execution import ChildServices, Outcome, OutcomeKind, TaskJob

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.authoring.operator import BaseOperator

_log = logging.getLogger("sailplane.task.callbacks")


def execute(dag: "DAG", job: TaskJob, about: AboutRun, services: ChildServices) -> Outcome:
    """Call each callback with the context. One that fails is logged; that and the others change nothing."""
    is_success = about.callback is RunCallback.SUCCESS
    context = _context(dag, job, about, services)
    scopes.contexts.append(context)
    try:
        for callback in dag.on_success_callback if is_success else dag.on_failure_callback:
            _call(callback, context)
    finally:
        scopes.contexts.pop()
    return Outcome(kind=OutcomeKind.SUCCESS)


def _context(dag: "DAG", job: TaskJob, about: AboutRun, services: ChildServices) -> dict[str, Any]:
    task = _task(dag, about)
    map_index = about.task.map_index if about.task is not None else job.map_index
    told = evolve(job, task_id=task.task_id, map_index=map_index, try_number=about.try_number)
    context = build_context(dag, task, told, services)
    run = replace(context["dag_run"], state=about.callback.state, end_date=datetime.now(UTC))
    context |= {"dag_run": run, "reason": about.callback.reason}
    if about.task_state is not None:
        context["ti"].state = about.task_state
    return context


def _task(dag: "DAG", about: AboutRun) -> "BaseOperator":
    """The task that `ti` is of: any, when the one that is meant is gone from the file."""
    if about.task is not None and dag.has_task(about.task.task_id):
        return dag.get_task(about.task.task_id)
    return dag.tasks[0]


def _call(callback: Any, context: dict[str, Any]) -> None:
    try:
        callback(context)
    except Exception:  # The edge to user code.
        _log.exception("callback %s of the run failed", getattr(callback, "__qualname__", callback))
