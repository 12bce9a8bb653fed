"""What a task instance becomes when its try ends: pure, the write is made elsewhere."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sailplane.engine import mapping
from sailplane.engine.draft import nonce, requeued
from sailplane.engine.memory import RunMemory
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.runs import ErrorInfo, TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner import retries
from sailplane.planner.retries import Failure

TIMEOUT_ERROR = "AirflowTaskTimeout"
LONGEST_MESSAGE = 10_000
"""Characters of an error's message that the document keeps, which may not pass 1 MiB. The log has more."""


def ended(
    run: RunMemory, instance: TaskInstance, outcome: Outcome, xcoms: Mapping[str, str], has_log: bool, now: datetime
) -> TaskInstance:
    """`instance` after `outcome`. `xcoms` are the outcome's, large ones already as pointers."""
    base = evolve(
        instance,
        alarm_at=None,
        claim=nonce(),
        has_log=has_log or instance.has_log,
        cpu_seconds=instance.cpu_seconds + outcome.cpu_seconds,
        max_rss_mib=max(instance.max_rss_mib, outcome.max_rss_mib),
        started_at=began_at(instance),
        ended_at=now,
        error=_shortened(outcome.error),
        xcoms=xcoms,
        skips=outcome.skip_tasks,
        map_length=outcome.map_length,
        map_name=outcome.map_name,
        rendered=outcome.rendered or instance.rendered,
        resumption=outcome.resumption,
    )
    match outcome.kind:
        case OutcomeKind.SUCCESS:
            return _terminal(run, base, TaskState.SUCCESS)
        case OutcomeKind.SKIPPED:
            return _terminal(run, base, TaskState.SKIPPED)
        case OutcomeKind.RESCHEDULE:
            return _rescheduled(base, instance, outcome, now)
        case OutcomeKind.DEFERRED:
            return _deferred(base, outcome, now)
        case OutcomeKind.AWAITING_INPUT:
            return evolve(_deferred(base, outcome, now), state=TaskState.AWAITING_INPUT, alarm_at=outcome.resume_at)
        case OutcomeKind.FAILED | OutcomeKind.FAILED_FOR_GOOD | OutcomeKind.KILLED:
            return _failed(run, base, outcome, now)


def lost(run: RunMemory, instance: TaskInstance, state: TaskState, at: datetime | None, now: datetime) -> TaskInstance:
    """`instance` after its worker was lost; `state` and `at` as the planner decided."""
    error = ErrorInfo(
        kind="WorkerLost",
        message=f"worker {instance.worker} did not renew its lease; it was killed, or lost its connection",
    )
    base = evolve(instance, alarm_at=at, claim=nonce(), ended_at=now, error=error)
    return _terminal(run, base, state) if state.is_terminal else evolve(base, state=state)


def handed_back(
    instance: TaskInstance, outcome: Outcome, has_log: bool, now: datetime
) -> tuple[TaskInstance | None, TaskInstance]:
    """What a try was that its worker had to stop before it left, and `instance` queued for the next one.

    The next try has a number and a log of its own, and there is one more of them: that a platform scales in or brings
    a new revision is no failure, and must not fail a task without retries. A sensor that was rescheduled before only
    pokes again, and a task that was deferred goes on again: such a try is spread over many processes anyway, and there
    is nothing to keep of this one (None).
    """
    stopped = evolve(
        instance,
        state=TaskState.UP_FOR_RETRY,
        alarm_at=None,
        ended_at=now,
        has_log=has_log or instance.has_log,
        cpu_seconds=instance.cpu_seconds + outcome.cpu_seconds,
        max_rss_mib=max(instance.max_rss_mib, outcome.max_rss_mib),
        error=ErrorInfo(kind="HandedBack", message=f"worker {instance.worker} was told to stop, which costs no retry"),
    )
    if instance.rescheduled_since is not None or instance.resumption is not None:
        return None, requeued(evolve(stopped, state=TaskState.RUNNING), now)
    return stopped, evolve(requeued(stopped, now), max_tries=instance.max_tries + 1)


def undeliverable(run: RunMemory, instance: TaskInstance, message: str, now: datetime) -> TaskInstance:
    """`instance`, failed because no worker can get it: trying again would not help."""
    error = ErrorInfo(kind="UnknownQueue", message=message)
    return _terminal(run, evolve(instance, claim=nonce(), ended_at=now, error=error), TaskState.FAILED)


def goes_on_at_once(record: TaskInstance, now: datetime) -> bool:
    """Whether what a deferred try waits for is there already, so that no alarm has to be waited for."""
    return record.state is TaskState.DEFERRED and record.alarm_at is not None and record.alarm_at <= now


def began_at(instance: TaskInstance) -> datetime | None:
    """When its try began: one that goes on after a wait began before the wait."""
    return instance.started_at if instance.resumption is None else instance.resumption.began_at


def _shortened(error: ErrorInfo | None) -> ErrorInfo | None:
    if error is None or len(error.message) <= LONGEST_MESSAGE:
        return error
    left_out = len(error.message) - LONGEST_MESSAGE
    return replace(error, message=f"{error.message[:LONGEST_MESSAGE]}... and {left_out:,} more characters")


def _terminal(run: RunMemory, base: TaskInstance, state: TaskState) -> TaskInstance:
    feeds = mapping.feeds(run.dag, base, state)
    return evolve(base, state=state, alarm_at=None, feeds=feeds, resumption=None)


def _rescheduled(base: TaskInstance, instance: TaskInstance, outcome: Outcome, now: datetime) -> TaskInstance:
    return evolve(
        base,
        state=TaskState.UP_FOR_RESCHEDULE,
        alarm_at=outcome.resume_at or now,
        rescheduled_since=instance.rescheduled_since or instance.started_at,
        waits_for=outcome.waits_for,
        ended_at=None,
        xcoms={},
    )


def _deferred(base: TaskInstance, outcome: Outcome, now: datetime) -> TaskInstance:
    """What it pushed before stays: it goes on as the same try."""
    return evolve(
        base,
        state=TaskState.DEFERRED,
        alarm_at=outcome.resume_at or now,
        waits_for=outcome.waits_for,
        ended_at=None,
        error=None,
    )


def _failed(run: RunMemory, base: TaskInstance, outcome: Outcome, now: datetime) -> TaskInstance:
    decision = retries.decide(
        run.task(base.key),
        dag_id=run.key.dag_id,
        logical_date=run.context.logical_date,
        try_number=base.try_number,
        max_tries=base.max_tries,
        failure=_failure(outcome),
        ended_at=now,
        retry_after=outcome.retry_after,
    )
    if decision.is_retry:
        return evolve(base, state=TaskState.UP_FOR_RETRY, alarm_at=decision.at)
    return _terminal(run, base, TaskState.FAILED)


def _failure(outcome: Outcome) -> Failure:
    if outcome.kind is OutcomeKind.FAILED_FOR_GOOD:
        return Failure.FOR_GOOD
    if outcome.error is not None and outcome.error.kind == TIMEOUT_ERROR:
        return Failure.TIMEOUT
    return Failure.ORDINARY
