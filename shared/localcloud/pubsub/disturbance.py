"""The fault point `pubsub.deliver`: what tests ask to go wrong between a subscription and who pulls from it."""

import asyncio
from collections.abc import Callable, Sequence

from localcloud.faults import FaultKind, Faults
from localcloud.pubsub.consumers import Consumer, Parcel
from localcloud.pubsub.delivery import Entry

POINT = "pubsub.deliver"
HOLD_SECONDS = 0.2
"""How long a reordered message waits for one to go out before it."""


class Disturbance:
    """Applies delivery faults to parcels on their way to a consumer."""

    def __init__(self, faults: Faults, *, failed: Callable[[Entry], None]) -> None:
        self._faults = faults
        self._failed = failed
        self._held: list[tuple[Consumer, Parcel]] = []

    @property
    def holding(self) -> bool:
        """Whether a reordered message waits for the next one."""
        return bool(self._held)

    def applied(self, consumer: Consumer, parcels: Sequence[Parcel]) -> list[Parcel]:
        """What goes out to the consumer now."""
        out: list[Parcel] = []
        for parcel in parcels:
            sent = self._disturbed(consumer, parcel)
            out += sent
            if sent:
                out += self._overtaken(consumer)
        return out

    def _disturbed(self, consumer: Consumer, parcel: Parcel) -> list[Parcel]:
        fault = self._faults.take(POINT) if self._faults.pending else None
        if fault is None:
            return [parcel]
        match fault.kind:
            case FaultKind.DUPLICATE:
                return [parcel, parcel]
            case FaultKind.REORDER:
                self._held.append((consumer, parcel))
                self._later(HOLD_SECONDS, self._release, consumer, parcel)
            case FaultKind.LATENCY:
                self._later(fault.seconds, self._deliver, consumer, parcel)
            case FaultKind.ERROR:
                self._failed(parcel.entry)
            case FaultKind.DROP | FaultKind.LOST_ANSWER:
                pass
        return []

    def _overtaken(self, consumer: Consumer) -> list[Parcel]:
        mine = [parcel for holder, parcel in self._held if holder is consumer]
        self._held = [held for held in self._held if held[0] is not consumer]
        return mine

    def _release(self, consumer: Consumer, parcel: Parcel) -> None:
        if (consumer, parcel) in self._held:
            self._held.remove((consumer, parcel))
            self._deliver(consumer, parcel)

    @staticmethod
    def _deliver(consumer: Consumer, parcel: Parcel) -> None:
        consumer.deliver([parcel])

    @staticmethod
    def _later(seconds: float, action: Callable[[Consumer, Parcel], None], consumer: Consumer, parcel: Parcel) -> None:
        asyncio.get_running_loop().call_later(seconds, action, consumer, parcel)
