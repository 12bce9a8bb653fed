"""Everything that outlives the process, in one SQLite file.

Three kinds of resources hold messages: a subscription its backlog, a snapshot what it keeps for a later seek, and a
topic its log (where it has a message retention). Each holder has its own copy of a message, so that taking
one away is one row and needs no reference counts; with one subscription to a topic there is one copy.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from localcloud.pubsub.names import Kind

# The backlog is not WITHOUT ROWID: there, every search that passes a row of megabytes reads all of it.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind, name)
);
CREATE TABLE IF NOT EXISTS backlog (
    holder INTEGER NOT NULL, message INTEGER NOT NULL, published REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, acked INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL,
    PRIMARY KEY (holder, message)
);
"""

_LOCK_SECONDS = 1.0
"""How long to wait for another process to let go of the file."""
_DELETE = "DELETE FROM backlog WHERE holder = ? AND message = ?"
_MARK = "UPDATE backlog SET acked = 1 WHERE holder = ? AND message = ?"
_BODY = "SELECT body FROM backlog WHERE holder = ? AND message = ?"
_ATTEMPTS = "UPDATE backlog SET attempts = ?3 WHERE holder = ?1 AND message = ?2"


class Row(NamedTuple):
    """A message as one holder has it. A tuple, because it goes into SQL as it is."""

    holder: int
    message: int
    published: float
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A message read back."""

    message: int
    attempts: int
    body: bytes


class Store:
    """The file. Every method that changes something has committed when it returns, except those named `..._soon`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._soon: list[tuple[str, tuple[int, ...]]] = []

    def open(self, *, call_soon: Callable[[Callable[[], None]], object]) -> None:
        """Open the file, or make it, for this process alone.

        `call_soon` calls what it is given when all that happens now is done. Raises OSError if another process has it.
        """
        self._call_soon = call_soon
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=_LOCK_SECONDS)
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            self._db.close()
            raise OSError(f"Cannot use {self._path}: {error}. Does another local cloud run on it? Stop it.") from error
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self.flush()
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside become visible and durable together, or none does. May be nested."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            written = self._write_soon()
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        del self._soon[:written]

    def flush(self) -> None:
        """Commit what was left for soon."""
        if self._soon:
            with self.transaction():
                pass

    def resources(self, kind: Kind) -> list[tuple[int, bytes]]:
        """Id and body of all resources of a kind."""
        return self._db.execute("SELECT id, body FROM resources WHERE kind = ? ORDER BY name", (kind.value,)).fetchall()

    def create(self, kind: Kind, name: str, body: bytes) -> int:
        """Store a new resource; returns its id, which is never used again."""
        with self.transaction():
            row = self._db.execute(
                "INSERT INTO resources (kind, name, body) VALUES (?, ?, ?)", (kind.value, name, body)
            ).lastrowid
        assert row is not None
        return row

    def update(self, resource: int, body: bytes) -> None:
        with self.transaction():
            self._db.execute("UPDATE resources SET body = ? WHERE id = ?", (body, resource))

    def delete(self, resource: int) -> None:
        """Delete a resource and all messages that it holds."""
        with self.transaction():
            self._db.execute("DELETE FROM resources WHERE id = ?", (resource,))
            self.clear(resource)

    def newest_message(self) -> int:
        """The highest message id on file, 0 without any."""
        return int(self._db.execute("SELECT coalesce(max(message), 0) FROM backlog").fetchone()[0])

    def add(self, rows: Sequence[Row]) -> None:
        """Store messages, all or none."""
        with self.transaction():
            self._db.executemany("INSERT INTO backlog (holder, message, published, body) VALUES (?, ?, ?, ?)", rows)

    def acknowledge(self, holder: int, messages: Iterable[int], *, keep: bool) -> None:
        """Take messages out of a backlog; with `keep` they stay on file as acknowledged."""
        with self.transaction():
            self._db.executemany(_MARK if keep else _DELETE, [(holder, message) for message in messages])

    def acknowledge_soon(self, holder: int, message: int, *, keep: bool) -> None:
        """Like `acknowledge`, together with all others of this moment."""
        self._later(_MARK if keep else _DELETE, (holder, message))

    def count_attempts_soon(self, holder: int, message: int, attempts: int) -> None:
        """Remember how often a message was delivered."""
        self._later(_ATTEMPTS, (holder, message, attempts))

    def page(self, holder: int, *, after: int, messages: int, size: int) -> list[Stored]:
        """The next unacknowledged messages in order of id, up to `messages` and about `size` bytes."""
        found: list[Stored] = []
        self.flush()
        cursor = self._db.execute(
            "SELECT message, attempts, body FROM backlog WHERE holder = ? AND message > ? AND acked = 0"
            " ORDER BY message LIMIT ?",
            (holder, after, messages),
        )
        for message, attempts, body in cursor:
            found.append(Stored(message=message, attempts=attempts, body=body))
            size -= len(body)
            if size <= 0:
                break
        cursor.close()
        return found

    def body(self, holder: int, message: int) -> bytes | None:
        """One message's bytes; None if the holder does not have it any more."""
        row = self._db.execute(_BODY, (holder, message)).fetchone()
        return None if row is None else row[0]

    def clear(self, holder: int) -> None:
        """Drop all messages of a holder."""
        with self.transaction():
            self._db.execute("DELETE FROM backlog WHERE holder = ?", (holder,))

    def oldest_unacked(self, holder: int) -> float | None:
        """When the oldest unacknowledged message was published."""
        row = self._db.execute(
            "SELECT min(published) FROM backlog WHERE holder = ? AND acked = 0", (holder,)
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def oldest(self, holder: int) -> float | None:
        """When the oldest message on file was published, acknowledged or not."""
        row = self._db.execute("SELECT min(published) FROM backlog WHERE holder = ?", (holder,)).fetchone()
        return None if row[0] is None else float(row[0])

    def expire(self, holder: int, before: float) -> list[int]:
        """Drop messages published before an instant; returns their ids."""
        with self.transaction():
            rows = self._db.execute(
                "DELETE FROM backlog WHERE holder = ? AND published < ? RETURNING message", (holder, before)
            ).fetchall()
        return [row[0] for row in rows]

    def seek_to_time(self, holder: int, instant: float, *, keep: bool) -> None:
        """What was published before `instant` counts as acknowledged, what was published since does not."""
        with self.transaction():
            self._db.execute("UPDATE backlog SET acked = published < ? WHERE holder = ?", (instant, holder))
            self._drop_acked_unless(holder, keep)

    def acknowledge_all(self, holder: int, *, keep: bool) -> None:
        with self.transaction():
            self._db.execute("UPDATE backlog SET acked = 1 WHERE holder = ?", (holder,))
            self._drop_acked_unless(holder, keep)

    def _drop_acked_unless(self, holder: int, keep: bool) -> None:
        if not keep:
            self._db.execute("DELETE FROM backlog WHERE holder = ? AND acked = 1", (holder,))

    def copy(
        self, source: int, target: int, *, since: float, passes: Callable[[bytes], bool] | None, only_unacked: bool
    ) -> None:
        """Make unacknowledged in `target` what `source` holds since an instant, where `passes` lets it through."""
        with self.transaction():
            rows = self._db.execute(
                "SELECT message, published, body FROM backlog WHERE holder = ? AND published >= ? AND acked <= ?",
                (source, since, 0 if only_unacked else 1),
            )
            self._db.executemany(
                "INSERT INTO backlog (holder, message, published, body) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET acked = 0",
                ((target, *row) for row in rows.fetchall() if passes is None or passes(row[2])),
            )

    def _later(self, sql: str, parameters: tuple[int, ...]) -> None:
        if not self._soon:
            self._call_soon(self.flush)
        self._soon.append((sql, parameters))

    def _write_soon(self) -> int:
        for sql, parameters in self._soon:
            self._db.execute(sql, parameters)
        return len(self._soon)
