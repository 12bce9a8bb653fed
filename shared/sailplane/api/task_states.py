"""The state that task instances keep over their tries (`task_state_store`)."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response
from sailplane.api.paging import Page
from sailplane.api.routes import Routes
from sailplane.api.state_models import (
    StateValueBody,
    TaskStateStoreBody,
    TaskStateStoreCollectionResponse,
    TaskStateStoreResponse,
    expiry_of,
    text_of,
    value_of,
)
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.state_store import Entry, OfTask, TaskEntry

routes = Routes("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store", "Task State Store")


class EntriesQuery(Page, frozen=True, kw_only=True):
    map_index: int = UNMAPPED


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True):
    map_index: int = UNMAPPED


class ClearQuery(EntryQuery, frozen=True, kw_only=True):
    all_map_indices: bool = False


@routes.get("")
def list_task_state_store(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, query: EntriesQuery
) -> TaskStateStoreCollectionResponse:
    """List what a task instance keeps."""
    found = call.backend.states.entries(_owner(dag_id, dag_run_id, task_id, query.map_index))
    shown = [view(entry) for entry in query.cut(found)]
    return TaskStateStoreCollectionResponse(task_state_store=shown, total_entries=len(found))


@routes.get("/{key:path}")
def get_task_state_store(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, key: str, query: EntryQuery
) -> TaskStateStoreResponse:
    """Show one entry."""
    return view(_find(call, _owner(dag_id, dag_run_id, task_id, query.map_index), key))


@routes.add("PUT", "/{key:path}", status=204)
def set_task_state_store(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, key: str, query: EntryQuery, body: TaskStateStoreBody
) -> Response:
    """Set an entry, whether it is there or not."""
    text, expires_at = text_of(key, body.value), expiry_of(body)
    owner = _existing(call, dag_id, dag_run_id, task_id, query.map_index)
    now = datetime.now(UTC)
    call.backend.states.put(
        TaskEntry(run=owner.run, task=owner.task, key=key, value=text, updated_at=now, expires_at=expires_at)
    )
    return Response(status=204)


@routes.patch("/{key:path}")
def patch_task_state_store(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, key: str, query: EntryQuery, body: StateValueBody
) -> None:
    """Change the value of an entry that is there; when it expires stays."""
    text = text_of(key, body.value)
    old = _find(call, _existing(call, dag_id, dag_run_id, task_id, query.map_index), key)
    call.backend.states.put(replace(old, value=text, updated_at=datetime.now(UTC)))


@routes.add("DELETE", "/{key:path}", status=204)
def delete_task_state_store(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, key: str, query: EntryQuery
) -> Response:
    """Delete an entry, if it is there."""
    call.backend.states.delete(_existing(call, dag_id, dag_run_id, task_id, query.map_index), key)
    return Response(status=204)


@routes.add("DELETE", "", status=204)
def clear_task_state_store(call: Call, dag_id: str, dag_run_id: str, task_id: str, query: ClearQuery) -> Response:
    """Delete all that a task instance keeps, or with `all_map_indices` all instances of the task."""
    if not query.all_map_indices:
        call.backend.states.clear(_existing(call, dag_id, dag_run_id, task_id, query.map_index))
        return Response(status=204)
    run = RunKey(dag_id, dag_run_id)
    keys = [instance.key for instance in call.backend.tasks(run) if instance.task_id == task_id]
    if not keys:
        raise _no_instance(dag_id, dag_run_id, task_id, "all_map_indices=True")
    for key in keys:
        call.backend.states.clear(OfTask(run=run, task=key))
    return Response(status=204)


def view(entry: Entry) -> TaskStateStoreResponse:
    expires_at = entry.expires_at if isinstance(entry, TaskEntry) else None
    return TaskStateStoreResponse(
        key=entry.key, value=value_of(entry.value), updated_at=entry.updated_at, expires_at=expires_at
    )


def _owner(dag_id: str, run_id: str, task_id: str, map_index: int) -> OfTask:
    return OfTask(run=RunKey(dag_id, run_id), task=TaskKey(task_id, map_index))


def _existing(call: Call, dag_id: str, run_id: str, task_id: str, map_index: int) -> OfTask:
    """Raises `HttpError` 404 when there is no such task instance."""
    owner = _owner(dag_id, run_id, task_id, map_index)
    if call.backend.task(owner.run, owner.task) is None:
        raise _no_instance(dag_id, run_id, task_id, f"map_index={map_index}")
    return owner


def _no_instance(dag_id: str, run_id: str, task_id: str, which: str) -> HttpError:
    return HttpError(
        404, f"Task instance not found for dag_id={dag_id!r}, run_id={run_id!r}, task_id={task_id!r}, {which}"
    )


def _find(call: Call, owner: OfTask, key: str) -> Entry:
    entry = call.backend.states.entry(owner, key)
    if entry is None:
        raise HttpError(404, f"Task state store key {key!r} not found")
    return entry
