"""Assets and their events as the REST API shows them."""

from collections.abc import Sequence
from typing import Any

from sailplane.api import asset_models as models
from sailplane.api.asset_backend import AssetBackend
from sailplane.model.assets import AliasRecord, AssetEvent, AssetKind, AssetNode, AssetRecord, alias_id, asset_id
from sailplane.model.runs import DagRun
from sailplane.model.secrets import redacted


def asset_view(record: AssetRecord, last: AssetEvent | None) -> models.AssetResponse:
    when: dict[str, Any] = {"created_at": record.created_at, "updated_at": record.updated_at}
    return models.AssetResponse(
        id=record.id,
        name=record.name,
        uri=record.uri,
        group=record.group,
        extra=redacted(dict(record.extra)),
        **when,
        scheduled_dags=[models.DagScheduleAssetReference(dag_id=each, **when) for each in record.consumers],
        producing_tasks=[models.TaskOutletAssetReference(**_task(each), **when) for each in record.producers],
        consuming_tasks=[models.TaskInletAssetReference(**_task(each), **when) for each in record.readers],
        aliases=[models.AssetAliasResponse(id=alias_id(name), name=name, group="asset") for name in record.aliases],
        last_asset_event=models.LastAssetEventResponse(
            id=last.id if last else None, timestamp=last.timestamp if last else None
        ),
    )


def _task(place: str) -> dict[str, Any]:
    dag_id, _, task_id = place.partition("/")
    return {"dag_id": dag_id, "task_id": task_id}


def alias_view(record: AliasRecord) -> models.AssetAliasResponse:
    return models.AssetAliasResponse(id=record.id, name=record.name, group=record.group)


def event_views(backend: AssetBackend, events: Sequence[AssetEvent]) -> list[models.AssetEventResponse]:
    """The events with the runs that took them, which one query finds for thirty of them."""
    runs = backend.runs_started_by([event.reference for event in events]) if events else ()
    took = {event.reference: [run for run in runs if event.reference in run.asset_events] for event in events}
    return [event_view(event, took[event.reference]) for event in events]


def event_view(event: AssetEvent, runs: Sequence[DagRun]) -> models.AssetEventResponse:
    return models.AssetEventResponse(
        id=event.id,
        asset_id=event.asset_id,
        uri=event.uri,
        name=event.name,
        group=event.group,
        extra=redacted(dict(event.extra)),
        source_task_id=event.source_task_id,
        source_dag_id=event.source_dag_id,
        source_run_id=event.source_run_id,
        source_map_index=event.source_map_index,
        created_dagruns=[_run(event, run) for run in runs],
        timestamp=event.timestamp,
        partition_key=event.partition_key,
    )


def _run(event: AssetEvent, run: DagRun) -> models.DagRunAssetReference:
    context = run.context
    return models.DagRunAssetReference(
        run_id=context.run_id,
        dag_id=context.dag_id,
        logical_date=context.logical_date,
        start_date=run.started_at,
        end_date=run.ended_at,
        state=run.state,
        data_interval_start=context.data_interval_start,
        data_interval_end=context.data_interval_end,
        triggering=run.asset_events[-1] == event.reference,
    )


def expression(node: AssetNode | None) -> dict[str, Any] | None:
    """A condition as Airflow shows it."""
    if node is None:
        return None
    match node.kind:
        case AssetKind.ASSET:
            known = {"uri": node.uri, "name": node.name, "group": node.group, "id": asset_id(node.name, node.uri)}
            return {"asset": known}
        case AssetKind.ALIAS:
            return {"alias": {"name": node.name, "group": node.group}}
        case AssetKind.NAME_REF:
            return {"asset_ref": {"name": node.name}}
        case AssetKind.URI_REF:
            return {"asset_ref": {"uri": node.uri}}
        case AssetKind.ANY | AssetKind.ALL:
            return {str(node.kind): [expression(part) for part in node.parts]}
