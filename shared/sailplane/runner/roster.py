"""The book of a runner: which tries wait for a child, which children are idle, how many are alive. Thread-safe."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from sailplane.model.execution import Outcome
from sailplane.runner.processes import Child

_PASSED_OVER_LIMIT = 8
"""How often children of another bundle may serve later tries before the first one in the queue."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """A child that has this DAG file."""

    bundle: Path
    file: str

    def fits(self, child: Child) -> bool:
        # Paths compare slowly, and nearly always it is the very same.
        return (child.bundle is self.bundle or child.bundle == self.bundle) and self.file in child.files


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a try gets no child."""

    outcome: Outcome
    traceback: str = ""


class Waiter:
    """A try that waits for a child. What it gets comes into `box`; None tells it to look around."""

    def __init__(self, need: Need) -> None:
        self.need = need
        self.box: SimpleQueue[Child | Refusal | None] = SimpleQueue()
        self.was_restarted = False
        self.passed_over = 0


class Roster:
    """Children count from before they are forked until they are known to have ended."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._waiters: deque[Waiter] = deque()
        self._idle: list[tuple[float, Child]] = []
        """With the monotonic time since when; the one that worked last is last."""
        self._alive = 0
        self._evicted: set[Child] = set()
        """Killed to make room, and not known to have ended."""

    @property
    def alive(self) -> int:
        return self._alive

    def take(self, need: Need) -> Child | Waiter:
        """An idle child, or a place in the queue."""
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                child = self._idle[index][1]
                if need.fits(child):
                    del self._idle[index]
                    return child
            waiter = Waiter(need)
            self._waiters.append(waiter)
            return waiter

    def leave(self, waiter: Waiter) -> Child | None:
        """Give the place in the queue up; the child that came all the same."""
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                return None
        while not waiter.box.empty():
            got = waiter.box.get()
            if isinstance(got, Child):
                return got
        return None

    def settle(self, child: Child) -> bool:
        """Hand a free child to the next try that it fits, or keep it idle. False when its slot is needed for others."""
        with self._lock:
            if child.is_gone:
                return False
            if self._serve(child):
                return True
            if self._waiters and self._alive >= self._slots:
                return False
            self._idle.append((time.monotonic(), child))
            return True

    def _serve(self, child: Child) -> bool:
        for index, waiter in enumerate(self._waiters):
            if waiter.need.fits(child):
                del self._waiters[index]
                waiter.box.put(child)
                return True
            if waiter.passed_over >= _PASSED_OVER_LIMIT and self._alive >= self._slots:
                return False
            waiter.passed_over += 1
        return False

    def first_need(self, bundle: Path) -> Need | None:
        """What the try of this bundle that has waited longest needs."""
        with self._lock:
            return next((waiter.need for waiter in self._waiters if waiter.need.bundle == bundle), None)

    def waiting_bundles(self) -> frozenset[Path]:
        with self._lock:
            return frozenset(waiter.need.bundle for waiter in self._waiters)

    def reserve(self) -> bool:
        """Count a child that is about to be forked. When all slots are taken, an idle child makes room first."""
        with self._lock:
            if self._alive < self._slots:
                self._alive += 1
                return True
            is_room_coming = self._alive - len(self._evicted) < self._slots
            evicted = self._idle.pop(0)[1] if self._idle and not is_room_coming else None
            if evicted is not None:
                self._evicted.add(evicted)
        if evicted is not None:
            evicted.discard()
        return False

    def unreserve(self) -> None:
        with self._lock:
            self._alive -= 1

    def end(self, child: Child) -> None:
        """A child has ended."""
        with self._lock:
            self._alive -= 1
            self._evicted.discard(child)
            was_idle = self._drop_idle(child)
        if was_idle:
            child.close()

    def _drop_idle(self, child: Child) -> bool:
        for index, (_, idle) in enumerate(self._idle):
            if idle is child:
                del self._idle[index]
                return True
        return False

    def expire(self, bundle: Path, since_before: float) -> None:
        """End children that have been idle since before that time."""
        with self._lock:
            expired = [child for since, child in self._idle if child.bundle == bundle and since <= since_before]
            self._idle = [entry for entry in self._idle if entry[1] not in expired]
        for child in expired:
            child.discard()

    def idle_since(self, bundle: Path) -> float | None:
        """Since when the child that has been idle longest is."""
        with self._lock:
            return min((since for since, child in self._idle if child.bundle == bundle), default=None)

    def refuse(self, refusal: Refusal, *, bundle: Path, file: str | None = None) -> None:
        """Tell all that wait for this bundle (for this file of it) that they get no child."""
        with self._lock:
            refused = [w for w in self._waiters if w.need.bundle == bundle and file in (None, w.need.file)]
            for waiter in refused:
                self._waiters.remove(waiter)
        for waiter in refused:
            waiter.box.put(refusal)

    def refuse_first(self, refusal: Refusal, *, bundle: Path) -> None:
        with self._lock:
            first = next((waiter for waiter in self._waiters if waiter.need.bundle == bundle), None)
            if first is not None:
                self._waiters.remove(first)
                first.box.put(refusal)

    def restart(self, refusal: Refusal, *, bundle: Path) -> None:
        """The template died: who waits for the first time waits on, the others are refused."""
        with self._lock:
            concerned = [waiter for waiter in self._waiters if waiter.need.bundle == bundle]
            for waiter in concerned:
                if waiter.was_restarted:
                    self._waiters.remove(waiter)
                    waiter.box.put(refusal)
                waiter.was_restarted = True
