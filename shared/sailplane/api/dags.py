"""DAGs: list, show, pause."""

from collections.abc import Callable
from typing import Any

from sailplane.api import models, views
from sailplane.api.context import Call
from sailplane.api.http import HttpError
from sailplane.api.paging import Page, Sorting, matches, order
from sailplane.api.routes import Routes
from sailplane.model.runs import DagRecord
from sailplane.model.states import RunState

routes = Routes("/api/v2/dags", "DAG")

SORTING: Sorting[DagRecord] = {
    "dag_id": lambda record: record.dag_id,
    "dag_display_name": lambda record: record.display_name or record.dag_id,
}
_NEXT = ("next_dagrun", "next_dagrun_run_after")


class DagsQuery(Page, frozen=True, kw_only=True):
    tags: tuple[str, ...] = ()
    tags_match_mode: str = "any"
    owners: tuple[str, ...] = ()
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    dag_display_name_pattern: str | None = None
    exclude_stale: bool = True
    paused: bool | None = None
    has_import_errors: bool | None = None
    bundle_name: str | None = None
    bundle_version: str | None = None
    has_asset_schedule: bool | None = None
    asset_dependency: str | None = None


def wanted(record: DagRecord, query: DagsQuery) -> bool:
    match_tags: Callable[[Any], bool] = all if query.tags_match_mode == "all" else any
    return (
        not (query.exclude_stale and record.is_stale)
        and (query.paused is None or record.is_paused == query.paused)
        and (query.has_import_errors is None or record.has_import_errors == query.has_import_errors)
        and (query.bundle_name in (None, models.BUNDLE_NAME))
        and (query.bundle_version in (None, record.bundle))
        and (not query.tags or match_tags(tag in record.tags for tag in query.tags))
        and (not query.owners or any(owner in record.owners for owner in query.owners))
        and matches(query.dag_id_pattern, record.dag_id)
        and record.dag_id.startswith(query.dag_id_prefix_pattern or "")
        and matches(query.dag_display_name_pattern, record.display_name or record.dag_id)
    )


def _waits_as_asked(call: Call, record: DagRecord, query: DagsQuery) -> bool:
    """Whether the DAG is scheduled on assets as the query wants; its version, which is read once, says so."""
    if query.has_asset_schedule is None and query.asset_dependency is None:
        return True
    condition = call.newest(record).schedule.assets
    leaves = tuple(condition.leaves()) if condition is not None else ()
    is_as_asked = query.has_asset_schedule in (None, condition is not None)
    part = (query.asset_dependency or "").lower()
    return is_as_asked and (not part or any(part in f"{each.name}\n{each.uri}".lower() for each in leaves))


@routes.get("")
def get_dags(call: Call, query: DagsQuery) -> models.DAGCollectionResponse:
    """List DAGs."""
    found = [record for record in call.backend.dags() if wanted(record, query) and _waits_as_asked(call, record, query)]
    by_next = any(name.lstrip("-") in _NEXT for name in query.order_by)
    schedules = call.backend.schedules([record.dag_id for record in found]) if by_next else {}

    def next_run(record: DagRecord) -> Any:
        schedule = schedules.get(record.dag_id)
        return schedule.run_after if schedule else None

    sorting = {**SORTING, **dict.fromkeys(_NEXT, next_run)}
    page = query.cut(order(order(found, ("dag_id",), SORTING), query.order_by, sorting))
    shown = schedules or call.backend.schedules([record.dag_id for record in page])
    dags = [views.dag_view(record, shown.get(record.dag_id)) for record in page]
    return models.DAGCollectionResponse(dags=dags, total_entries=len(found))


@routes.get("/{dag_id}")
def get_dag(call: Call, dag_id: str) -> models.DAGResponse:
    """Show a DAG."""
    record = call.dag(dag_id)
    return views.dag_view(record, call.backend.schedules([dag_id]).get(dag_id))


@routes.get("/{dag_id}/details")
def get_dag_details(call: Call, dag_id: str) -> models.DAGDetailsResponse:
    """Show a DAG with all that its file declares."""
    record = call.dag(dag_id)
    running = call.backend.count_runs(dag_id, states=(RunState.RUNNING,))
    schedule = call.backend.schedules([dag_id]).get(dag_id)
    return views.dag_details_view(record, schedule, call.newest(record), running)


class PatchQuery(Page, frozen=True, kw_only=True):
    update_mask: tuple[str, ...] = ()


@routes.patch("/{dag_id}")
def patch_dag(call: Call, dag_id: str, query: PatchQuery, body: models.DAGPatchBody) -> models.DAGResponse:
    """Pause or unpause a DAG."""
    if query.update_mask not in ((), ("is_paused",)):
        raise HttpError(400, "Only `is_paused` field can be updated through the REST API")
    record = call.backend.set_paused(dag_id, body.is_paused)
    return views.dag_view(record, call.backend.schedules([dag_id]).get(dag_id))
