"""Where the clients are made: lazily, once per process."""

from dataclasses import dataclass, field

from sailplane.cloud.blobs import Blobs
from sailplane.cloud.bus import Bus
from sailplane.cloud.clock import StoreClock
from sailplane.cloud.settings import Settings
from sailplane.cloud.store import Store
from sailplane.cloud.tally import Tally


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The three services that Sailplane stands on."""

    settings: Settings
    store: Store
    bus: Bus
    blobs: Blobs
    tally: Tally = field(default_factory=Tally)
    """What each thread had them read."""

    @property
    def clock(self) -> StoreClock:
        """The clock of every entry point that this cloud serves."""
        return self.store.clock

    def close(self) -> None:
        self.store.close()


def connect(settings: Settings) -> Cloud:
    """The services that `settings` name. Nothing is called yet."""
    tally = Tally()
    blobs = Blobs(settings, tally)
    store = Store(settings, blobs.read, tally)
    return Cloud(settings=settings, store=store, bus=Bus(settings), blobs=blobs, tally=tally)
