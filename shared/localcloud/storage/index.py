"""The metadata of objects, in SQLite: a write costs one row, not the rewriting of all that is stored."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

Resource = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, name TEXT NOT NULL, resource TEXT NOT NULL, path TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notifications (
    bucket TEXT NOT NULL, id INTEGER NOT NULL, resource TEXT NOT NULL,
    PRIMARY KEY (bucket, id)
) WITHOUT ROWID;
"""
_AFTER_ALL_NAMES = "\U0010ffff"


class ObjectIndex:
    """Rows of objects and notification configurations. Every change is committed when the method returns."""

    def __init__(self, path: Path) -> None:
        # One call at a time, though large ones run in another thread: see StorageService.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA cache_size = -1024")
        self._db.executescript(_SCHEMA)
        self._notifications: dict[str, list[Resource]] = {}
        """Those of buckets that were asked about since their last change: every write of an object asks."""

    def close(self) -> None:
        self._db.close()

    def get(self, bucket: str, name: str) -> Resource | None:
        row = self._db.execute("SELECT resource FROM objects WHERE bucket = ? AND name = ?", (bucket, name)).fetchone()
        return json.loads(row[0]) if row is not None else None

    def path(self, bucket: str, name: str) -> str | None:
        """Where the object's content lies, below the root of the store."""
        row = self._db.execute("SELECT path FROM objects WHERE bucket = ? AND name = ?", (bucket, name)).fetchone()
        return row[0] if row is not None else None

    def put(self, bucket: str, name: str, resource: Mapping[str, Any], path: str) -> None:
        self._db.execute(
            "INSERT INTO objects VALUES (?, ?, ?, ?) "
            "ON CONFLICT (bucket, name) DO UPDATE SET resource = excluded.resource, path = excluded.path",
            (bucket, name, json.dumps(resource), path),
        )

    def update(self, bucket: str, name: str, resource: Mapping[str, Any]) -> None:
        self._db.execute(
            "UPDATE objects SET resource = ? WHERE bucket = ? AND name = ?", (json.dumps(resource), bucket, name)
        )

    def delete(self, bucket: str, name: str) -> bool:
        cursor = self._db.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (bucket, name))
        return cursor.rowcount > 0

    def delete_bucket(self, bucket: str) -> None:
        self._notifications.pop(bucket, None)
        self._db.execute("DELETE FROM objects WHERE bucket = ?", (bucket,))
        self._db.execute("DELETE FROM notifications WHERE bucket = ?", (bucket,))

    def count(self, bucket: str) -> int:
        row = self._db.execute("SELECT count(*) FROM objects WHERE bucket = ?", (bucket,)).fetchone()
        return int(row[0])

    def scan(self, bucket: str, first: str = "", before: str = _AFTER_ALL_NAMES) -> Iterator[tuple[str, Resource]]:
        """Objects with `first <= name < before`, in the order of their names' UTF-8 bytes."""
        rows = self._db.execute(
            "SELECT name, resource FROM objects WHERE bucket = ? AND name >= ? AND name < ? ORDER BY name",
            (bucket, first, before),
        )
        return ((name, json.loads(resource)) for name, resource in rows)

    def path_of_generation(self, generation: str) -> str | None:
        """Where the content of a live generation belongs; None where no object has that generation."""
        rows = self._db.execute("SELECT path, resource FROM objects WHERE resource LIKE ?", (f'%"{generation}"%',))
        return next((path for path, resource in rows if json.loads(resource)["generation"] == generation), None)

    def add_notification(self, bucket: str, resource: Resource) -> Resource:
        """Store a notification configuration under the bucket's next id."""
        self._notifications.pop(bucket, None)
        row = self._db.execute("SELECT max(id) FROM notifications WHERE bucket = ?", (bucket,)).fetchone()
        id_ = (row[0] or 0) + 1
        stored = {**resource, "id": str(id_), "etag": str(id_)}
        self._db.execute("INSERT INTO notifications VALUES (?, ?, ?)", (bucket, id_, json.dumps(stored)))
        return stored

    def notifications(self, bucket: str) -> list[Resource]:
        known = self._notifications.get(bucket)
        if known is None:
            rows = self._db.execute("SELECT resource FROM notifications WHERE bucket = ? ORDER BY id", (bucket,))
            known = self._notifications[bucket] = [json.loads(resource) for (resource,) in rows]
        return known

    def delete_notification(self, bucket: str, id_: str) -> bool:
        self._notifications.pop(bucket, None)
        cursor = self._db.execute("DELETE FROM notifications WHERE bucket = ? AND id = ?", (bucket, id_))
        return cursor.rowcount > 0


class BucketObjects(MutableMapping[str, Resource]):
    """One bucket's objects as the mapping that the emulator's code expects."""

    def __init__(self, index: ObjectIndex, bucket: str) -> None:
        self._index = index
        self._bucket = bucket

    def __getitem__(self, name: str) -> Resource:
        resource = self._index.get(self._bucket, name)
        if resource is None:
            raise KeyError(name)
        return resource

    def __setitem__(self, name: str, resource: Resource) -> None:
        self._index.update(self._bucket, name, resource)

    def __delitem__(self, name: str) -> None:
        if not self._index.delete(self._bucket, name):
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _resource in self._index.scan(self._bucket))

    def __len__(self) -> int:
        return self._index.count(self._bucket)

    def __bool__(self) -> bool:
        return True


class AllObjects(MutableMapping[str, BucketObjects]):
    """All buckets' objects as the mapping of mappings that the emulator's code expects."""

    def __init__(self, index: ObjectIndex) -> None:
        self._index = index

    def __getitem__(self, bucket: str) -> BucketObjects:
        return BucketObjects(self._index, bucket)

    def __setitem__(self, bucket: str, objects: BucketObjects) -> None:
        """The emulator assigns back what it got: nothing to do, the view writes through."""

    def __delitem__(self, bucket: str) -> None:
        self._index.delete_bucket(bucket)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
