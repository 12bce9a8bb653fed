"""Whether a failed try is followed by another, and when."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sailplane.model.dags import SerializedTask
from sailplane.model.states import TaskState

LONGEST_DELAY = timedelta(hours=24)
"""Airflow's `[core] max_task_retry_delay`: no backoff grows beyond it, whatever the task says."""


class Failure(Enum):
    """How a try failed. The value is how it is told to people."""

    ORDINARY = "the try failed"
    FOR_GOOD = "the task said that it cannot be retried"
    TIMEOUT = "the try ran longer than its execution_timeout"
    WORKER_LOST = "its worker was lost"


@dataclass(frozen=True, kw_only=True)
class RetryDecision:
    """What a task instance becomes after a failed try."""

    state: TaskState
    """UP_FOR_RETRY or FAILED."""
    at: datetime | None = None
    """When the next try is due; None when there is none."""
    reason: str

    @property
    def is_retry(self) -> bool:
        return self.state is TaskState.UP_FOR_RETRY


def decide(
    task: SerializedTask,
    *,
    dag_id: str,
    logical_date: datetime | None,
    try_number: int,
    max_tries: int,
    failure: Failure,
    ended_at: datetime,
    retry_after: timedelta | None = None,
) -> RetryDecision:
    """What follows the failure of try `try_number` (from 1) of at most `max_tries`, which ended at `ended_at`.

    As in Airflow, a lost worker and a timeout use up a try like any other failure. `retry_after` is a delay that the
    try asked for instead of the task's own.
    """
    if failure is Failure.FOR_GOOD:
        return RetryDecision(state=TaskState.FAILED, reason=failure.value)
    if try_number >= max_tries:
        return RetryDecision(
            state=TaskState.FAILED, reason=f"{failure.value}; that was try {try_number} of {max_tries}"
        )
    delay = retry_after
    if delay is None:
        delay = retry_delay(task, dag_id=dag_id, logical_date=logical_date, try_number=try_number)
    reason = f"{failure.value}; try {try_number + 1} of {max_tries} is due after {delay}"
    return RetryDecision(state=TaskState.UP_FOR_RETRY, at=ended_at + delay, reason=reason)


def retry_delay(task: SerializedTask, *, dag_id: str, logical_date: datetime | None, try_number: int) -> timedelta:
    """How long to wait after the failure of try `try_number`: Airflow's formula, jitter included.

    Without backoff it is `retry_delay`. With it, the delay grows by the factor with each try and gets up to as much
    again from a hash of the try: tasks that failed together do not come back together, and all workers say the same.
    """
    factor = task.retry_exponential_backoff
    if factor <= 0 or factor == 1:
        return task.retry_delay
    base = _grown_seconds(task.retry_delay, factor, try_number)
    jitter = _try_hash(dag_id, task.task_id, logical_date, try_number) % base
    longest = min(task.max_retry_delay or LONGEST_DELAY, LONGEST_DELAY)
    return timedelta(seconds=min(base + jitter, longest.total_seconds()))


def _grown_seconds(delay: timedelta, factor: float, try_number: int) -> int:
    """Whole seconds, at least 1."""
    try:
        return max(1, math.ceil(delay.total_seconds() * factor ** (try_number - 1)))
    except OverflowError:
        return int(LONGEST_DELAY.total_seconds())


def _try_hash(dag_id: str, task_id: str, logical_date: datetime | None, try_number: int) -> int:
    text = f"{dag_id}#{task_id}#{logical_date}#{try_number}"
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)
