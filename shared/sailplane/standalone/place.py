"""The files by which a running standalone is found, for who needs no more than that."""

import fcntl
from pathlib import Path

ENVIRONMENT_FILE = "environment.json"
"""Where a running standalone notes the variables that lead to it."""
LOCK_FILE = "standalone.lock"
"""Held by a running standalone as long as it lives, however it ends."""


def is_held(home: Path) -> bool:
    """Whether a standalone runs in `home`."""
    try:
        with (home / LOCK_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
