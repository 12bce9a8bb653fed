"""Where the clients are made: lazily, once per process."""

from dataclasses import dataclass

from sailplane.cloud.blobs import Blobs
from sailplane.cloud.bus import Bus
from sailplane.cloud.settings import Settings
from sailplane.cloud.store import Store


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The three services that Sailplane stands on."""

    settings: Settings
    store: Store
    bus: Bus
    blobs: Blobs

    def close(self) -> None:
        self.store.close()


def connect(settings: Settings) -> Cloud:
    """The services that `settings` name. Nothing is called yet."""
    blobs = Blobs(settings)
    return Cloud(settings=settings, store=Store(settings, blobs.read), bus=Bus(settings), blobs=blobs)
