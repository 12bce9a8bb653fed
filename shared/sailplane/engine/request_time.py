"""The time that the platform gives one request, and what may begin in what is left of it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sailplane.model.dags import SerializedTask

KEEP_SHARE = 0.1
"""A worker keeps a successor while it has used up at most this share of its request's time, or knows that it fits."""
MARGIN = timedelta(seconds=15)
"""Of a request's time, what is left for recording the end after the task had to be killed."""


class RequestTime:
    """The time of one request, which began when this was made."""

    def __init__(self, limit: timedelta, clock: Callable[[], datetime]) -> None:
        self._limit = limit
        self._clock = clock
        self._started_at = clock()

    @property
    def left(self) -> timedelta:
        return self._limit - (self._clock() - self._started_at)

    @property
    def for_code(self) -> timedelta:
        """What a try that begins now may take at the most."""
        return max(self.left - MARGIN, timedelta(seconds=1))

    @property
    def for_waiting(self) -> timedelta:
        """How long a task may wait for its turn: later there would not be the time that the queue promises."""
        return self._limit * KEEP_SHARE

    def is_nearly_over(self) -> bool:
        return self.left < 2 * MARGIN

    def suits(self, task: SerializedTask, after: timedelta = timedelta()) -> bool:
        """Whether a try that begins `after` has about the time that the queue promises, or certainly enough."""
        left = self.left - after
        if task.execution_timeout is not None and task.execution_timeout < left - MARGIN:
            return True
        return left > self._limit * (1 - KEEP_SHARE)
