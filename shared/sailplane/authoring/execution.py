"""Running one try of a task, in the process that is there for it."""

import copy
import importlib
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sailplane.authoring import asset_outlets, deferring, human_steps, lookups, mapping, retry_policy, scopes
from sailplane.authoring.callbacks import callbacks_of, run_callbacks
from sailplane.authoring.calling import keywords_for
from sailplane.authoring.context import CONTEXT_VARIABLES, build_context, context_variables
from sailplane.authoring.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
)
from sailplane.authoring.interruption import terminable, time_limit
from sailplane.authoring.lazy_value import Context
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.operator_links import made_of as links_of
from sailplane.authoring.origin import authors_part, origin_of_error
from sailplane.authoring.rendered import rendered_fields
from sailplane.authoring.result_cache import cache_of
from sailplane.authoring.retry_policy import RetryAction, RetryDecision
from sailplane.authoring.run_callbacks import execute as run_callbacks_of_dag
from sailplane.authoring.run_planning import execute as plan_runs
from sailplane.authoring.task_instance import TaskInstance
from sailplane.authoring.xcom_arg import XCOM_RETURN_KEY
from sailplane.model.evolve import evolve
from sailplane.model.execution import ChildServices, Outcome, OutcomeKind, TaskJob, TaskServices
from sailplane.model.resuming import Resumption
from sailplane.model.runs import ErrorInfo
from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG


def preload() -> None:
    """Import what most tasks need, so that processes forked from this one do not each pay for it."""
    for module in ("pendulum", "jinja2.sandbox", "jinja2.nativetypes", "jinja2.ext", "sailplane.operators.python"):
        importlib.import_module(module)


def execute(dag: "DAG", job: TaskJob, services: TaskServices) -> Outcome:
    """Run the task that `job` names and say how it ended. Never raises for what user code does."""
    if job.about_deadline is not None:
        from sailplane.authoring import deadline_callbacks  # With asyncio, which most tasks do without.

        with time_limit(job.execution_timeout), lookups.serving(services):
            return deadline_callbacks.execute(dag, job, job.about_deadline)
    if job.about_run is not None:
        with time_limit(job.execution_timeout), lookups.serving(services):
            return run_callbacks_of_dag(dag, job, job.about_run, services)
    if job.about_schedule is not None:
        with time_limit(job.execution_timeout), lookups.serving(services):
            return plan_runs(dag, job.about_schedule)
    if not dag.has_task(job.task_id):
        message = f"DAG {dag.dag_id!r} has no task {job.task_id!r} when its file is read here"
        return Outcome(
            kind=OutcomeKind.FAILED, error=ErrorInfo(kind="TaskNotFound", message=message, file=job.run.file)
        )
    task = _own_copy(dag, job.task_id)
    context: dict[str, Any] = Context(task=task, dag=dag)
    try:
        with terminable(), lookups.serving(services):
            return _run(dag, task, job, services, context)
    except AirflowTaskTerminated as error:
        task = context["task"]
        _tell_task(task)
        task.log.error("Task was stopped: %s", error)
        return Outcome(kind=OutcomeKind.KILLED, error=_describe(error, dag, task))


def _own_copy(dag: "DAG", task_id: str) -> BaseOperator:
    """A copy, because rendering replaces attributes and the process may run the task again."""
    task = copy.copy(dag.get_task(task_id))
    object.__setattr__(task, "_linked", False)
    return task


def _run(dag: "DAG", task: BaseOperator, job: TaskJob, services: ChildServices, context: dict[str, Any]) -> Outcome:
    try:
        context.update(build_context(dag, task, job, services))
        outcome = deferring.fly(job, context["ti"], partial(_attempt, context, job))
    except AirflowTaskTerminated:
        raise
    except BaseException as error:  # The edge to user code, which may raise anything, SystemExit included.
        outcome = _outcome_of_error(error, dag, context["task"], context)
    if isinstance(ti := context.get("ti"), TaskInstance):
        outcome = mapping.described(outcome, ti, context)
        if ti.rendered:
            outcome = evolve(outcome, rendered=ti.rendered)
        if context["task"].operator_extra_links and _ending(outcome, job) is not None:
            outcome = evolve(outcome, xcoms={**outcome.xcoms, **links_of(context["task"], ti)})
        _run_final_callbacks(context["task"], ti, outcome, job, context)
    return outcome


def _attempt(context: dict[str, Any], job: TaskJob, resumption: Resumption | None) -> Outcome:
    ti: TaskInstance = context["ti"]
    skipped: tuple[str, ...] = ()
    scopes.contexts.append(context)
    try:
        if resumption is not None:  # The wait may have ended at once: nothing of the object before goes on.
            context["task"] = _own_copy(context["dag"], job.task_id)
        task = ti.task = context["task"] = mapping.unmapped(context["task"], context)
        task.render_template_fields(context)
        ti.rendered = rendered_fields(task)
        cache = cache_of(task, context, job, ti.services) if task.cache_key is not None else None
        if cache is not None and resumption is None and (kept := cache.find()) is not None:
            mapping.measure(task, ti, kept.value)
            return Outcome(kind=OutcomeKind.SUCCESS, skip_tasks=kept.skip_tasks, xcoms=kept.xcoms)
        try:
            result = _call(task, context, job, resumption)
        except DownstreamTasksSkipped as skip:
            result, skipped = skip.value, skip.tasks
        except TaskAwaitingInput as pause:
            return human_steps.waiting(pause, ti)
        mapping.measure(task, ti, result)
        _push_result(task, ti, result)
        if cache is not None:
            cache.keep(ti.pushed, skipped)
    finally:
        scopes.contexts.pop()
    updated = asset_outlets.updates(task, context["outlet_events"], ti.services) if task.outlets else ()
    return Outcome(kind=OutcomeKind.SUCCESS, skip_tasks=skipped, xcoms=ti.pushed, asset_updates=updated)


def _call(task: BaseOperator, context: dict[str, Any], job: TaskJob, resumption: Resumption | None) -> Any:
    _show_in_environment(context)
    if task._pre_execute_hook is not None:
        task._pre_execute_hook(context)
    task.pre_execute(context)
    run_callbacks(task, "on_execute_callback", context)
    try:
        with time_limit(job.execution_timeout):
            result = _execute(task, context) if resumption is None else deferring.go_on(task, resumption, context)
    except AirflowTaskTimeout:
        _tell_task(task)
        raise
    if task._post_execute_hook is not None:
        task._post_execute_hook(context, result)
    if type(task).post_execute is not BaseOperator.post_execute:  # It is overridden with and without `result`.
        task.post_execute(context, **keywords_for(task.post_execute, (context,), {"result": result}, {}))
    return result


def _execute(task: BaseOperator, context: Mapping[str, Any]) -> Any:
    return deferring.begin(task, context) if task.start_from_trigger else task.execute(context)


def _show_in_environment(context: Mapping[str, Any]) -> None:
    values = context_variables(context)
    for name in CONTEXT_VARIABLES - values.keys():
        os.environ.pop(name, None)
    os.environ.update(values)


def _push_result(task: BaseOperator, ti: TaskInstance, result: Any) -> None:
    if result is None or not task.do_xcom_push:
        return
    if task.multiple_outputs:
        for key, value in _outputs(task, result).items():
            ti.xcom_push(key, value)
    ti.xcom_push(XCOM_RETURN_KEY, result)


def _outputs(task: BaseOperator, result: Any) -> Mapping[str, Any]:
    if not isinstance(result, Mapping):
        raise TypeError(
            f"task {task.task_id!r} has multiple outputs and must return a dict, but returned a {type(result).__name__}"
        )
    for key in result:
        if not isinstance(key, str):
            raise TypeError(
                f"task {task.task_id!r} has multiple outputs and must return a dict whose keys are texts, not {key!r}"
            )
    return result


def _outcome_of_error(error: BaseException, dag: "DAG", task: BaseOperator, context: dict[str, Any]) -> Outcome:
    pushed = context["ti"].pushed if "ti" in context else {}
    if isinstance(error, AirflowSkipException):
        task.log.info("Skipping task: %s", error)
        return Outcome(kind=OutcomeKind.SKIPPED, xcoms=pushed)
    if isinstance(error, AirflowRescheduleException):
        # An empty log costs nothing: a poke that printed nothing has none.
        task.log.debug("Rescheduling task for %s", error.reschedule_date.isoformat())
        waits_for = tuple(getattr(task, "waits_for", ()))
        return Outcome(kind=OutcomeKind.RESCHEDULE, resume_at=error.reschedule_date, waits_for=waits_for, xcoms=pushed)
    trace = authors_part(error.__traceback__)
    task.log.error("Task failed with exception", exc_info=(type(error), error, trace))
    context["exception"] = error
    if isinstance(error, AirflowFailException | AirflowSensorTimeout):
        decision = RetryDecision.fail()
    else:
        decision = retry_policy.decide(task, error, context)
    kind = OutcomeKind.FAILED_FOR_GOOD if decision.action is RetryAction.FAIL else OutcomeKind.FAILED
    retry_after = decision.retry_delay if decision.action is RetryAction.RETRY else None
    return Outcome(kind=kind, error=_describe(error, dag, task), xcoms=pushed, retry_after=retry_after)


def _describe(error: BaseException, dag: "DAG", task: BaseOperator) -> ErrorInfo:
    """What went wrong and where: the deepest line of the author's, else the one that made the task."""
    root = dag.fileloc.removesuffix(dag.relative_fileloc) if dag.relative_fileloc else dag.folder
    origin = origin_of_error(error.__traceback__, root) or task.origin
    return ErrorInfo(
        kind=type(error).__name__,
        message=_message(error),
        file=origin.file.removeprefix(root.rstrip("/") + "/") if origin else None,
        line=origin.line if origin else None,
    )


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the task exited with code {error.code}"
    try:
        return str(error) or type(error).__name__
    except Exception as trouble:  # The edge to user code, which wrote this exception's class.
        return f"its text cannot be made: {type(trouble).__name__}"


def _tell_task(task: BaseOperator) -> None:
    """Let the task end what it started elsewhere; whatever that raises, the task ends as it was going to."""
    try:
        task.on_kill()
    except Exception:  # The edge to user code.
        task.log.exception("on_kill failed")


def _run_final_callbacks(
    task: BaseOperator, ti: TaskInstance, outcome: Outcome, job: TaskJob, context: dict[str, Any]
) -> None:
    ending = _ending(outcome, job)
    if ending is None:
        return
    callback, ti.state = ending
    if not callbacks_of(task, callback):
        return
    ti.end_date = ti.now()
    scopes.contexts.append(context)
    try:
        run_callbacks(task, callback, context)
    finally:
        scopes.contexts.pop()


def _ending(outcome: Outcome, job: TaskJob) -> tuple[str, TaskState] | None:
    match outcome.kind:
        case OutcomeKind.SUCCESS:
            return "on_success_callback", TaskState.SUCCESS
        case OutcomeKind.SKIPPED:
            return "on_skipped_callback", TaskState.SKIPPED
        case OutcomeKind.FAILED if job.try_number < job.max_tries:
            return "on_retry_callback", TaskState.UP_FOR_RETRY
        case OutcomeKind.FAILED | OutcomeKind.FAILED_FOR_GOOD:
            return "on_failure_callback", TaskState.FAILED
        case _:
            return None
