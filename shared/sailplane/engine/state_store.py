"""What tasks and people keep under the keys of a task instance or an asset.

Each entry is a document of its own, so that setting one needs no reading of the others. The last to set it wins, as
in Airflow: a try that lost its lease may still set something before it is stopped.
"""

from datetime import datetime

from sailplane.cloud import state_codec
from sailplane.cloud.changes import Change, Delete, Put
from sailplane.cloud.codec import path_of
from sailplane.cloud.store import Store
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.state_store import (
    AssetEntry,
    Entry,
    OfAsset,
    OfTask,
    Owner,
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
    owner = _owner(run, request)
    match request.verb:
        case StateVerb.GET:
            found = entry(store, owner, request.key, now)
            return (None if found is None else found.value), NOTHING
        case StateVerb.SET:
            put(store, _made(owner, run, request, now))
            return None, Usage(writes=1)
        case StateVerb.DELETE:
            delete(store, owner, request.key)
            return None, Usage(deletes=1)
        case StateVerb.CLEAR:
            return None, Usage(deletes=clear(store, owner))


def _owner(run: RunKey, request: StateRequest) -> Owner:
    if request.owner is StateOwner.TASK:
        return OfTask(run=run, task=request.task)
    return OfAsset(asset=request.asset)


def _made(owner: Owner, run: RunKey, request: StateRequest, now: datetime) -> Entry:
    if isinstance(owner, OfTask):
        return TaskEntry(
            run=owner.run,
            task=owner.task,
            key=request.key,
            value=request.value,
            updated_at=now,
            expires_at=request.expires_at,
        )
    writer = _writer(run, request.task)
    return AssetEntry(asset=owner.asset, key=request.key, value=request.value, updated_at=now, written_by=writer)


def _writer(run: RunKey, task: TaskKey) -> StateWriter:
    return StateWriter(
        kind=WriterKind.TASK,
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id=task.task_id,
        map_index=task.map_index,
    )


def entry(store: Store, owner: Owner, key: str, now: datetime) -> Entry | None:
    """The entry under `key`; None when it is not there, or has expired."""
    if isinstance(owner, OfAsset):
        return store.asset_entry(owner.asset, key)
    found = store.task_entry(owner.run, owner.task, key)
    return None if found is None or found.is_expired(now) else found


def entries(store: Store, owner: Owner, now: datetime) -> list[Entry]:
    """All that have not expired, by key."""
    found = [each for each in _all(store, owner) if isinstance(each, AssetEntry) or not each.is_expired(now)]
    return sorted(found, key=lambda each: each.key)


def _all(store: Store, owner: Owner) -> list[Entry]:
    if isinstance(owner, OfAsset):
        return [*store.asset_entries(owner.asset)]
    return [*store.task_entries(owner.run, owner.task)]


def put(store: Store, entry: Entry) -> None:
    """Set an entry, whether it is there or not."""
    store.commit([Put(entry)])


def delete(store: Store, owner: Owner, key: str) -> None:
    """Delete an entry, if it is there."""
    if isinstance(owner, OfAsset):
        store.commit([Delete(state_codec.asset_entry_path(owner.asset, key))])
    else:
        store.commit([Delete(state_codec.task_entry_path(owner.run, owner.task, key))])


def clear(store: Store, owner: Owner) -> int:
    """Delete all entries, those that have expired too; returns how many there were."""
    found = _all(store, owner)
    for start in range(0, len(found), _BATCH):
        unit: list[Change] = [Delete(path_of(each)) for each in found[start : start + _BATCH]]
        store.commit(unit)
    return len(found)
