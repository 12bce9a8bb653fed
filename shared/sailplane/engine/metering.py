"""What the task instances of a worker use: its machine's time is shared among those in hand, its calls are counted.

A platform bills an instance of a function as long as it has a request, however much happens in it. So each moment is
divided among the threads that have a task instance in hand then, and nothing is counted twice. What a thread does after
an end is committed goes to the next end in the same run, and at last to the run's own; what an instance does for a run
after the last thing that it writes for it is in no record (docs/cost.md).
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from sailplane.cloud.settings import Settings
from sailplane.cloud.tally import Tally
from sailplane.model.evolve import evolve
from sailplane.model.runs import TaskInstance, Token
from sailplane.model.usage import NOTHING, Usage

LEAST_BYTES = 1000
"""Pub/Sub bills each request with this volume at least."""

LEAST_JOB_SECONDS = 60.0
"""An execution of a Cloud Run job is billed for a minute at least."""
ROUNDING_SECONDS = 0.05
"""What a request costs on average because its time is rounded up to 100 ms."""


class Billing(Enum):
    """Who bills the time of the machine."""

    FUNCTION = "function"
    JOB = "job"
    ELSEWHERE = "elsewhere"
    """A machine of one's own, which a pull worker runs on: its time is nothing that is known here."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What an instance has been given, and is billed for."""

    vcpus: float = 1.0
    gib: float = 1.0
    billing: Billing = Billing.FUNCTION

    def usage(self, seconds: float) -> Usage:
        match self.billing:
            case Billing.FUNCTION:
                return evolve(NOTHING, vcpu_seconds=seconds * self.vcpus, gib_seconds=seconds * self.gib)
            case Billing.JOB:
                return evolve(NOTHING, job_vcpu_seconds=seconds * self.vcpus, job_gib_seconds=seconds * self.gib)
            case Billing.ELSEWHERE:
                return NOTHING


def machine_of(settings: Settings) -> Machine:
    """This machine. Cloud Run names the service or the job in the environment of its instances."""
    return Machine(vcpus=settings.vcpus, gib=settings.memory_gib, billing=_billing(settings.environment))


def _billing(environment: Mapping[str, str]) -> Billing:
    if environment.get("CLOUD_RUN_JOB"):
        return Billing.JOB
    return Billing.FUNCTION if environment.get("K_SERVICE") else Billing.ELSEWHERE


def arrival(size: int, tickets: int, machine: Machine) -> Usage:
    """One ticket's share of the message of `size` bytes that brought it: published, delivered, and a request."""
    requests = 0 if machine.billing is Billing.ELSEWHERE else 1
    whole = Usage(messages=1, message_bytes=2 * max(size, LEAST_BYTES), requests=requests)
    if machine.billing is Billing.FUNCTION:
        whole += machine.usage(ROUNDING_SECONDS)
    return whole.times(1 / tickets)


def written(instance: TaskInstance, token: Token) -> TaskInstance:
    """`instance` as its document has it since the write that gave `token`."""
    return evolve(instance, token=token, usage=instance.usage.written())


class _Share(threading.local):
    """Of one thread."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.since: float | None = None
        """Where the common clock stood when it began to count; None while this thread has nothing in hand."""


class Meter:
    """Measures for one worker instance."""

    def __init__(self, tally: Tally, machine: Machine, clock: Callable[[], float] = time.monotonic) -> None:
        self.machine = machine
        self._tally = tally
        self._clock = clock
        self._lock = threading.Lock()
        self._threads = 0
        self._now = clock()
        self._each = 0.0
        """Seconds that a thread which has always had something in hand would have got."""
        self._minimum = LEAST_JOB_SECONDS if machine.billing is Billing.JOB else 0.0
        """Billed whatever is used; 0 once it stands in an account."""
        self._ahead = 0.0
        """Seconds that stand in an account already and were not used yet."""
        self._mine = _Share()

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """This thread has a task instance in hand: it takes its share of the machine."""
        self._begin()
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within `in_hand`: this thread waits for the others, and takes no share."""
        self._end()
        try:
            yield
        finally:
            self._begin()

    def cut(self) -> Usage:
        """What this thread, which has something in hand, has used since its last cut."""
        mine = self._mine
        with self._lock:
            self._advance()
            since, mine.since = mine.since, self._each
            seconds = mine.seconds + (self._each - since if since is not None else 0.0)
            billed = self._billed(seconds)
        mine.seconds = 0.0
        return self.machine.usage(billed) + self._tally.take()

    def _billed(self, seconds: float) -> float:
        """What `seconds` add to the bill. The first account gets the minimum, which covers what follows within it."""
        if self._minimum > seconds:
            billed, self._ahead = self._minimum, self._minimum - seconds
        else:
            covered = min(self._ahead, seconds)
            billed, self._ahead = seconds - covered, self._ahead - covered
        self._minimum = 0.0
        return billed

    def _begin(self) -> None:
        with self._lock:
            self._advance()
            self._threads += 1
            self._mine.since = self._each

    def _end(self) -> None:
        with self._lock:
            self._advance()
            self._threads -= 1
            if self._mine.since is not None:
                self._mine.seconds += self._each - self._mine.since
            self._mine.since = None

    def _advance(self) -> None:
        now = self._clock()
        if self._threads:
            self._each += (now - self._now) / self._threads
        self._now = now
