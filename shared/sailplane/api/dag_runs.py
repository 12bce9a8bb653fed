"""DAG runs: trigger, list, show."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sailplane.api import models, views
from sailplane.api.backend import TriggerOrder
from sailplane.api.context import ANY, Call
from sailplane.api.http import HttpError
from sailplane.api.paging import Page, Sorting, matches, order, states_named, within
from sailplane.api.routes import Routes
from sailplane.model.runs import DagRun
from sailplane.model.states import RunState, RunType, TriggeredBy

routes = Routes("/api/v2/dags/{dag_id}/dagRuns", "DagRun")

SORTING: Sorting[DagRun] = {
    "id": lambda run: run.context.run_after,
    "run_after": lambda run: run.context.run_after,
    "logical_date": lambda run: run.context.logical_date,
    "start_date": lambda run: run.started_at,
    "end_date": lambda run: run.ended_at,
    "queued_at": lambda run: run.queued_at,
    "state": lambda run: run.state,
    "dag_id": lambda run: run.context.dag_id,
    "dag_run_id": lambda run: run.context.run_id,
    "run_id": lambda run: run.context.run_id,
    "duration": lambda run: views.seconds_between(run.started_at, run.ended_at),
}


class RunsQuery(Page, frozen=True, kw_only=True):
    state: tuple[str, ...] = ()
    run_type: tuple[RunType, ...] = ()
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    triggering_user_name_pattern: str | None = None
    dag_version: tuple[int, ...] = ()
    bundle_version: str | None = None
    run_after_gte: datetime | None = None
    run_after_gt: datetime | None = None
    run_after_lte: datetime | None = None
    run_after_lt: datetime | None = None
    logical_date_gte: datetime | None = None
    logical_date_gt: datetime | None = None
    logical_date_lte: datetime | None = None
    logical_date_lt: datetime | None = None
    start_date_gte: datetime | None = None
    start_date_gt: datetime | None = None
    start_date_lte: datetime | None = None
    start_date_lt: datetime | None = None
    end_date_gte: datetime | None = None
    end_date_gt: datetime | None = None
    end_date_lte: datetime | None = None
    end_date_lt: datetime | None = None

    @property
    def states(self) -> tuple[RunState, ...]:
        return states_named(self.state, RunState)


def wanted(run: DagRun, query: RunsQuery) -> bool:
    context = run.context
    return (
        (not query.run_type or context.run_type in query.run_type)
        and (not query.dag_version or context.version in query.dag_version)
        and query.bundle_version in (None, context.bundle)
        and matches(query.run_id_pattern, context.run_id)
        and context.run_id.startswith(query.run_id_prefix_pattern or "")
        and matches(query.dag_id_pattern, context.dag_id)
        and context.dag_id.startswith(query.dag_id_prefix_pattern or "")
        and matches(query.triggering_user_name_pattern, run.triggering_user or "")
        and _in_ranges(run, query)
    )


def _in_ranges(run: DagRun, query: RunsQuery) -> bool:
    instants = {
        "run_after": run.context.run_after,
        "logical_date": run.context.logical_date,
        "start_date": run.started_at,
        "end_date": run.ended_at,
    }
    return all(
        within(instant, **{bound: getattr(query, f"{name}_{bound}") for bound in ("gte", "gt", "lte", "lt")})
        for name, instant in instants.items()
    )


@routes.get("")
def get_dag_runs(call: Call, dag_id: str, query: RunsQuery) -> models.DAGRunCollectionResponse:
    """List the runs of a DAG, or of all with `~`."""
    if dag_id != ANY:
        call.dag(dag_id)
    one_dag = None if dag_id == ANY else dag_id
    page, total = _stored_page(call, one_dag, query) if _is_stored_order(query) else _sorted_page(call, one_dag, query)
    return models.DAGRunCollectionResponse(dag_runs=_views(call, page), total_entries=total)


def _is_stored_order(query: RunsQuery) -> bool:
    """Whether the store itself can cut the page: nothing but states filters, and runs come by when they were due."""
    plain = RunsQuery(limit=query.limit, offset=query.offset, order_by=query.order_by, state=query.state)
    return query == plain and query.order_by in _STORED_ORDERS


_STORED_ORDERS = ((), ("id",), ("-id",), ("run_after",), ("-run_after",))


def _stored_page(call: Call, dag_id: str | None, query: RunsQuery) -> tuple[Sequence[DagRun], int]:
    """Reads no more than the page and what lies before it."""
    newest_first = any(name.startswith("-") for name in query.order_by)
    limit = query.offset + query.size
    runs = call.backend.runs(dag_id, limit=limit, states=query.states, newest_first=newest_first) if limit else ()
    return query.cut(runs), call.backend.count_runs(dag_id, states=query.states)


def _sorted_page(call: Call, dag_id: str | None, query: RunsQuery) -> tuple[Sequence[DagRun], int]:
    """Reads all runs, for what no index serves."""
    runs = call.backend.runs(dag_id, states=query.states, newest_first=False)
    found = [run for run in runs if wanted(run, query)]
    return query.cut(order(found, query.order_by, SORTING)), len(found)


def _views(call: Call, runs: Sequence[DagRun]) -> list[models.DAGRunResponse]:
    return [views.run_view(run, call.version_of(run)) for run in runs]


@routes.get("/{dag_run_id}")
def get_dag_run(call: Call, dag_id: str, dag_run_id: str) -> models.DAGRunResponse:
    """Show a run."""
    run = call.run(dag_id, dag_run_id)
    return views.run_view(run, call.version_of(run))


@routes.post("")
def trigger_dag_run(call: Call, dag_id: str, body: models.TriggerDAGRunPostBody) -> models.DAGRunResponse:
    """Trigger a run."""
    check(body)
    from_ui = "referer" in call.request.headers
    order_ = TriggerOrder(
        dag_id=dag_id,
        run_id=body.dag_run_id,
        logical_date=body.logical_date,
        conf=body.conf,
        note=body.note,
        triggered_by=TriggeredBy.UI if from_ui else TriggeredBy.REST_API,
        user=call.user.name,
    )
    run = call.backend.trigger(order_)
    return views.run_view(run, call.version_of(run))


def check(body: models.TriggerDAGRunPostBody) -> None:
    """Refuse what is valid in Airflow but would be passed over here."""
    if body.logical_date is not None and body.logical_date.tzinfo is None:
        raise HttpError(422, [_problem("logical_date", "Input should have timezone info")])
    for name in ("data_interval_start", "data_interval_end", "partition_key"):
        if getattr(body, name) is not None:
            raise HttpError(400, f"{name} is not supported: it follows from the schedule and the logical date")
    if body.run_after is not None and body.run_after > datetime.now(body.run_after.tzinfo):
        raise HttpError(400, "run_after in the future is not supported: trigger the run when it is to start")


def _problem(field: str, message: str) -> dict[str, Any]:
    return {"type": "timezone_aware", "loc": ["body", field], "msg": message, "input": None}
