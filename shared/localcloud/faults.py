"""Faults on demand, for tests of what happens on bad days."""

from dataclasses import dataclass, replace
from enum import StrEnum


class FaultKind(StrEnum):
    ERROR = "error"
    """Fail with `status` before doing anything."""
    LOST_ANSWER = "lost_answer"
    """Do the work, then fail with `status`: the caller cannot know that it was done."""
    LATENCY = "latency"
    """Wait `seconds` first, then go on."""
    DUPLICATE = "duplicate"
    """Deliver a message once more than asked."""
    REORDER = "reorder"
    """Deliver a message after the ones behind it."""
    DROP = "drop"
    """Let a delivery vanish: nobody receives it, and it counts as not acknowledged."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong at `point`, after `skip` calls that go well, `times` times."""

    point: str
    """Where: a method such as `firestore.Commit`, `pubsub.Publish`, `pubsub.push`; or a prefix ending in `*`."""
    kind: FaultKind
    times: int = 1
    skip: int = 0
    status: str = "UNAVAILABLE"
    """The gRPC status code's name, or an HTTP status number, to fail with."""
    seconds: float = 0.0

    def matches(self, point: str) -> bool:
        return point.startswith(self.point[:-1]) if self.point.endswith("*") else point == self.point


class Faults:
    """The faults that are still to happen. Empty, as almost always, it costs one attribute look-up a call."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def inject(self, fault: Fault) -> None:
        self.pending.append(fault)

    def clear(self) -> None:
        self.pending.clear()

    def take(self, point: str) -> Fault | None:
        """The fault that happens at `point` now, counted down; None where all goes well."""
        for index, fault in enumerate(self.pending):
            if not fault.matches(point):
                continue
            if fault.skip:
                self.pending[index] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times > 1:
                self.pending[index] = replace(fault, times=fault.times - 1)
            else:
                del self.pending[index]
            return fault
        return None
