"""The state that is kept about assets from run to run (`asset_state_store`)."""

from datetime import UTC, datetime

from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response
from sailplane.api.paging import Page
from sailplane.api.routes import Routes
from sailplane.api.state_models import (
    AssetStateStoreCollectionResponse,
    AssetStateStoreLastUpdatedBy,
    AssetStateStoreResponse,
    StateValueBody,
    text_of,
    value_of,
)
from sailplane.model.state_store import AssetEntry, Entry, OfAsset, StateWriter, WriterKind

routes = Routes("/api/v2/assets/{asset_id}/state-store", "Asset State Store")


@routes.get("")
def list_asset_state_store(call: Call, asset_id: int, query: Page) -> AssetStateStoreCollectionResponse:
    """List what is kept about an asset."""
    found = call.backend.states.entries(_existing(call, asset_id))
    shown = [view(entry) for entry in query.cut(found)]
    return AssetStateStoreCollectionResponse(asset_state_store=shown, total_entries=len(found))


@routes.get("/{key:path}")
def get_asset_state_store(call: Call, asset_id: int, key: str) -> AssetStateStoreResponse:
    """Show one entry."""
    entry = call.backend.states.entry(_existing(call, asset_id), key)
    if entry is None:
        raise HttpError(404, f"Asset state store key {key!r} not found")
    return view(entry)


@routes.add("PUT", "/{key:path}", status=204)
def set_asset_state_store(call: Call, asset_id: int, key: str, body: StateValueBody) -> Response:
    """Set an entry, whether it is there or not."""
    text = text_of(key, body.value)
    owner = _existing(call, asset_id)
    writer = StateWriter(kind=WriterKind.API)
    call.backend.states.put(
        AssetEntry(asset=owner.asset, key=key, value=text, updated_at=datetime.now(UTC), written_by=writer)
    )
    return Response(status=204)


@routes.add("DELETE", "/{key:path}", status=204)
def delete_asset_state_store(call: Call, asset_id: int, key: str) -> Response:
    """Delete an entry, if it is there."""
    call.backend.states.delete(_existing(call, asset_id), key)
    return Response(status=204)


@routes.add("DELETE", "", status=204)
def clear_asset_state_store(call: Call, asset_id: int) -> Response:
    """Delete all that is kept about an asset."""
    call.backend.states.clear(_existing(call, asset_id))
    return Response(status=204)


def view(entry: Entry) -> AssetStateStoreResponse:
    writer = entry.written_by if isinstance(entry, AssetEntry) else None
    return AssetStateStoreResponse(
        key=entry.key,
        value=value_of(entry.value),
        updated_at=entry.updated_at,
        last_updated_by=None if writer is None else _writer(writer),
    )


def _writer(writer: StateWriter) -> AssetStateStoreLastUpdatedBy:
    return AssetStateStoreLastUpdatedBy(
        kind=writer.kind,
        dag_id=writer.dag_id,
        run_id=writer.run_id,
        task_id=writer.task_id,
        map_index=writer.map_index,
    )


def _existing(call: Call, asset_id: int) -> OfAsset:
    """Raises `HttpError` 404 when there is no such asset."""
    if not call.backend.states.has_asset(asset_id):
        raise HttpError(404, f"Asset with id {asset_id!r} not found")
    return OfAsset(asset=asset_id)
