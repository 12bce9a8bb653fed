"""Tries that wait in the middle: asking their trigger for its event, and going on with one of their methods."""

import importlib
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from sailplane.authoring.exceptions import AirflowTaskTerminated, AirflowTaskTimeout, TaskDeferralError, TaskDeferred
from sailplane.authoring.operator import FAIL, TRIGGER_FAILURE, TRIGGER_TIMEOUT, BaseOperator
from sailplane.authoring.task_instance import TaskInstance
from sailplane.authoring.trigger import BaseTaskEndEvent, BaseTrigger, TriggerEvent, Watched
from sailplane.model import xcom
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.resuming import PendingTrigger, Resumption
from sailplane.model.runs import ErrorInfo
from sailplane.model.states import TaskState

SHORTEST_PAUSE = timedelta(seconds=5)
"""Between two looks of one trigger, however short its sleep: each costs three writes."""
LONGEST_WATCH = 30.0
"""Seconds that a trigger may wait for answers in one go."""
AT_ONCE = 1.0
"""Seconds after which a process with an `execution_timeout` leaves what follows an event to another."""

Attempt = Callable[[Resumption | None], Outcome]
_END_KINDS = {
    TaskState.SUCCESS: OutcomeKind.SUCCESS,
    TaskState.SKIPPED: OutcomeKind.SKIPPED,
    TaskState.FAILED: OutcomeKind.FAILED,
}


class Ended(Exception):
    """Ends the try as `outcome`: it waits, or its trigger has ended the task."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome.kind))
        self.outcome = outcome


def fly(job: TaskJob, ti: TaskInstance, attempt: Attempt) -> Outcome:
    """One try as far as it goes: until it ends, or waits for what has not come yet.

    `attempt` runs the task's code from its beginning, or from where a wait has ended.
    """
    started = time.monotonic()
    resumption = job.resumption
    if resumption is None:
        try:
            return attempt(None)
        except TaskDeferred as deferred:
            resumption = _resumption(deferred, ti, job)
    while True:
        try:
            resumption = _awaited(resumption, ti, _longest_watch(job, started))
            if job.execution_timeout is not None and time.monotonic() - started > AT_ONCE:
                return _waiting(resumption, ti, datetime.now(UTC))
            return attempt(resumption)
        except Ended as ended:
            return ended.outcome
        except TaskDeferred as deferred:
            resumption = _resumption(deferred, ti, job)


def _longest_watch(job: TaskJob, started: float) -> float:
    """Seconds for which a trigger may be watched here: half of what the task's and the worker's limits leave.

    The supervisor ends the process when they are over, whatever it does.
    """
    limits = [limit.total_seconds() for limit in (job.execution_timeout, job.time_limit) if limit is not None]
    left = min(limits, default=2 * LONGEST_WATCH) - (time.monotonic() - started)
    return min(max(left / 2, 0.0), LONGEST_WATCH)


def begin(task: BaseOperator, context: Mapping[str, Any]) -> NoReturn:
    """Defer a task whose class says `start_from_trigger`, in place of `execute`, with its `start_trigger_args`."""
    given = task.start_trigger_args
    if given is None:
        raise TaskDeferralError(f"task {task.task_id!r} says start_from_trigger, and has no start_trigger_args")
    kwargs = {
        name: task.render_template(value, context) if name in task.template_fields else value
        for name, value in (given.trigger_kwargs or {}).items()
    }
    trigger = _trigger_class(given.trigger_cls)(**kwargs)
    raise TaskDeferred(trigger=trigger, method_name=given.next_method, kwargs=given.next_kwargs, timeout=given.timeout)


def go_on(task: BaseOperator, resumption: Resumption, context: Mapping[str, Any]) -> Any:
    """Call what the try goes on with; returns what the task returns."""
    kwargs = xcom.loads(resumption.kwargs) if resumption.kwargs else {}
    if resumption.event is not None:
        kwargs["event"] = xcom.loads(resumption.event)
    return task.resume_execution(resumption.method, kwargs, context)


def _resumption(deferred: TaskDeferred, ti: TaskInstance, job: TaskJob) -> Resumption:
    """What a task said when it deferred itself, as it is written down."""
    where = f"task {ti.task_id!r}, deferring"
    trigger = deferred.trigger
    if not isinstance(trigger, BaseTrigger):
        raise TaskDeferralError(f"{where}: trigger must be a BaseTrigger, not {trigger!r}")
    ti.log.debug("Pausing task as DEFERRED")
    now = datetime.now(UTC)
    kwargs = xcom.dumps(dict(deferred.kwargs), key="kwargs", where=where) if deferred.kwargs else ""
    return Resumption(
        method=deferred.method_name or "",
        kwargs=kwargs,
        trigger=_pending(trigger, where, Watched(), now),
        began_at=job.started_at,
        timeout_at=None if deferred.timeout is None else now + _duration(deferred.timeout),
    )


def _duration(timeout: timedelta | float) -> timedelta:
    return timeout if isinstance(timeout, timedelta) else timedelta(seconds=timeout)


def _pending(trigger: BaseTrigger, where: str, watched: Watched, now: datetime) -> PendingTrigger:
    classpath, kwargs = trigger.serialize()
    envelope = xcom.dumps(dict(kwargs), key=f"{type(trigger).__name__}'s arguments", where=where)
    return PendingTrigger(
        classpath=classpath, kwargs=envelope, asleep_since=now, asleep_for=max(watched.sleeps_for, 0.0)
    )


def _awaited(resumption: Resumption, ti: TaskInstance, longest: float) -> Resumption:
    """`resumption` with what the wait ended with. Raises `Ended` when the wait goes on, or the task is over."""
    if resumption.trigger is None or resumption.event is not None:
        return resumption
    kind = _trigger_class(resumption.trigger.classpath)
    try:
        trigger = kind(**xcom.loads(resumption.trigger.kwargs))
        watched = _watch(trigger, resumption, ti, longest)
    except (AirflowTaskTerminated, AirflowTaskTimeout):
        raise
    except BaseException as error:  # The edge to user code.
        return _failed(resumption, TRIGGER_FAILURE, traceback.format_exception(error))
    if watched.event is None:
        return _asleep(trigger, watched, resumption, ti)
    if isinstance(watched.event, BaseTaskEndEvent):
        raise Ended(_ending(watched.event, ti))
    return replace(resumption, trigger=None, event=_payload(watched.event, ti))


def _imported(classpath: str) -> Any:
    module, _, name = classpath.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise TaskDeferralError(
            f"trigger {classpath!r} cannot be imported: {error}; it must be the path of a class at the top level of a "
            "module, also where serialize() returns it"
        ) from error


def _trigger_class(classpath: str) -> type[BaseTrigger]:
    kind = _imported(classpath)
    if not isinstance(kind, type) or not issubclass(kind, BaseTrigger):
        raise TaskDeferralError(f"{classpath!r}, which serialize() named, is no BaseTrigger")
    return kind


def _watch(trigger: BaseTrigger, resumption: Resumption, ti: TaskInstance, longest: float) -> Watched:
    from sailplane.authoring import trigger_loop  # With asyncio, which most tasks do without.

    trigger.task_instance = ti
    now = datetime.now(UTC)
    pending, timeout_at = resumption.trigger, resumption.timeout_at
    slept = 0.0
    if pending is not None and not trigger.looks_first:
        slept = min(max((now - pending.asleep_since).total_seconds(), 0.0), pending.asleep_for)
    if timeout_at is not None:
        longest = min(longest, max((timeout_at - now).total_seconds(), 0.0))
    return trigger_loop.watch(trigger, slept=slept, longest=longest)


def _asleep(trigger: BaseTrigger, watched: Watched, resumption: Resumption, ti: TaskInstance) -> Resumption:
    """What follows when there is no event: the wait goes on, or its time is over."""
    now = datetime.now(UTC)
    timeout_at = resumption.timeout_at
    if timeout_at is not None and now >= timeout_at:
        return _failed(resumption, TRIGGER_TIMEOUT)
    is_first = resumption.trigger is not None and not resumption.trigger.asleep_for
    pause = timedelta(seconds=watched.sleeps_for)
    resume_at = now + (pause if is_first and pause else max(pause, SHORTEST_PAUSE))
    pending = _pending(trigger, f"task {ti.task_id!r}, deferred", watched, now)
    waiting = replace(resumption, trigger=pending)
    raise Ended(_waiting(waiting, ti, resume_at if timeout_at is None else min(resume_at, timeout_at), trigger))


def _waiting(resumption: Resumption, ti: TaskInstance, at: datetime, trigger: BaseTrigger | None = None) -> Outcome:
    return Outcome(
        kind=OutcomeKind.DEFERRED,
        resumption=replace(resumption, xcoms={}),
        resume_at=at,
        waits_for=tuple(trigger.waits_for) if trigger is not None else (),
        xcoms=ti.pushed,
    )


def _failed(resumption: Resumption, reason: str, trace: list[str] | None = None) -> Resumption:
    """The method is not called: the task fails, on the ways that its operator has for that."""
    kwargs = xcom.dumps({"error": reason, "traceback": trace}, key="kwargs")
    return replace(resumption, method=FAIL, kwargs=kwargs, trigger=None, event=None)


def _payload(event: TriggerEvent, ti: TaskInstance) -> str:
    return xcom.dumps(event.payload, key="event", where=f"task {ti.task_id!r}, its trigger's event")


def _ending(event: BaseTaskEndEvent, ti: TaskInstance) -> Outcome:
    for key, value in event.xcoms.items():
        ti.xcom_push(key, value)
    kind = _END_KINDS[event.task_instance_state]
    error = None
    if kind is OutcomeKind.FAILED:
        error = ErrorInfo(kind="TaskFailedEvent", message=f"the trigger of task {ti.task_id!r} said that it failed")
    return Outcome(kind=kind, error=error, xcoms=ti.pushed)
