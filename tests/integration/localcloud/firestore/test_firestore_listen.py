"""Listening to documents and queries with the client's on_snapshot."""

import queue
from collections.abc import Iterator
from typing import Any

import pytest
from conformance import emulator_differs
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter


class Snapshots:
    """Receives snapshots; `next` waits for one."""

    def __init__(self) -> None:
        self._arrived: queue.Queue[Any] = queue.Queue()

    def __call__(self, documents: Any, changes: Any, _read_time: Any) -> None:
        self._arrived.put(
            ([found.id for found in documents], [(change.type.name, change.document.id) for change in changes])
        )

    def next(self) -> Any:
        return self._arrived.get(timeout=10)

    def is_quiet(self) -> bool:
        return self._arrived.empty()


@pytest.fixture
def listen() -> Iterator[Any]:
    """Listens to what it is given until the end of the test."""
    watches = []

    def start(target: Any) -> Snapshots:
        snapshots = Snapshots()
        watches.append(target.on_snapshot(snapshots))
        return snapshots

    yield start
    for watch in watches:
        watch.unsubscribe()


def test_a_document_is_followed_from_missing_to_written_to_deleted(db: firestore.Client, listen: Any) -> None:
    document = db.document("c/d")
    snapshots = listen(document)
    assert snapshots.next() == ([], [])
    document.set({"n": 1})
    assert snapshots.next() == (["d"], [("ADDED", "d")])
    document.set({"n": 2})
    assert snapshots.next() == (["d"], [("MODIFIED", "d")])
    db.document("c/else").set({})
    document.delete()
    assert snapshots.next() == ([], [("REMOVED", "d")])


def test_a_query_is_followed_as_documents_enter_and_leave_it(db: firestore.Client, listen: Any) -> None:
    db.document("c/a").set({"n": 1})
    db.document("c/z").set({"n": 0})
    snapshots = listen(db.collection("c").where(filter=FieldFilter("n", ">", 0)).order_by("n"))
    assert snapshots.next() == (["a"], [("ADDED", "a")])
    db.document("c/b").set({"n": 2})
    assert snapshots.next() == (["a", "b"], [("ADDED", "b")])
    db.document("c/z").set({"n": 0, "m": 1})
    db.document("other/b").set({"n": 2})
    db.document("c/a").update({"n": 5})
    assert snapshots.next() == (["b", "a"], [("MODIFIED", "a")])
    db.document("c/a").update({"n": 0})
    assert snapshots.next() == (["b"], [("REMOVED", "a")])
    db.document("c/b").delete()
    assert snapshots.next() == ([], [("REMOVED", "b")])


def test_the_changes_of_one_commit_arrive_as_one_snapshot(db: firestore.Client, listen: Any) -> None:
    snapshots = listen(db.collection("c"))
    assert snapshots.next() == ([], [])
    batch = db.batch()
    for name in "abc":
        batch.set(db.document(f"c/{name}"), {})
    batch.commit()
    assert snapshots.next() == (["a", "b", "c"], [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")])
    assert snapshots.is_quiet()


def test_a_limited_query_lets_the_next_document_move_up(db: firestore.Client, listen: Any) -> None:
    for name, n in (("a", 1), ("b", 2), ("c", 3)):
        db.document(f"c/{name}").set({"n": n})
    snapshots = listen(db.collection("c").order_by("n").limit(2))
    assert snapshots.next()[0] == ["a", "b"]
    db.document("c/a").delete()
    assert snapshots.next() == (["b", "c"], [("REMOVED", "a"), ("ADDED", "c")])


def test_a_collection_group_can_be_followed(db: firestore.Client, listen: Any) -> None:
    snapshots = listen(db.collection_group("tasks"))
    assert snapshots.next() == ([], [])
    db.document("a/x/tasks/1").set({})
    assert snapshots.next() == (["1"], [("ADDED", "1")])


def test_targets_are_added_and_removed_by_id(db: firestore.Client) -> None:
    database = db._database_string
    name = db.document("c/d")._document_path
    target = {"documents": {"documents": [name]}, "target_id": 7, "resume_token": b"1"}
    requests: queue.Queue[Any] = queue.Queue()
    requests.put({"database": database, "add_target": target})
    requests.put({"database": database, "remove_target": 7})
    requests.put(None)
    responses = db._firestore_api.listen(iter(requests.get, None))
    told = [
        (response.target_change.target_change_type.name, list(response.target_change.target_ids))
        if "target_change" in response
        else response.document_delete.document
        for response in responses
    ]
    assert told == [("ADD", [7]), ("RESET", [7]), name, ("CURRENT", [7]), ("NO_CHANGE", []), ("REMOVE", [7])]


@emulator_differs("it ends the whole stream with UNKNOWN")
def test_a_target_that_cannot_be_is_removed_with_its_cause(db: firestore.Client) -> None:
    query = {"from_": [{"collection_id": "c"}], "limit": -1}
    target = {"query": {"parent": f"{db._database_string}/documents", "structured_query": query}, "target_id": 1}
    responses = list(db._firestore_api.listen(iter([{"database": db._database_string, "add_target": target}])))
    assert responses[0].target_change.target_change_type.name == "REMOVE"
    assert responses[0].target_change.cause.code == 3
