"""One local cloud at a time in a data directory."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory. Raises OSError when another process does; the kernel lets go when a holder dies."""
    with (data_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"{data_dir} is in use by another local cloud: stop that one or choose another directory"
            raise OSError(errno.EBUSY, message) from error
        yield
