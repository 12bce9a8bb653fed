"""Records as the REST API shows them."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from sailplane.api import asset_views, models
from sailplane.api.trigger_views import trigger_view
from sailplane.model.dags import ScheduleKind, SerializedDag, SerializedParam, SerializedTask
from sailplane.model.runs import DagFileError, DagRecord, DagRun, DagSchedule, TaskInstance
from sailplane.model.states import TaskState

_PERIODIC = frozenset(
    {
        ScheduleKind.CRON,
        ScheduleKind.CRON_INTERVAL,
        ScheduleKind.DELTA,
        ScheduleKind.DELTA_INTERVAL,
        ScheduleKind.MULTIPLE_CRON,
        ScheduleKind.CUSTOM,
    }
)
_UNSCHEDULED = frozenset({"None", "@once", "@continuous", "Asset"})


def dag_view(record: DagRecord, schedule: DagSchedule | None) -> models.DAGResponse:
    return models.DAGResponse(**_dag_fields(record, schedule))


def dag_details_view(
    record: DagRecord, schedule: DagSchedule | None, dag: SerializedDag, running: int
) -> models.DAGDetailsResponse:
    fields = _dag_fields(record, schedule) | {
        "timetable_periodic": dag.schedule.kind in _PERIODIC,
        "allowed_run_types": None if dag.allowed_run_types is None else list(dag.allowed_run_types),
    }
    return models.DAGDetailsResponse(
        **fields,
        catchup=dag.catchup,
        asset_expression=asset_views.expression(dag.schedule.assets),
        dag_run_timeout=dag.dagrun_timeout,
        doc_md=dag.doc_md,
        start_date=dag.start_date,
        end_date=dag.end_date,
        is_paused_upon_creation=dag.is_paused_upon_creation,
        owner_links=dict(dag.owner_links),
        params={name: param_view(param) for name, param in dag.params.items()},
        render_template_as_native_obj=dag.render_template_as_native_obj,
        timezone=dag.schedule.timezone,
        last_parsed=record.pushed_at,
        active_runs_count=running,
        concurrency=record.max_active_tasks,
        latest_dag_version=version_view(
            record.dag_id, record.display_name or record.dag_id, record.version, record.bundle, record.pushed_at
        ),
    )


def _dag_fields(record: DagRecord, schedule: DagSchedule | None) -> dict[str, Any]:
    name = record.display_name or record.dag_id
    summary = None if record.schedule_summary == "None" else record.schedule_summary
    periodic = record.schedule_summary not in _UNSCHEDULED
    fields: dict[str, Any] = {
        "dag_id": record.dag_id,
        "dag_display_name": name,
        "is_paused": record.is_paused,
        "is_stale": record.is_stale,
        "last_parsed_time": record.pushed_at,
        "bundle_version": record.bundle,
        "relative_fileloc": record.file,
        "fileloc": record.file,
        "description": record.description,
        "timetable_summary": summary,
        "timetable_description": summary,
        "timetable_periodic": periodic,
        "is_backfillable": periodic,
        "tags": [
            models.DagTagResponse(name=tag, dag_id=record.dag_id, dag_display_name=name) for tag in sorted(record.tags)
        ],
        "max_active_tasks": record.max_active_tasks,
        "max_active_runs": record.max_active_runs,
        "has_import_errors": record.has_import_errors,
        "owners": list(record.owners),
        "file_token": hashlib.sha256(f"{record.bundle}:{record.file}".encode()).hexdigest(),
    }
    if schedule is not None:
        fields |= {
            "next_dagrun_logical_date": schedule.logical_date,
            "next_dagrun_data_interval_start": schedule.data_interval_start,
            "next_dagrun_data_interval_end": schedule.data_interval_end,
            "next_dagrun_run_after": schedule.run_after,
        }
    return fields


def param_view(param: SerializedParam) -> dict[str, Any]:
    """A param as Airflow dumps it."""
    return {
        "value": param.value if param.has_value else None,
        "description": param.description,
        "schema": dict(param.schema),
        "source": None,
    }


def version_view(
    dag_id: str, display_name: str, number: int, bundle: str, created_at: datetime
) -> models.DagVersionResponse:
    return models.DagVersionResponse(
        id=str(uuid5(NAMESPACE_URL, f"{dag_id}/versions/{number}")),
        version_number=number,
        dag_id=dag_id,
        bundle_version=bundle,
        created_at=created_at,
        dag_display_name=display_name,
    )


def run_version_view(run: DagRun, dag: SerializedDag) -> models.DagVersionResponse:
    """The version that a run follows. When it was pushed is not kept with the run: its own queueing bounds it."""
    context = run.context
    return version_view(context.dag_id, display_name(dag), context.version, context.bundle, run.queued_at)


def display_name(dag: SerializedDag) -> str:
    return dag.display_name or dag.dag_id


def run_view(run: DagRun, dag: SerializedDag) -> models.DAGRunResponse:
    context = run.context
    return models.DAGRunResponse(
        dag_run_id=context.run_id,
        dag_id=context.dag_id,
        logical_date=context.logical_date,
        queued_at=run.queued_at,
        start_date=run.started_at,
        end_date=run.ended_at,
        duration=seconds_between(run.started_at, run.ended_at),
        data_interval_start=context.data_interval_start,
        data_interval_end=context.data_interval_end,
        run_after=context.run_after,
        run_type=context.run_type,
        state=run.state,
        triggered_by=context.triggered_by,
        triggering_user_name=run.triggering_user,
        conf=context.conf,
        note=run.note,
        dag_versions=[run_version_view(run, dag)],
        bundle_version=context.bundle,
        dag_display_name=display_name(dag),
    )


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None


def _try_fields(instance: TaskInstance, run: DagRun, dag: SerializedDag) -> dict[str, Any]:
    task = dag.task_dict.get(instance.task_id)
    return {
        "task_id": instance.task_id,
        "dag_id": run.context.dag_id,
        "dag_run_id": run.context.run_id,
        "map_index": instance.map_index,
        "start_date": instance.started_at,
        "end_date": instance.ended_at,
        "duration": seconds_between(instance.started_at, instance.ended_at),
        "state": None if instance.state is TaskState.NONE else instance.state,
        "try_number": instance.try_number,
        "max_tries": max(instance.max_tries - 1, 0),
        "task_display_name": (task.label if task else "") or instance.task_id,
        "dag_display_name": display_name(dag),
        "hostname": instance.worker or None,
        "pool": task.pool if task else "default_pool",
        "pool_slots": task.pool_slots if task else 1,
        "queue": instance.queue,
        "priority_weight": task.priority(instance.try_number) if task else None,
        "operator": instance.operator or (task.operator if task else None),
        "operator_name": instance.operator or (task.operator if task else None),
        "queued_when": instance.queued_at,
        "scheduled_when": instance.queued_at,
        "dag_version": run_version_view(run, dag),
    }


def try_view(instance: TaskInstance, run: DagRun, dag: SerializedDag) -> models.TaskInstanceHistoryResponse:
    return models.TaskInstanceHistoryResponse(**_try_fields(instance, run, dag))


def task_instance_view(instance: TaskInstance, run: DagRun, dag: SerializedDag) -> models.TaskInstanceResponse:
    return models.TaskInstanceResponse(
        **_try_fields(instance, run, dag),
        id=str(uuid5(NAMESPACE_URL, f"{run.key}/{instance.key.document_id}/{instance.try_number}")),
        logical_date=run.context.logical_date,
        run_after=run.context.run_after,
        rendered_map_index=instance.rendered_map_index,
        rendered_fields=rendered_fields(instance),
        trigger=trigger_view(instance),
    )


def rendered_fields(instance: TaskInstance) -> dict[str, Any]:
    """The templated fields as the last try rendered them."""
    return msgspec.json.decode(instance.rendered, type=dict[str, Any]) if instance.rendered else {}


def not_started(task: SerializedTask, run: DagRun) -> TaskInstance:
    """The instance of a task that nothing made ready yet: it has no document, but clients expect to see it."""
    return TaskInstance(
        run=run.key,
        task_id=task.task_id,
        state=TaskState.NONE,
        try_number=0,
        max_tries=task.retries + 1,
        queue=task.queue,
        operator=task.operator,
    )


def duration_view(value: timedelta | None) -> models.TimeDelta | None:
    if value is None:
        return None
    return models.TimeDelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)


def task_view(task: SerializedTask, dag: SerializedDag) -> models.TaskResponse:
    return models.TaskResponse(
        task_id=task.task_id,
        task_display_name=task.label or task.task_id,
        owner=task.owner,
        start_date=dag.start_date,
        end_date=dag.end_date,
        trigger_rule=task.trigger_rule,
        depends_on_past=task.depends_on_past,
        retries=task.retries,
        queue=task.queue,
        pool=task.pool,
        pool_slots=task.pool_slots,
        execution_timeout=duration_view(task.execution_timeout),
        retry_delay=duration_view(task.retry_delay),
        retry_exponential_backoff=task.retry_exponential_backoff,
        priority_weight=task.priority_weight,
        weight_rule=task.weight_rule,
        ui_color=task.ui_color,
        ui_fgcolor=task.ui_fgcolor,
        template_fields=list(task.template_fields),
        downstream_task_ids=sorted(dag.downstream[task.task_id]),
        doc_md=task.doc_md,
        operator_name=task.operator,
        class_ref={"module_path": None, "class_name": task.operator},
        is_mapped=task.is_mapped,
    )


def import_error_view(error: DagFileError) -> models.ImportErrorResponse:
    return models.ImportErrorResponse(
        import_error_id=import_error_id(error),
        timestamp=error.seen_at,
        filename=error.file,
        stack_trace=error.traceback or error.message,
    )


def import_error_id(error: DagFileError) -> int:
    """Airflow numbers its errors; here the file is the key, and its number is made from its name."""
    return int.from_bytes(hashlib.sha256(error.file.encode()).digest()[:4]) >> 1


def xcom_fields(key: str, instance: TaskInstance, run: DagRun, dag: SerializedDag) -> dict[str, Any]:
    task = dag.task_dict.get(instance.task_id)
    return {
        "key": key,
        "timestamp": instance.ended_at or instance.started_at or run.queued_at,
        "logical_date": run.context.logical_date,
        "map_index": instance.map_index,
        "task_id": instance.task_id,
        "dag_id": run.context.dag_id,
        "run_id": run.context.run_id,
        "dag_display_name": display_name(dag),
        "task_display_name": (task.label if task else "") or instance.task_id,
        "run_after": run.context.run_after,
    }
