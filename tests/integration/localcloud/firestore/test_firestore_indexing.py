"""Indexes and the log on disk while documents come and go."""

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from localcloud.firestore.checkpoints import CHECKPOINT, KEPT_LOG_BYTES, Checkpoints

OPERATORS: dict[str, Any] = {
    "==": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "!=": lambda left, right: left != right,
    "array_contains": lambda left, right: right in left,
}


def change_some(db: firestore.Client, model: dict[str, dict[str, Any]], source: random.Random) -> None:
    """One commit of sets, updates and deletes, done to the database and the model alike."""
    batch = db.batch()
    for path in {f"a/x{source.randint(0, 1)}/tasks/t{source.randint(0, 60)}" for _ in range(25)}:
        if path in model and source.random() < 0.3:
            batch.delete(db.document(path))
            del model[path]
            continue
        data: dict[str, Any] = {field: source.randint(0, 3) for field in "ab" if source.random() < 0.8}
        if source.random() < 0.7:
            data["l"] = [source.randint(0, 3) for _ in range(source.randint(0, 3))]
        batch.set(db.document(path), data)
        model[path] = data
    batch.commit()


@pytest.mark.parametrize("seed", [1, 2])
def test_indexes_follow_every_change(db: firestore.Client, seed: int) -> None:
    source, model = random.Random(seed), dict[str, dict[str, Any]]()
    for _ in range(25):
        change_some(db, model, source)
        for _ in range(3):
            terms = [("a", source.choice(["==", "<", ">=", "!="]), source.randint(0, 3))]
            if source.random() < 0.5:
                terms.append(("l", "array_contains", source.randint(0, 3)))
            everywhere = source.random() < 0.5
            query = db.collection_group("tasks") if everywhere else db.collection("a/x1/tasks")
            for term in terms:
                query = query.where(filter=FieldFilter(*term))
            wanted = {
                path
                for path, data in model.items()
                if (everywhere or path.startswith("a/x1/"))
                and all(field in data and OPERATORS[operator](data[field], value) for field, operator, value in terms)
            }
            assert {found.reference.path for found in query.stream()} == wanted
            assert query.count().get()[0][0].value == len(wanted)


def committed(checkpoints: Checkpoints, count: int, connection: sqlite3.Connection) -> None:
    for _ in range(count):
        connection.execute("INSERT INTO blobs VALUES (zeroblob(200000))")
        checkpoints.committed()


@pytest.mark.parametrize("passes", [1, 6])
def test_the_log_on_disk_is_cut_when_it_has_grown(tmp_path: Path, passes: int) -> None:
    path = tmp_path / "some.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA journal_size_limit = {KEPT_LOG_BYTES}")
    connection.execute("CREATE TABLE blobs (content BLOB)")
    checkpoints = Checkpoints(path, lambda: connection.execute(CHECKPOINT).fetchall())
    for _ in range(passes):
        committed(checkpoints, 64, connection)
        checkpoints.wait()
    committed(checkpoints, 1, connection)
    assert path.with_name("some.sqlite-wal").stat().st_size <= KEPT_LOG_BYTES
    connection.close()
