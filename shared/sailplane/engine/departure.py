"""How a worker leaves when its platform tells it to: nothing more begins, what runs may end, the rest is stopped.

A platform gives ten seconds between SIGTERM and SIGKILL. A scale-in or a new revision is not the task's fault, so what
was stopped is handed back and costs no retry (`ends.handed_back`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sailplane.model.errors import TransientError
from sailplane.runner.cancellation import Cancellation

REASON = "the worker was told to stop; the task is handed back and starts again, which costs no retry"
FINISH_SHARE = 0.2
"""Of the time for leaving, what a task gets to end by itself: most are short, and ended is better than repeated."""
KILL_SHARE = 0.3
"""What it then has between SIGTERM and SIGKILL. The rest is for its record and its log."""


class WorkerLeaves(TransientError):
    """This worker instance was told to stop and takes nothing more; the message has to come again."""


class Departure:
    """Told once, from any thread."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._changed = threading.Condition()
        self._messages = 0
        self._running: set[Cancellation] = set()
        self._stopped: set[Cancellation] = set()
        self._is_stopping = False
        self._grace = timedelta()
        self._ends_at = float("inf")

    @property
    def is_told(self) -> bool:
        return self._told.is_set()

    @property
    def is_over(self) -> bool:
        """Whether the time for leaving is over: the platform may kill this process at any moment."""
        return time.monotonic() >= self._ends_at

    def wait(self, seconds: float) -> bool:
        """Pause; True, at once, when the worker has to leave."""
        return self._told.wait(max(seconds, 0))

    @contextmanager
    def message(self) -> Iterator[None]:
        """Around the work on one message. Raises `WorkerLeaves` when none is taken any more."""
        with self._changed:
            if self.is_told:
                raise WorkerLeaves
            self._messages += 1
        try:
            yield
        finally:
            with self._changed:
                self._messages -= 1
                self._changed.notify_all()

    @contextmanager
    def stoppable(self, cancellation: Cancellation) -> Iterator[None]:
        """Around user code: when it takes too long to leave, `cancellation` stops it."""
        with self._changed:
            self._running.add(cancellation)
            if self._is_stopping:
                self._stop(cancellation)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(cancellation)

    def took(self, cancellation: Cancellation) -> bool:
        """Whether it was this departure that stopped a try, and nothing before it."""
        with self._changed:
            return cancellation in self._stopped

    def leave(self, within: timedelta, *, finish: timedelta | None = None) -> bool:
        """See that all messages are done; False when they were not `within` that time.

        `finish`: how much of it what runs has to end by itself; None: a platform's ten seconds have to do.
        """
        ends_at = time.monotonic() + within.total_seconds()
        with self._changed:
            self._ends_at = min(self._ends_at, ends_at)
            self._told.set()
        if self._wait_for_messages(within * FINISH_SHARE if finish is None else finish):
            return True
        with self._changed:
            self._is_stopping = True
            self._grace = min(within * KILL_SHARE, timedelta(seconds=(ends_at - time.monotonic()) / 2))
            for cancellation in self._running:
                self._stop(cancellation)
        return self._wait_for_messages(timedelta(seconds=ends_at - time.monotonic()))

    def _stop(self, cancellation: Cancellation) -> None:
        if cancellation.cancel(REASON, grace=self._grace):
            self._stopped.add(cancellation)

    def _wait_for_messages(self, within: timedelta) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._messages == 0, max(within.total_seconds(), 0))
