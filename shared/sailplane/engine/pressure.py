"""Memory: before the platform kills a whole instance because one task wants too much, that task is stopped alone.

An instance that passes its limit is killed with all that runs on it, and nobody learns why. So while tasks run somebody
looks, and shortly before the limit the largest of them is ended, as a failed try that says what it needed.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.runs import ErrorInfo
from sailplane.runner import footprint
from sailplane.runner.cancellation import Cancellation
from sailplane.runner.footprint import Memory

_log = logging.getLogger(__name__)
NEARLY_ALL = 0.92
"""Of the limit, from where on somebody has to go."""
LEAST_SHARE = 0.1
"""Of the limit, what a task has to use to be the one: smaller ones are not what fills the instance."""
LOOK_SECONDS = 0.1
KIND = "MemoryLimitExceeded"
_MIB = 1024 * 1024


def failed(outcome: Outcome, cancellation: Cancellation) -> Outcome:
    """How a try ended that the guard stopped; one that was faster ended as it did."""
    if outcome.kind is not OutcomeKind.KILLED:
        return outcome
    error = ErrorInfo(kind=KIND, message=cancellation.reason or "")
    return replace(outcome, kind=OutcomeKind.FAILED, error=error)


class MemoryGuard:
    """Watches while tasks run; its thread sleeps while none does."""

    def __init__(self, memory: Memory | None) -> None:
        """`memory`: None where nothing limits it."""
        self._memory = memory
        self._changed = threading.Condition()
        self._running: set[Cancellation] = set()
        self._stopped: set[Cancellation] = set()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def watched(self, cancellation: Cancellation) -> Iterator[None]:
        """Around user code."""
        if self._memory is None:
            yield
            return
        with self._changed:
            self._running.add(cancellation)
            self._start()
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(cancellation)

    def took(self, cancellation: Cancellation) -> bool:
        """Whether it was this guard that stopped a try, and nothing before it; the reason says how much it used."""
        with self._changed:
            return cancellation in self._stopped

    def close(self) -> None:
        """Watch no more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _watch(self) -> None:
        assert self._memory is not None, "without a limit nobody watches"
        while self._sleep():
            used = self._memory.used()
            if used > self._memory.limit * NEARLY_ALL:
                self._stop_largest(self._memory, used)

    def _sleep(self) -> bool:
        """Wait until something runs, and for the next look; False when the guard is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._running)
            return not self._changed.wait_for(lambda: self._is_closed, LOOK_SECONDS)

    def _stop_largest(self, memory: Memory, used: int) -> None:
        with self._changed:
            running = tuple(self._running)
        if any(each in self._stopped for each in running):
            return  # One is ending: what it leaves may be enough.
        sizes = {each: footprint.of_tree(each.pid) for each in running if each.pid}
        largest = max(sizes, key=lambda each: sizes[each], default=None)
        if largest is None or sizes[largest] < memory.limit * LEAST_SHARE:
            return
        reason = (
            f"used {sizes[largest] // _MIB} MiB when {used // _MIB} of the {memory.limit // _MIB} MiB of this worker "
            "were in use; give its queue more memory, or fewer tasks at once"
        )
        _log.warning("a task is stopped before the instance runs out of memory: it %s", reason)
        with self._changed:
            if largest.cancel(reason, grace=timedelta()):
                self._stopped.add(largest)
