"""Leases: a running task instance is believed as long as its worker renews its alarm."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sailplane.cloud import paths
from sailplane.cloud.changes import Beat
from sailplane.cloud.committer import Committed, Result
from sailplane.cloud.store import Store
from sailplane.model.errors import SailplaneError
from sailplane.model.evolve import evolve
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance, Token
from sailplane.model.states import TaskState
from sailplane.planner.alarms import heartbeat
from sailplane.runner.cancellation import Cancellation

_log = logging.getLogger(__name__)
_SHORTEST_PAUSE = 0.5
"""Seconds between two rounds at least, so that a store that does not answer is not asked without end."""


@dataclass(eq=False)
class Lease:
    """One running try, as long as this worker holds it."""

    run: RunKey
    key: TaskKey
    claim: str
    """The nonce of the claim that began it: as long as the document has it, it is this worker's."""
    token: Token
    renewed_at: datetime
    cancellation: Cancellation
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_over: bool = False
    clear_number: int = 0
    """As in `TaskInstance`, when the document was read last."""
    beats: int = 0
    """Heartbeats that were written."""

    @property
    def path(self) -> str:
        return paths.task(self.run, self.key)

    def ours(self, record: TaskInstance) -> TaskInstance:
        """`record` as it may be written over the document."""
        return evolve(record, token=self.token, clear_number=self.clear_number)


class Leases:
    """Renews what is held; a lease that was lost stops its try. The thread sleeps while nothing is held.

    While the store does not answer, a try that was not renewed for a whole lease is stopped: its next try may run
    elsewhere. That is noticed at most the deadline of one call too late.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], length: timedelta) -> None:
        """`length`: how long a lease is good for without a heartbeat."""
        self._store = store
        self._clock = clock
        self._length = length
        self._heartbeat = heartbeat(length)
        self._held: dict[int, Lease] = {}
        self._changed = threading.Condition()
        self._is_idle = True
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._trouble = ""
        """Why the store's last answer is missing; empty when it answered."""

    @contextmanager
    def held(
        self, instance: TaskInstance, cancellation: Cancellation, *, renewed_at: datetime | None = None
    ) -> Iterator[Lease]:
        """Keep the lease of `instance` while the block runs; afterwards `Lease.token` is the one to end it with.

        A lease that is held again was `renewed_at` then; else it is as old as the try.
        """
        since = renewed_at or instance.started_at or self._clock()
        lease = Lease(instance.run, instance.key, instance.claim, instance.token, since, cancellation)
        lease.clear_number = instance.clear_number
        self._add(lease)
        try:
            yield lease
        finally:
            with self._changed:
                del self._held[id(lease)]
            # A heartbeat under way changes the token: wait for it.
            with lease.lock:
                lease.is_over = True

    def adopt(self, lease: Lease) -> bool:
        """Whether the try is still this worker's although a write with `Lease.token` met a conflict.

        So it is when a heartbeat was written whose answer was lost: the token is then the document's. For a lease that
        is over. Raises `TransientError`.
        """
        stored = self._store.task(lease.run, lease.key)
        if stored is None or stored.state is not TaskState.RUNNING or stored.claim != lease.claim:
            return False
        lease.token, lease.clear_number = stored.token, stored.clear_number
        return True

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=self._length.total_seconds())

    def _add(self, lease: Lease) -> None:
        # The thread finds nothing held and goes to sleep under the same lock: it cannot miss this one.
        with self._changed:
            self._held[id(lease)] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, name="leases", daemon=True)
                self._thread.start()
            elif self._is_idle or lease.renewed_at + self._heartbeat <= self._clock():
                self._changed.notify()

    def _renew_all(self) -> None:
        while self._sleep():
            try:
                self._give_up_late()
                self._renew_due()
            except Exception:
                # The edge of this thread: without it nothing that this process runs would be renewed any more.
                _log.exception("leases could not be renewed")

    def _sleep(self) -> bool:
        """Wait until the next heartbeat; False when there is none any more."""
        with self._changed:
            if self._is_closed:
                return False
            self._is_idle = not self._held
            self._changed.wait(None if self._is_idle else self._pause())
            self._is_idle = False
            return not self._is_closed

    def _pause(self) -> float:
        """Seconds until the next heartbeat; never more than between two, as the clock may be set back meanwhile."""
        oldest = min((lease.renewed_at for lease in self._held.values()), default=self._clock())
        until = min(oldest + self._heartbeat - self._clock(), self._heartbeat)
        return max(until.total_seconds(), _SHORTEST_PAUSE)

    def _renew_due(self) -> None:
        now = self._clock()
        with ExitStack() as locks:
            due = [lease for lease in self._all() if not now - self._heartbeat < lease.renewed_at <= now]
            for lease in due:
                # No other thread holds more than one of these locks.
                locks.enter_context(lease.lock)
            due = [lease for lease in due if not lease.is_over and lease.cancellation.reason is None]
            if not due or self._beat(due) is not False:
                return
            # One of them is not ours any more, or has another token: each by itself.
            for lease in due:
                self._give_up_late()
                self._renew(lease)

    def _renew(self, lease: Lease) -> None:
        if lease.cancellation.reason is not None or self._beat([lease]) is not False:
            return
        try:
            is_ours = self.adopt(lease)
        except SailplaneError as error:
            self._note(str(error))
            return
        if is_ours:
            self._beat([lease])
        else:
            lease.cancellation.cancel("its lease was lost: it was marked, cleared or taken over")

    def _beat(self, leases: Sequence[Lease]) -> bool | None:
        """Renew all of `leases` or none. False when at least one has another token; None when nobody knows."""
        now = self._clock()
        try:
            result: Result = self._store.commit([Beat(lease.path, lease.token, now + self._length) for lease in leases])
        except SailplaneError as error:
            self._note(str(error))
            return None
        self._trouble = ""
        if not isinstance(result, Committed):
            return False
        for lease, token in zip(leases, result.tokens, strict=True):
            lease.token, lease.renewed_at = token, now
            lease.beats += 1
        return True

    def _note(self, trouble: str) -> None:
        _log.warning("leases could not be renewed: %s", trouble)
        self._trouble = trouble
        self._give_up_late()

    def _give_up_late(self) -> None:
        """Stop all tries that were not renewed for a whole lease: another worker may have them by now.

        While the store answers nothing is given up: it tells whose they are, also after this machine was suspended.
        """
        if not self._trouble:
            return
        limit = self._clock() - self._length
        for lease in self._all():
            if lease.renewed_at <= limit:
                lease.cancellation.cancel(f"its lease could not be renewed: {self._trouble}")

    def _all(self) -> tuple[Lease, ...]:
        with self._changed:
            return tuple(self._held.values())
