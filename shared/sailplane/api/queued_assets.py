"""Updates of assets that wait for a run: list them, and forget them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from sailplane.api.asset_models import QueuedEventCollectionResponse, QueuedEventResponse
from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response
from sailplane.api.routes import Routes
from sailplane.model.assets import AssetQueue

routes = Routes("/api/v2", "Asset")


class BeforeQuery(msgspec.Struct, frozen=True, kw_only=True):
    before: datetime | None = None


def _of_asset(call: Call, asset_id: int, query: BeforeQuery) -> Sequence[AssetQueue]:
    record = call.backend.assets.get(asset_id)
    return _until(call.backend.assets.queues_of(record), query) if record is not None else ()


def _of_dag(call: Call, dag_id: str, query: BeforeQuery) -> Sequence[AssetQueue]:
    return _until(call.backend.assets.queues(dag_id), query)


def _of_both(call: Call, dag_id: str, asset_id: int, query: BeforeQuery) -> Sequence[AssetQueue]:
    found = [queue for queue in _of_dag(call, dag_id, query) if queue.asset_id == asset_id]
    if not found:
        raise HttpError(404, f"Queued event with dag_id: `{dag_id}` and asset_id: `{asset_id}` was not found")
    return found


def _until(queues: Sequence[AssetQueue], query: BeforeQuery) -> Sequence[AssetQueue]:
    return [queue for queue in queues if query.before is None or queue.since < query.before]


def _view(call: Call, queue: AssetQueue) -> QueuedEventResponse:
    record = call.backend.dag(queue.dag_id)
    return QueuedEventResponse(
        dag_id=queue.dag_id,
        asset_id=queue.asset_id,
        created_at=queue.since,
        dag_display_name=(record.display_name if record is not None else "") or queue.dag_id,
    )


def _listed(call: Call, queues: Sequence[AssetQueue]) -> QueuedEventCollectionResponse:
    shown = [_view(call, queue) for queue in queues]
    return QueuedEventCollectionResponse(queued_events=shown, total_entries=len(shown))


def _dropped(call: Call, queues: Sequence[AssetQueue], what: str) -> Response:
    if not call.backend.assets.drop(queues):
        raise HttpError(404, f"Queue event with {what} was not found")
    return Response(status=204)


@routes.get("/assets/{asset_id}/queuedEvents")
def get_asset_queued_events(call: Call, asset_id: int, query: BeforeQuery) -> QueuedEventCollectionResponse:
    """List the DAGs for which updates of an asset wait."""
    return _listed(call, _of_asset(call, asset_id, query))


@routes.get("/dags/{dag_id}/assets/queuedEvents")
def get_dag_asset_queued_events(call: Call, dag_id: str, query: BeforeQuery) -> QueuedEventCollectionResponse:
    """List the assets of which updates wait for a run of a DAG."""
    return _listed(call, _of_dag(call, dag_id, query))


@routes.get("/dags/{dag_id}/assets/{asset_id}/queuedEvents")
def get_dag_asset_queued_event(call: Call, dag_id: str, asset_id: int, query: BeforeQuery) -> QueuedEventResponse:
    """Show whether updates of an asset wait for a run of a DAG."""
    return _view(call, _of_both(call, dag_id, asset_id, query)[0])


@routes.add("DELETE", "/assets/{asset_id}/queuedEvents", status=204)
def delete_asset_queued_events(call: Call, asset_id: int, query: BeforeQuery) -> Response:
    """Forget the updates of an asset that wait for runs."""
    return _dropped(call, _of_asset(call, asset_id, query), f"asset_id: `{asset_id}`")


@routes.add("DELETE", "/dags/{dag_id}/assets/queuedEvents", status=204)
def delete_dag_asset_queued_events(call: Call, dag_id: str, query: BeforeQuery) -> Response:
    """Forget the updates of assets that wait for a run of a DAG."""
    return _dropped(call, _of_dag(call, dag_id, query), f"dag_id: `{dag_id}`")


@routes.add("DELETE", "/dags/{dag_id}/assets/{asset_id}/queuedEvents", status=204)
def delete_dag_asset_queued_event(call: Call, dag_id: str, asset_id: int, query: BeforeQuery) -> Response:
    """Forget the updates of an asset that wait for a run of a DAG."""
    found = _of_both(call, dag_id, asset_id, query)
    return _dropped(call, found, f"dag_id: `{dag_id}` and asset_id: `{asset_id}`")
