"""The folder that a deployment stages into, held by one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sailplane.model.errors import SettingsError

_LOCK = "lock"


@contextmanager
def held(workspace: Path) -> Iterator[None]:
    """The workspace, for this process alone: gcloud uploads what lies there, which another one would empty.

    Raises `SettingsError` when another process has it. The system gives it back, however this one ends.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"another `sailplane deploy` works in {workspace}: let it end, or give this one a folder of its own "
                "with --workspace"
            ) from None
        yield
