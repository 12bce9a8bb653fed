"""Leases: a running task instance is believed as long as its worker renews its alarm."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sailplane.cloud import paths
from sailplane.cloud.changes import Beat
from sailplane.cloud.committer import Committed
from sailplane.cloud.store import Store
from sailplane.model.errors import TransientError
from sailplane.model.runs import TaskInstance, Token
from sailplane.planner.alarms import heartbeat
from sailplane.runner.cancellation import Cancellation

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Lease:
    """One running try, as long as this worker holds it."""

    path: str
    token: Token
    renewed_at: datetime
    cancellation: Cancellation
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_over: bool = False


class Leases:
    """Renews what is held; a lease that was lost stops its try. The thread sleeps while nothing is held."""

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

    @contextmanager
    def held(self, instance: TaskInstance, cancellation: Cancellation) -> Iterator[Lease]:
        """Keep the lease of `instance` while the block runs; afterwards `Lease.token` is the one to end it with."""
        path = paths.task(instance.run, instance.key)
        lease = Lease(path, instance.token, instance.started_at or self._clock(), cancellation)
        self._held[id(lease)] = lease
        self._wake()
        try:
            yield lease
        finally:
            del self._held[id(lease)]
            # A heartbeat under way changes the token: wait for it.
            with lease.lock:
                lease.is_over = True

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=self._length.total_seconds())

    def _wake(self) -> None:
        if not self._is_idle:
            return
        with self._changed:
            self._is_idle = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, name="leases", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _renew_all(self) -> None:
        while True:
            with self._changed:
                self._is_idle = not self._held
                self._changed.wait(None if self._is_idle else self._pause())
                if self._is_closed:
                    return
            for lease in self._due():
                self._renew(lease)

    def _pause(self) -> float:
        """Seconds until the next heartbeat."""
        oldest = min((lease.renewed_at for lease in tuple(self._held.values())), default=self._clock())
        return max((oldest + self._heartbeat - self._clock()).total_seconds(), 0.5)

    def _due(self) -> list[Lease]:
        limit = self._clock() - self._heartbeat
        return [lease for lease in tuple(self._held.values()) if lease.renewed_at <= limit]

    def _renew(self, lease: Lease) -> None:
        with lease.lock:
            if lease.is_over or lease.cancellation.reason is not None:
                return
            now = self._clock()
            try:
                result = self._store.commit([Beat(lease.path, lease.token, now + self._length)])
            except TransientError as error:
                self._give_up_when_late(lease, str(error))
                return
            if isinstance(result, Committed):
                lease.token, lease.renewed_at = result.tokens[0], now
            else:
                lease.cancellation.cancel("its lease was lost: it was marked, cleared or taken over")

    def _give_up_when_late(self, lease: Lease, trouble: str) -> None:
        """After a whole lease without renewal another worker may have the task: do not run beside it."""
        _log.warning("lease of %s could not be renewed: %s", lease.path, trouble)
        if self._clock() - lease.renewed_at >= self._length:
            lease.cancellation.cancel(f"its lease could not be renewed: {trouble}")
