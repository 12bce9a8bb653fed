"""XComs of ended task instances."""

from sailplane.api import models, views
from sailplane.api.context import ANY, Call
from sailplane.api.http import HttpError
from sailplane.api.paging import Page, matches
from sailplane.api.routes import Routes
from sailplane.api.task_instances import find
from sailplane.model.ids import UNMAPPED

routes = Routes("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", "XCom")


class XComsQuery(Page, frozen=True, kw_only=True):
    xcom_key: str | None = None
    map_index: int | None = None
    xcom_key_pattern: str | None = None


@routes.get("")
def get_xcom_entries(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, query: XComsQuery
) -> models.XComCollectionResponse:
    """List the XComs of a task, or of the whole run with `~`, without their values."""
    run = call.run(dag_id, dag_run_id)
    dag = call.version_of(run)
    entries = [
        models.XComResponse(**views.xcom_fields(key, instance, run, dag))
        for instance in sorted(call.backend.tasks(run.key), key=lambda one: one.key)
        if task_id in (ANY, instance.task_id) and query.map_index in (None, instance.map_index)
        for key in sorted(instance.xcoms)
        if query.xcom_key in (None, key) and matches(query.xcom_key_pattern, key)
    ]
    return models.XComCollectionResponse(xcom_entries=list(query.cut(entries)), total_entries=len(entries))


class XComQuery(Page, frozen=True, kw_only=True):
    map_index: int = UNMAPPED
    deserialize: bool = False
    stringify: bool = False


@routes.get("/{xcom_key:path}")
def get_xcom_entry(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str, query: XComQuery
) -> models.XComResponseNative | models.XComResponseString:
    """Show one XCom with its value."""
    run = call.run(dag_id, dag_run_id)
    instance = find(call, run, task_id, query.map_index)
    if xcom_key not in instance.xcoms:
        raise HttpError(404, f"XCom entry with key: `{xcom_key}` not found")
    value = call.backend.xcom(instance, xcom_key)
    fields = views.xcom_fields(xcom_key, instance, run, call.version_of(run))
    if query.stringify:
        return models.XComResponseString(**fields, value=None if value is None else str(value))
    return models.XComResponseNative(**fields, value=value)
