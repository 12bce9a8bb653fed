"""The SQLite file: documents, which collections there are, and index entries.

One connection, used in the event loop's thread only: a commit takes tens of microseconds, less than handing it to a
thread would. WAL with synchronous=NORMAL: the commit is a write to the page cache without waiting for the disk, so
nothing acknowledged is lost when the process is killed, and a power cut may take back the last commits but cannot
corrupt the file, which with synchronous=OFF it could.
"""

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from .checkpoints import CHECKPOINT, KEPT_LOG_BYTES, Checkpoints
from .documents import Stored
from .paths import PREFIX_BYTES, collection_of

_SCHEMA = """
CREATE TABLE IF NOT EXISTS databases (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS documents (
    key BLOB PRIMARY KEY, created INTEGER NOT NULL, updated INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS collections (key BLOB PRIMARY KEY, grouping BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS collections_by_id ON collections (grouping);
CREATE TABLE IF NOT EXISTS indexes (number INTEGER PRIMARY KEY, grouping BLOB NOT NULL, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS covered (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID;
"""
_ROW = "d.key, d.created, d.updated, d.body"
_KNOWN_COLLECTIONS = 50_000
_CHUNK = 256
_FEW = 4
"""Up to so many documents are quicker fetched one by one, often from those just written."""
_RECENT_DOCUMENTS = 2048
_RECENT_BYTES = 4096


class Change(NamedTuple):
    """What a commit does to one document."""

    key: bytes
    group: bytes
    """See `grouping`."""
    before: Stored | None
    after: Stored | None


class Entry(NamedTuple):
    """One row of an index: its key holds the index number, the indexed values and the name."""

    key: bytes
    document: bytes


class Hit(NamedTuple):
    """A document found through an index."""

    entry: bytes
    document: Stored


def grouping(prefix: bytes, collection_id: str) -> bytes:
    """What all collections of one id in one database have in common."""
    return prefix + collection_id.encode()


class Storage:
    """Documents by key, in key order. Not thread-safe."""

    def __init__(self, path: Path, *, is_view: bool = False) -> None:
        """Opens or creates the file; RuntimeError if another process has it open."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = None if is_view else _lock(path.with_name(path.name + "-lock"))
        self._db = _connect(path)
        self._db.executescript(_SCHEMA)
        self._prefixes: dict[str, bytes] = {
            name: _prefix(number) for number, name in self._db.execute("SELECT * FROM databases")
        }
        self._known: set[bytes] = set()
        self._recent: dict[bytes, Stored] = {}
        self._checkpoints = Checkpoints(path, lambda: self._db.execute(CHECKPOINT).fetchall())

    def close(self) -> None:
        self._checkpoints.wait()
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    def snapshot(self) -> "Storage":
        """A second view that goes on seeing what is stored now. To be read only, and closed."""
        view = Storage(self._path, is_view=True)
        view._db.execute("BEGIN")
        view._db.execute("SELECT 1 FROM documents LIMIT 1").fetchall()
        return view

    def prefix(self, database: str) -> bytes:
        """The key prefix of a database, given out when it is first heard of."""
        found = self._prefixes.get(database)
        if found is None:
            number = self._db.execute("INSERT INTO databases (name) VALUES (?)", (database,)).lastrowid
            found = _prefix(number or 0)
            self._prefixes[database] = found
        return found

    def get(self, key: bytes) -> Stored | None:
        found = self._recent.get(key)
        if found is not None:
            return found
        row = self._db.execute("SELECT key, created, updated, body FROM documents WHERE key = ?", (key,)).fetchone()
        return None if row is None else Stored(*row)

    def get_many(self, keys: list[bytes]) -> dict[bytes, Stored]:
        """Those of the documents that exist, by key."""
        if len(keys) <= _FEW:
            return {key: one for key in keys if (one := self.get(key)) is not None}
        found: dict[bytes, Stored] = {}
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            sql = f"SELECT {_ROW} FROM documents d WHERE d.key IN ({','.join('?' * len(chunk))})"
            found.update((row[0], Stored(*row)) for row in self._db.execute(sql, chunk))
        return found

    def scan(self, low: bytes, high: bytes, *, reverse: bool = False, limit: int = -1, offset: int = 0) -> list[Stored]:
        """The documents with low <= key < high."""
        sql = f"SELECT {_ROW} FROM documents d WHERE d.key >= ? AND d.key < ? {_order('d', reverse)}"
        return [Stored(*row) for row in self._db.execute(sql, (low, high, limit, offset))]

    def iterate(self, low: bytes, high: bytes) -> Iterator[Stored]:
        """As `scan` in key order, a few documents at a time; the file must not change meanwhile."""
        sql = f"SELECT {_ROW} FROM documents d WHERE d.key >= ? AND d.key < ? ORDER BY d.key"
        return (Stored(*row) for row in self._db.execute(sql, (low, high)))

    def keys(self, low: bytes, high: bytes, limit: int = -1) -> list[bytes]:
        sql = "SELECT key FROM documents WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
        return [row[0] for row in self._db.execute(sql, (low, high, limit))]

    def count(self, low: bytes, high: bytes, limit: int = -1) -> int:
        return self._count("documents", low, high, limit)

    def collections_named(self, group: bytes) -> list[bytes]:
        """The keys of the collections of one id; some of them may be empty."""
        return [row[0] for row in self._db.execute("SELECT key FROM collections WHERE grouping = ?", (group,))]

    def find(self, low: bytes, high: bytes, *, reverse: bool, limit: int = -1, offset: int = 0) -> list[Hit]:
        """The documents of the index entries with low <= key < high, in entry order."""
        cursor = self._db.execute(_find(reverse), (low, high, limit, offset))
        return [Hit(entry, Stored(*rest)) for entry, *rest in cursor]

    def find_lazily(self, low: bytes, high: bytes, *, reverse: bool) -> Iterator[Hit]:
        """As `find`, a few at a time; the file must not change meanwhile."""
        cursor = self._db.execute(_find(reverse), (low, high, -1, 0))
        while rows := cursor.fetchmany(_CHUNK):
            for entry, *rest in rows:
                yield Hit(entry, Stored(*rest))

    def count_entries(self, low: bytes, high: bytes, limit: int = -1) -> int:
        return self._count("entries", low, high, limit)

    def _count(self, table: str, low: bytes, high: bytes, limit: int) -> int:
        sql = f"SELECT COUNT(*) FROM (SELECT 1 FROM {table} WHERE key >= ? AND key < ? LIMIT ?)"
        return int(self._db.execute(sql, (low, high, limit)).fetchone()[0])

    def commit(self, changes: Iterable[Change], added: list[Entry], removed: list[bytes]) -> None:
        """Store the changes and their index entries, all or nothing; they survive the death of the process."""
        execute = self._db.execute
        execute("BEGIN IMMEDIATE")
        try:
            self._store(changes)
            if removed:
                self._db.executemany("DELETE FROM entries WHERE key = ?", ((key,) for key in removed))
            if added:
                self._db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", added)
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            self._known.clear()
            self._recent.clear()
            raise
        self._checkpoints.committed()

    def _store(self, changes: Iterable[Change]) -> None:
        inserted: list[Stored] = []
        updated: list[tuple[int, int, bytes, bytes]] = []
        deleted: list[tuple[bytes]] = []
        for key, group, before, after in changes:
            if after is None:
                if before is not None:
                    deleted.append((key,))
                    self._recent.pop(key, None)
            elif before is None:
                inserted.append(after)
                self._remember_collection(key, group)
                self._keep(after)
            elif before is not after:
                updated.append((after.created, after.updated, after.body, key))
                self._keep(after)
        if inserted:
            self._db.executemany("INSERT INTO documents VALUES (?, ?, ?, ?)", inserted)
        if updated:
            self._db.executemany("UPDATE documents SET created = ?, updated = ?, body = ? WHERE key = ?", updated)
        if deleted:
            self._db.executemany("DELETE FROM documents WHERE key = ?", deleted)

    def _keep(self, document: Stored) -> None:
        """Remember a document just written: as a rule it is the next one to be asked for."""
        if len(self._recent) >= _RECENT_DOCUMENTS:
            self._recent.clear()
        if len(document.body) <= _RECENT_BYTES:
            self._recent[document.key] = document
        else:
            self._recent.pop(document.key, None)

    def _remember_collection(self, key: bytes, group: bytes) -> None:
        collection = collection_of(key)
        if collection in self._known:
            return
        if len(self._known) >= _KNOWN_COLLECTIONS:
            self._known.clear()
        self._db.execute("INSERT OR IGNORE INTO collections VALUES (?, ?)", (collection, group))
        self._known.add(collection)

    def index_definitions(self) -> list[tuple[int, bytes, str]]:
        """The number, grouping and definition of each index that has been built."""
        return self._db.execute("SELECT number, grouping, definition FROM indexes ORDER BY number").fetchall()

    def add_index(self, number: int, group: bytes, definition: str) -> None:
        self._db.execute("INSERT INTO indexes VALUES (?, ?, ?)", (number, group, definition))

    def covers(self, key: bytes) -> bool:
        """Whether what `key` stands for has been marked by `cover`."""
        return self._db.execute("SELECT 1 FROM covered WHERE key = ?", (key,)).fetchone() is not None

    def cover(self, key: bytes, entries: Iterable[Entry]) -> None:
        """Store index entries and the mark that they are there, all or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", entries)
            self._db.execute("INSERT INTO covered VALUES (?)", (key,))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise


def _prefix(number: int) -> bytes:
    return number.to_bytes(PREFIX_BYTES, "big")


def _order(alias: str, reverse: bool) -> str:
    return f"ORDER BY {alias}.key {'DESC' if reverse else 'ASC'} LIMIT ? OFFSET ?"


def _find(reverse: bool) -> str:
    return (
        f"SELECT e.key, {_ROW} FROM entries e CROSS JOIN documents d ON d.key = e.document "
        f"WHERE e.key >= ? AND e.key < ? {_order('e', reverse)}"
    )


def _lock(path: Path) -> IO[bytes]:
    """Hold the file for this process: what one remembers of it would be wrong if another wrote to it."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RuntimeError(f"{path.parent} is in use: another local Firestore runs on it.") from None
    return file


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, cached_statements=256, check_same_thread=False)
    db.execute("PRAGMA page_size = 4096")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA cache_size = -16384")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute(f"PRAGMA journal_size_limit = {KEPT_LOG_BYTES}")
    return db
