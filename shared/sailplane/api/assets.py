"""Assets, aliases and events: list, show, tell of an update, have one made."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sailplane.api import asset_models as models
from sailplane.api import asset_views, dag_runs, views
from sailplane.api.backend import TriggerOrder
from sailplane.api.context import Call
from sailplane.api.http import HttpError
from sailplane.api.models import DAGRunResponse, TriggerDAGRunPostBody
from sailplane.api.paging import Page, Sorting, matches, order, within
from sailplane.api.routes import Routes
from sailplane.model.assets import AliasRecord, AssetEvent, AssetRecord
from sailplane.model.ids import RunKey
from sailplane.model.states import RunType, TriggeredBy

routes = Routes("/api/v2", "Asset")

SORTING: Sorting[AssetRecord] = {
    "id": lambda record: record.id,
    "name": lambda record: record.name,
    "uri": lambda record: record.uri,
    "created_at": lambda record: record.created_at,
    "updated_at": lambda record: record.updated_at,
}
ALIAS_SORTING: Sorting[AliasRecord] = {"id": lambda record: record.id, "name": lambda record: record.name}
EVENT_SORTING: Sorting[AssetEvent] = {
    "timestamp": lambda event: event.timestamp,
    "source_task_id": lambda event: event.source_task_id,
    "source_dag_id": lambda event: event.source_dag_id,
    "source_run_id": lambda event: event.source_run_id,
    "source_map_index": lambda event: event.source_map_index,
}
MOST_EVENTS = 1000
"""The newest that are looked through for filters that no index serves."""
_INSTANT = timedelta(microseconds=1)


class AssetsQuery(Page, frozen=True, kw_only=True):
    name_pattern: str | None = None
    name_prefix_pattern: str | None = None
    uri_pattern: str | None = None
    uri_prefix_pattern: str | None = None
    dag_ids: tuple[str, ...] = ()
    only_active: bool = True


class AliasesQuery(Page, frozen=True, kw_only=True):
    name_pattern: str | None = None
    name_prefix_pattern: str | None = None


class EventsQuery(Page, frozen=True, kw_only=True):
    asset_id: int | None = None
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int | None = None
    name_pattern: str | None = None
    name_prefix_pattern: str | None = None
    timestamp_gte: datetime | None = None
    timestamp_gt: datetime | None = None
    timestamp_lte: datetime | None = None
    timestamp_lt: datetime | None = None

    @property
    def after(self) -> datetime | None:
        """The earliest moment, itself within."""
        return self.timestamp_gte if self.timestamp_gt is None else self.timestamp_gt + _INSTANT

    @property
    def before(self) -> datetime | None:
        return self.timestamp_lte if self.timestamp_lt is None else self.timestamp_lt - _INSTANT


def find_asset(call: Call, asset_id: int) -> AssetRecord:
    """Raises `HttpError` 404."""
    record = call.backend.assets.get(asset_id)
    if record is None:
        raise HttpError(404, f"The Asset with ID: `{asset_id}` was not found")
    return record


@routes.get("/assets")
def get_assets(call: Call, query: AssetsQuery) -> models.AssetCollectionResponse:
    """List assets."""
    every = [record for record in call.backend.assets.all() if _is_wanted(record, query)]
    found = order(every, query.order_by or ("name",), SORTING)
    return models.AssetCollectionResponse(
        assets=[_view(call, record) for record in query.cut(found)], total_entries=len(found)
    )


def _is_wanted(record: AssetRecord, query: AssetsQuery) -> bool:
    touching = {*record.consumers, *(place.partition("/")[0] for place in (*record.producers, *record.readers))}
    return (
        (record.is_active or not query.only_active)
        and matches(query.name_pattern, record.name)
        and record.name.startswith(query.name_prefix_pattern or "")
        and matches(query.uri_pattern, record.uri)
        and record.uri.startswith(query.uri_prefix_pattern or "")
        and (not query.dag_ids or not touching.isdisjoint(query.dag_ids))
    )


def _view(call: Call, record: AssetRecord) -> models.AssetResponse:
    last = call.backend.assets.events(record.id, ascending=False, limit=1)
    return asset_views.asset_view(record, last[0] if last else None)


@routes.get("/assets/aliases")
def get_asset_aliases(call: Call, query: AliasesQuery) -> models.AssetAliasCollectionResponse:
    """List aliases of assets."""
    every = [
        record
        for record in call.backend.assets.aliases()
        if matches(query.name_pattern, record.name) and record.name.startswith(query.name_prefix_pattern or "")
    ]
    found = order(every, query.order_by or ("name",), ALIAS_SORTING)
    shown = [asset_views.alias_view(record) for record in query.cut(found)]
    return models.AssetAliasCollectionResponse(asset_aliases=shown, total_entries=len(found))


@routes.get("/assets/aliases/{asset_alias_id}")
def get_asset_alias(call: Call, asset_alias_id: int) -> models.AssetAliasResponse:
    """Show an alias of assets."""
    record = call.backend.assets.alias(asset_alias_id)
    if record is None:
        raise HttpError(404, f"The Asset Alias with ID: `{asset_alias_id}` was not found")
    return asset_views.alias_view(record)


@routes.get("/assets/events")
def get_asset_events(call: Call, query: EventsQuery) -> models.AssetEventCollectionResponse:
    """List events of assets, by time."""
    found, total = _stored_page(call, query) if _is_stored_order(query) else _sorted_page(call, query)
    shown = asset_views.event_views(call.backend.assets, found)
    return models.AssetEventCollectionResponse(asset_events=shown, total_entries=total)


def _is_stored_order(query: EventsQuery) -> bool:
    """Whether the store itself can cut the page."""
    filters = (query.source_dag_id, query.source_task_id, query.source_run_id, query.source_map_index)
    names = (query.name_pattern, query.name_prefix_pattern)
    is_plain = all(each is None for each in (*filters, *names))
    return is_plain and query.order_by in ((), ("timestamp",), ("-timestamp",))


def _stored_page(call: Call, query: EventsQuery) -> tuple[Sequence[AssetEvent], int]:
    backend = call.backend.assets
    found = backend.events(
        query.asset_id,
        after=query.after,
        before=query.before,
        ascending=query.order_by != ("-timestamp",),
        limit=query.offset + query.size,
    )
    return query.cut(found), backend.count_events(query.asset_id, after=query.after, before=query.before)


def _sorted_page(call: Call, query: EventsQuery) -> tuple[Sequence[AssetEvent], int]:
    backend = call.backend.assets
    if query.source_dag_id is not None and query.source_run_id is not None:
        every = backend.events_from(RunKey(query.source_dag_id, query.source_run_id))
    else:
        span = {"after": query.after, "before": query.before}
        every = backend.events(query.asset_id, **span, ascending=False, limit=MOST_EVENTS)
    wanted = [event for event in every if _has(event, query)]
    found = order(wanted, query.order_by or ("timestamp",), EVENT_SORTING)
    return query.cut(found), len(found)


def _has(event: AssetEvent, query: EventsQuery) -> bool:
    return (
        query.asset_id in (None, event.asset_id)
        and query.source_dag_id in (None, event.source_dag_id)
        and query.source_task_id in (None, event.source_task_id)
        and query.source_run_id in (None, event.source_run_id)
        and query.source_map_index in (None, event.source_map_index)
        and matches(query.name_pattern, event.name)
        and event.name.startswith(query.name_prefix_pattern or "")
        and within(event.timestamp, gte=query.after, lte=query.before)
    )


@routes.post("/assets/events")
def create_asset_event(call: Call, body: models.CreateAssetEventsBody) -> models.AssetEventResponse:
    """Tell of an update of an asset, which may start runs."""
    record = call.backend.assets.get(body.asset_id)
    if record is None:
        raise HttpError(404, f"Asset with ID: `{body.asset_id}` was not found")
    extra = {**body.extra, "from_rest_api": True}
    event = call.backend.assets.emit(record, extra, body.partition_key)
    return asset_views.event_views(call.backend.assets, [event])[0]


@routes.post("/assets/{asset_id}/materialize")
def materialize_asset(call: Call, asset_id: int, body: TriggerDAGRunPostBody) -> DAGRunResponse:
    """Start a run of the DAG that updates an asset."""
    record = find_asset(call, asset_id)
    makers = sorted({place.partition("/")[0] for place in record.producers})
    if not makers:
        raise HttpError(404, f"No Dag materializes asset with ID: {asset_id}")
    if len(makers) > 1:
        raise HttpError(409, f"More than one Dag materializes asset with ID: {asset_id}")
    dag_runs.check(body)
    wanted = TriggerOrder(
        dag_id=makers[0],
        run_id=body.dag_run_id,
        logical_date=body.logical_date,
        conf=body.conf,
        note=body.note,
        run_type=RunType.ASSET_MATERIALIZATION,
        triggered_by=TriggeredBy.REST_API,
        user=call.user.name,
    )
    run = call.backend.trigger(wanted)
    return views.run_view(run, call.version_of(run))


@routes.get("/assets/{asset_id}")
def get_asset(call: Call, asset_id: int) -> models.AssetResponse:
    """Show an asset."""
    return _view(call, find_asset(call, asset_id))


@routes.get("/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents")
def get_upstream_asset_events(call: Call, dag_id: str, dag_run_id: str) -> models.AssetEventCollectionResponse:
    """List the events that a run was started by."""
    run = call.run(dag_id, dag_run_id)
    found = call.backend.assets.triggering(run.key)
    shown = asset_views.event_views(call.backend.assets, found)
    return models.AssetEventCollectionResponse(asset_events=shown, total_entries=len(found))
