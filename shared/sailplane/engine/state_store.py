"""What tasks and people keep under the keys of a task instance or an asset.

Each entry is a document of its own, so that setting one needs no reading of the others. The last to set it wins, as
in Airflow: a try that lost its lease may still set something before it is stopped.
"""

from collections.abc import Sequence
from datetime import datetime

from sailplane.cloud import state_codec
from sailplane.cloud.changes import Change, Delete, Put
from sailplane.cloud.codec import path_of
from sailplane.cloud.store import Store
from sailplane.model.errors import NotFound
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.state_store import (
    AssetEntry,
    StateOwner,
    StateRequest,
    StateVerb,
    StateWriter,
    TaskEntry,
    WriterKind,
)
from sailplane.model.usage import NOTHING, Usage

_BATCH = 400


def answer(store: Store, run: RunKey, request: StateRequest, now: datetime) -> tuple[str | None, Usage]:
    """What a task of `run` asked for, and what it cost in writes and deletions."""
    if request.owner is StateOwner.TASK:
        return _of_task(store, run, request, now)
    return _of_asset(store, run, request, now)


def _of_task(store: Store, run: RunKey, request: StateRequest, now: datetime) -> tuple[str | None, Usage]:
    match request.verb:
        case StateVerb.GET:
            entry = task_entry(store, run, request.task, request.key, now)
            return (None if entry is None else entry.value), NOTHING
        case StateVerb.SET:
            expires_at = request.expires_at
            made = TaskEntry(
                run=run, task=request.task, key=request.key, value=request.value, updated_at=now, expires_at=expires_at
            )
            store.commit([Put(made)])
            return None, Usage(writes=1)
        case StateVerb.DELETE:
            store.commit([Delete(state_codec.task_entry_path(run, request.task, request.key))])
            return None, Usage(deletes=1)
        case StateVerb.CLEAR:
            return None, Usage(deletes=clear_task(store, run, request.task))


def _of_asset(store: Store, run: RunKey, request: StateRequest, now: datetime) -> tuple[str | None, Usage]:
    name = request.asset_name
    if not name:
        raise NotFound(f"there is no asset with the URI {request.asset_uri!r}")
    match request.verb:
        case StateVerb.GET:
            entry = store.asset_entry(name, request.key)
            return (None if entry is None else entry.value), NOTHING
        case StateVerb.SET:
            made = AssetEntry(
                asset=name, key=request.key, value=request.value, updated_at=now, written_by=_writer(run, request.task)
            )
            store.commit([Put(made)])
            return None, Usage(writes=1)
        case StateVerb.DELETE:
            store.commit([Delete(state_codec.asset_entry_path(name, request.key))])
            return None, Usage(deletes=1)
        case StateVerb.CLEAR:
            return None, Usage(deletes=clear_asset(store, name))


def _writer(run: RunKey, task: TaskKey) -> StateWriter:
    return StateWriter(
        kind=WriterKind.TASK,
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id=task.task_id,
        map_index=task.map_index,
    )


def task_entry(store: Store, run: RunKey, task: TaskKey, key: str, now: datetime) -> TaskEntry | None:
    """One entry of a task instance; None when it is not there, or has expired."""
    entry = store.task_entry(run, task, key)
    return None if entry is None or entry.is_expired(now) else entry


def task_entries(store: Store, run: RunKey, task: TaskKey, now: datetime) -> list[TaskEntry]:
    """All entries of a task instance that have not expired, by key."""
    found = [entry for entry in store.task_entries(run, task) if not entry.is_expired(now)]
    return sorted(found, key=lambda entry: entry.key)


def clear_task(store: Store, run: RunKey, task: TaskKey) -> int:
    """Delete all entries of a task instance; returns how many there were."""
    return _delete(store, [path_of(entry) for entry in store.task_entries(run, task)])


def clear_asset(store: Store, name: str) -> int:
    """Delete all entries of an asset; returns how many there were."""
    return _delete(store, [path_of(entry) for entry in store.asset_entries(name)])


def _delete(store: Store, paths: Sequence[str]) -> int:
    for start in range(0, len(paths), _BATCH):
        unit: list[Change] = [Delete(path) for path in paths[start : start + _BATCH]]
        store.commit(unit)
    return len(paths)
