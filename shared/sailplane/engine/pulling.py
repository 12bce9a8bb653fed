"""The pull worker: takes the messages of one queue for as long as it is let, on any machine.

It holds a message by extending its deadline until the work on it is done, and acknowledges last. Whatever happens to
it, Pub/Sub brings its messages to others, and the leases of its tasks run out.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from sailplane.cloud.subscriber import HOLD_SECONDS, Delivery, Stream, Subscriber
from sailplane.engine.worker import Worker
from sailplane.model import messages
from sailplane.model.errors import NotFound, TransientError, Unavailable
from sailplane.model.evolve import evolve
from sailplane.model.messages import Message, TaskWave

_log = logging.getLogger(__name__)

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0
"""Seconds between attempts to reach Pub/Sub."""
SETTLED_SECONDS = 30.0
"""A connection that has lasted so long is one."""
HAND_BACK = timedelta(seconds=6)
"""Of the time for leaving, what stopping tasks and queueing them again gets."""
EXTEND_SECONDS = HOLD_SECONDS / 4
"""How often what is in hand is held on to: three such calls may fail before another worker gets a message."""


@dataclass(frozen=True, kw_only=True)
class PullHealth:
    """How a pull worker is."""

    is_connected: bool
    lost_seconds: float
    """How long it has not been connected; 0 while it is."""
    in_hand: int
    """Messages that it works on."""
    done: int
    is_leaving: bool


class PullWorker:
    """Pulls until `stop`. `run` belongs to one thread, everything else may be called from any, signal handlers too."""

    def __init__(
        self,
        worker: Worker,
        subscriber: Subscriber,
        *,
        drain: timedelta,
        pause: Callable[[int], float] | None = None,
    ) -> None:
        """`drain`: how long running tasks may take when it is told to stop."""
        self._worker = worker
        self._subscriber = subscriber
        self._most = worker.cloud.settings.worker_concurrency
        self._drain = drain
        self._pause = pause or _pause
        self._stopping = threading.Event()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._in_hand: dict[str, Future[None]] = {}
        self._stream: Stream | None = None
        self._opened_at: float | None = None
        self._lost_at: float | None = None
        """Since when attempts to connect fail; None while they do not."""
        self._done = 0
        self._pool = ThreadPoolExecutor(self._most, "pull")

    @property
    def health(self) -> PullHealth:
        now = time.monotonic()
        with self._lock:
            lost_at, opened_at = self._lost_at, self._opened_at
            is_connected = lost_at is None or (opened_at is not None and now - opened_at > SETTLED_SECONDS)
            return PullHealth(
                is_connected=is_connected,
                lost_seconds=0.0 if is_connected or lost_at is None else now - lost_at,
                in_hand=len(self._in_hand),
                done=self._done,
                is_leaving=self._stopping.is_set(),
            )

    def run(self) -> None:
        """Work until `stop`, then finish or hand back what is in hand. Raises `NotFound` without the subscription."""
        keeper = threading.Thread(target=self._keep_holding, name="pull-holds", daemon=True)
        keeper.start()
        try:
            self._pull()
        finally:
            self._leave()
            self._is_over.set()
            keeper.join()

    def stop(self) -> None:
        """Take nothing more; `run` returns when what is in hand is finished or handed back."""
        self._stopping.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def _pull(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            stream = self._open()
            try:
                for batch in stream:
                    failures = 0
                    self._take(batch)
            except Unavailable as error:
                failures += 1
                _log.warning("%s; connecting again", error)
            finally:
                self._note_end(has_failed=failures > 0)
            self._stopping.wait(self._pause(failures))

    def _open(self) -> Stream:
        stream = self._stream = self._subscriber.open(self._most)
        if self._stopping.is_set():  # `stop` may not have seen it.
            stream.close()
        with self._lock:
            self._opened_at = time.monotonic()
        return stream

    def _note_end(self, *, has_failed: bool) -> None:
        with self._lock:
            now = time.monotonic()
            has_lasted = self._opened_at is not None and now - self._opened_at > SETTLED_SECONDS
            self._opened_at = None
            if not has_failed:
                self._lost_at = None
            elif self._lost_at is None or has_lasted:
                self._lost_at = now

    def _take(self, batch: list[Delivery]) -> None:
        with self._lock:
            self._lost_at = None
            for delivery in batch:
                # One that came again while it is in hand: its earlier ack id has expired, its work goes on.
                self._in_hand[delivery.ack_id] = self._pool.submit(self._work, delivery)

    def _work(self, delivery: Delivery) -> None:
        """Work on one message to its end and acknowledge it; what cannot be done now, others get."""
        try:
            if self._stopping.is_set():
                self._subscriber.give_back([delivery.ack_id])
                return
            self._handle(delivery.data)
        except TransientError as error:
            _log.warning("a message comes again: %s", error)
            self._subscriber.give_back([delivery.ack_id])
        except Exception:
            # The edge of this thread: as a function's 500, it comes again until the dead letters have it.
            _log.exception("a message could not be worked off; it began %r", delivery.data[:200])
            self._subscriber.give_back([delivery.ack_id])
        else:
            self._acknowledge(delivery)
        finally:
            with self._lock:
                self._in_hand.pop(delivery.ack_id, None)

    def _acknowledge(self, delivery: Delivery) -> None:
        try:
            self._subscriber.acknowledge([delivery.ack_id])
        except (Unavailable, NotFound) as error:
            _log.warning("a message that is done comes again, for nothing: %s", error)
        with self._lock:
            self._done += 1

    def _handle(self, data: bytes) -> None:
        """Work on one message. One with several tickets goes back to the queue as messages of one ticket each.

        So Pub/Sub's flow control counts task instances, and no worker holds some that another has a slot for.
        """
        message = messages.decode(data)
        if message.wave is None or len(message.wave.tickets) < 2:
            self._worker.handle(data)
        else:
            self._worker.cloud.bus.publish(self._worker.queue, _one_by_one(message.wave))

    def _keep_holding(self) -> None:
        while not self._is_over.wait(EXTEND_SECONDS):
            with self._lock:
                held = list(self._in_hand)
            try:
                self._subscriber.hold(held)
            except (Unavailable, NotFound) as error:
                _log.warning("messages could not be held on to: %s", error)

    def _leave(self) -> None:
        """Finish what runs while there is time, hand back the rest: messages to Pub/Sub, tries to the queue."""
        with self._lock:
            futures = dict(self._in_hand)
        unbegun = [ack_id for ack_id, future in futures.items() if future.cancel()]
        self._subscriber.give_back(unbegun)
        if futures:
            _log.info("stopping: %d messages in hand, %d given back", len(futures) - len(unbegun), len(unbegun))
        self._worker.departure.leave(self._drain, finish=self._drain - min(HAND_BACK, self._drain * 0.8))
        self._worker.close()
        self._pool.shutdown(wait=True)
        self._subscriber.close()


def _one_by_one(wave: TaskWave) -> list[Message]:
    return [Message(wave=evolve(wave, tickets=(ticket,))) for ticket in wave.tickets]


def _pause(failures: int) -> float:
    """Seconds before the next attempt: none after a stream that ended in order, else growing, and never all at once."""
    if not failures:
        return 0.0
    longest: float = min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)
