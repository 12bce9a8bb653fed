"""Who receives messages, and what they receive."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from localcloud.pubsub.delivery import Entry, State
from localcloud.pubsub.errors import PubSubError
from localcloud.pubsub.wire import Pb


class Parcel(NamedTuple):
    """A message on its way out under a lease."""

    entry: Entry
    lease: int
    message: Pb

    @property
    def ack_id(self) -> str:
        return f"{self.entry.id}-{self.lease}"


class Room(NamedTuple):
    """How much a consumer can take now."""

    messages: int
    size: float


class Consumer(Protocol):
    """Someone who pulls: a waiting Pull call or an open stream."""

    @property
    def lease_seconds(self) -> float: ...

    def room(self) -> Room: ...

    def deliver(self, parcels: Sequence[Parcel]) -> None: ...

    def end(self, error: PubSubError) -> None:
        """The subscription ends; nothing comes any more."""


class Tally(ABC):
    """An owner that keeps count of the messages it has."""

    @abstractmethod
    def leased(self, entry: Entry) -> None:
        """It got one."""

    @abstractmethod
    def released(self, entry: Entry) -> None:
        """One of its own was acknowledged or taken back."""


def is_current(entry: Entry, lease: int) -> bool:
    """Whether that lease of the message still runs."""
    return entry.state is State.LEASED and entry.lease == lease
