"""State of task instances and assets as Firestore documents: each key has one of its own, and comes back as it was."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sailplane.cloud import state_codec
from sailplane.cloud.changes import Put, encode
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.state_store import AssetEntry, InvalidEntry, StateWriter, TaskEntry, WriterKind, check_key

ROOT = "projects/p/databases/d/documents"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = "0.000000000"
LONGEST_ID = 1500
"""Bytes of a document's id that Firestore allows."""


def task_entry(key: str, expires_at: datetime | None = None) -> TaskEntry:
    run, task = RunKey("etl", "first"), TaskKey("group.load", 3)
    return TaskEntry(run=run, task=task, key=key, value="[1]", updated_at=NOON, expires_at=expires_at, token=TOKEN)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_an_entry_of_a_task_comes_back_from_its_document(key: str) -> None:
    for entry in (task_entry(key), task_entry(key, expires_at=NOON)):
        assert state_codec.read_task_entry(encode(Put(entry), ROOT, 1).update) == entry


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=600))
def test_a_key_that_is_allowed_fits_into_a_documents_id(key: str) -> None:
    try:
        check_key(key)
    except InvalidEntry:
        return
    assert len(encode(Put(task_entry(key)), ROOT, 1).update.name.rpartition("/")[2]) <= LONGEST_ID


@pytest.mark.parametrize(
    "writer",
    [
        None,
        StateWriter(kind=WriterKind.API),
        StateWriter(kind=WriterKind.TASK, dag_id="etl", run_id="first", task_id="load", map_index=-1),
        StateWriter(kind=WriterKind.TASK, dag_id="etl", run_id="first", task_id="load", map_index=0),
    ],
)
def test_an_entry_of_an_asset_says_who_set_it(writer: StateWriter | None) -> None:
    entry = AssetEntry(asset=7, key="at/eu", value='""', updated_at=NOON, written_by=writer, token=TOKEN)
    assert state_codec.read_asset_entry(encode(Put(entry), ROOT, 1).update) == entry
