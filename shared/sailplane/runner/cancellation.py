"""How a running try is told to stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta


class Cancellation:
    """Stops the `Runner.run` that it was given to, from any thread, before or while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._grace: timedelta | None = None
        self._watchers: list[Callable[[], None]] = []
        self.pid: int | None = None
        """The process that runs the try, while one does."""

    @property
    def reason(self) -> str | None:
        """Why it was cancelled; None while it was not."""
        return self._reason

    @property
    def grace(self) -> timedelta | None:
        """How long its process then has before it is killed, at most; None: as the runner is set up."""
        return self._grace

    def cancel(self, reason: str, *, grace: timedelta | None = None) -> bool:
        """Stop the try. Only the first call counts; whether this was it."""
        with self._lock:
            if self._reason is not None:
                return False
            self._grace = grace
            self._reason = reason
            for watcher in self._watchers:
                watcher()
            return True

    @contextmanager
    def watched_by(self, watcher: Callable[[], None]) -> Iterator[None]:
        """Call `watcher`, which must neither block nor raise, when it is cancelled; at once if it was already."""
        with self._lock:
            self._watchers.append(watcher)
            if self._reason is not None:
                watcher()
        try:
            yield
        finally:
            with self._lock:
                self._watchers.remove(watcher)
