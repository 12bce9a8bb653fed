"""Which instance takes a request, and when another one is started. Decisions only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Seat(Protocol):
    """An instance, as far as choosing goes."""

    @property
    def active(self) -> int:
        """Requests it is working on."""

    @property
    def ready(self) -> bool:
        """Whether its server accepts requests."""


SeatT = TypeVar("SeatT", bound=Seat)


def choose(instances: Iterable[SeatT], concurrency: int) -> SeatT | None:
    """The ready instance with the fewest requests, if any has room: spreading over those that run uses all cores."""
    best: SeatT | None = None
    for instance in instances:
        if not instance.ready or instance.active >= concurrency:
            continue
        if best is None or instance.active < best.active:
            best = instance
            if not best.active:
                break
    return best


@dataclass(frozen=True, kw_only=True)
class Load:
    """A function's situation when somebody waits."""

    instances: int
    starting: int
    waiting: int
    concurrency: int
    max_instances: int


def starts_wanted(load: Load) -> int:
    """How many instances to start now: enough that those starting can seat all who wait, within the maximum."""
    unseated = load.waiting - load.starting * load.concurrency
    if unseated <= 0:
        return 0
    wanted = -(-unseated // load.concurrency)
    return max(0, min(wanted, load.max_instances - load.instances))


def surplus(idle: Sequence[SeatT], instances: int, min_instances: int) -> Sequence[SeatT]:
    """Of the instances that have been idle for too long, those that may go."""
    return idle[: max(0, instances - min_instances)]
