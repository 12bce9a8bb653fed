"""Keeping the write-ahead log short without making anybody wait.

A checkpoint copies the log into the database and waits for the disk, for tens of milliseconds at times. SQLite would do
it inside some unlucky commit; here a thread with a connection of its own does, beside which commits go on.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

KEPT_LOG_BYTES = 4 << 20
"""To this the log's file is cut when it begins anew."""
_COMMITS_BETWEEN_LOOKS = 64
_LONG_BYTES = 8 << 20
_TOO_LONG_BYTES = 64 << 20
"""Commits without a pause can keep the thread from ever reaching the end of the log; then the rest is done at once."""


CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """Checkpoints one database when its log has grown."""

    def __init__(self, path: Path, finish: Callable[[], object]) -> None:
        """`finish` checkpoints in the connection that commits."""
        self._path = path
        self._finish = finish
        self._log = path.with_name(path.name + "-wal")
        self._commits = 0
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """To be called after each commit."""
        self._commits += 1
        if self._commits % _COMMITS_BETWEEN_LOOKS == 0:
            self._look()

    def wait(self) -> None:
        """Until a checkpoint under way is done."""
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        size = self._log.stat().st_size
        if size > _TOO_LONG_BYTES:
            self._finish()
        elif size > _LONG_BYTES:
            self._thread = threading.Thread(target=self._run, name="firestore-checkpoint", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(CHECKPOINT)
        finally:
            connection.close()
