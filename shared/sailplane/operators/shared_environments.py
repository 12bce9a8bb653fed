"""Python environments in the bucket: what one worker instance built the others fetch, instead of building it too."""

import hashlib
import tarfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sailplane.model.errors import SailplaneError
from sailplane.model.execution import ChildServices
from sailplane.model.shelf import ShelfKind, ShelfRequest, ShelfVerb

WORTH_SHARING = timedelta(seconds=5)
"""What is built quicker is not packed: fetching and unpacking would take as long."""
_QUICK = 1
"""Level of compression: packages are mostly machine code and text that is read once."""


class SharedEnvironments:
    """Brings finished environments to the bucket and back.

    Nothing here fails a task: an environment that cannot be fetched is built, one that cannot be left is not.
    """

    def __init__(
        self, services: ChildServices, say: Callable[[str], None], worth_sharing: timedelta = WORTH_SHARING
    ) -> None:
        self._services = services
        self._say = say
        self._worth_sharing = worth_sharing

    def fetch(self, folder: Path) -> bool:
        """Make `folder`, which does not exist, of what another instance left. False when nothing of use is there."""
        packed = _packed(folder)
        try:
            if self._services.shelf(_request(ShelfVerb.GET, folder)) is None:
                return False
            with tarfile.open(packed) as archive:
                archive.extractall(folder, filter="tar")
        except (SailplaneError, OSError, tarfile.TarError, EOFError) as error:
            self._say(f"The environment that another worker built cannot be fetched: {error}")
            return False
        finally:
            packed.unlink(missing_ok=True)
        # A Python that was fetched for the environment stayed on the machine that built it.
        return (folder / "bin" / "python").exists()

    def leave(self, folder: Path, built_in: timedelta) -> None:
        """Leave the finished environment in `folder` for others, if building it took long enough."""
        if built_in < self._worth_sharing:
            return
        packed = _packed(folder)
        started = time.monotonic()
        try:
            with tarfile.open(packed, "w:gz", compresslevel=_QUICK) as archive:
                archive.add(folder, arcname=".")
            self._services.shelf(_request(ShelfVerb.PUT, folder))
        except (SailplaneError, OSError) as error:
            self._say(f"The environment stays with this worker: {error}")
        else:
            self._say(f"Left the environment for other workers in {time.monotonic() - started:.1f} s")
        finally:
            packed.unlink(missing_ok=True)


def _packed(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.tar.gz")


def _request(verb: ShelfVerb, folder: Path) -> ShelfRequest:
    """Programs in an environment name its folder, so it is shared only among those that have it at the same place."""
    place = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = f"{folder.name}-{place}.tar.gz"
    return ShelfRequest(verb=verb, kind=ShelfKind.ENVIRONMENT, name=name, file=str(_packed(folder)))
