"""Records as the CLI prints them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sailplane.cost.bill import bill
from sailplane.cost.money import Dollars
from sailplane.cost.prices import current
from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.runs import DagFileError, DagRecord, DagRun, DagSchedule, TaskInstance
from sailplane.model.states import TaskState
from sailplane.model.usage import Usage, total

DAG_COLUMNS = ("dag_id", "schedule", "is_paused", "next_run", "tags", "owners", "file")
RUN_COLUMNS = ("dag_id", "run_id", "state", "run_type", "logical_date", "start_date", "duration")
TASK_COLUMNS = ("task_id", "operator", "upstream", "trigger_rule", "retries")
INSTANCE_COLUMNS = ("task_id", "map_index", "state", "try_number", "start_date", "end_date", "duration", "cost")
ERROR_COLUMNS = ("file", "message", "seen_at")


def dag_row(record: DagRecord, schedule: DagSchedule | None) -> dict[str, Any]:
    return {
        "dag_id": record.dag_id,
        "schedule": None if record.schedule_summary == "None" else record.schedule_summary,
        "is_paused": record.is_paused,
        "next_run": schedule.run_after if schedule and not record.is_paused else None,
        "tags": list(record.tags),
        "owners": list(record.owners),
        "file": record.file,
        "description": record.description,
        "version": record.version,
        "bundle": record.bundle,
        "has_import_errors": record.has_import_errors,
        "is_stale": record.is_stale,
        "pushed_at": record.pushed_at,
    }


def dag_details_row(record: DagRecord, schedule: DagSchedule | None, dag: SerializedDag) -> dict[str, Any]:
    return {
        **dag_row(record, schedule),
        "timezone": dag.schedule.timezone,
        "start_date": dag.start_date,
        "end_date": dag.end_date,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "dagrun_timeout": dag.dagrun_timeout,
        "params": {name: param.value for name, param in dag.params.items()},
        "doc_md": dag.doc_md,
        "tasks": [task_row(task) for task in dag.tasks],
    }


def task_row(task: SerializedTask) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "operator": task.operator,
        "upstream": list(task.upstream),
        "trigger_rule": task.trigger_rule,
        "retries": task.retries,
        "queue": task.queue,
        "is_mapped": task.is_mapped,
        "group_id": task.group_id,
    }


def run_row(run: DagRun) -> dict[str, Any]:
    context = run.context
    return {
        "dag_id": context.dag_id,
        "run_id": context.run_id,
        "state": run.state,
        "run_type": context.run_type,
        "logical_date": context.logical_date,
        "run_after": context.run_after,
        "data_interval_start": context.data_interval_start,
        "data_interval_end": context.data_interval_end,
        "queued_at": run.queued_at,
        "start_date": run.started_at,
        "end_date": run.ended_at,
        "duration": seconds(run.started_at, run.ended_at),
        "triggered_by": context.triggered_by,
        "triggering_user": run.triggering_user,
        "conf": dict(context.conf),
        "note": run.note,
        "version": context.version,
    }


def run_details_row(run: DagRun, instances: Iterable[TaskInstance]) -> dict[str, Any]:
    """A run with whether it is held, and what it used, its task instances counted in."""
    hold = run.hold
    held = {
        "is_held": hold is not None,
        "hold_reason": hold.reason if hold else None,
        "resume_at": hold.resume_at if hold else None,
    }
    return {**run_row(run), **held, **usage_row(total([run.usage, *(instance.usage for instance in instances)]))}


def instance_row(instance: TaskInstance) -> dict[str, Any]:
    return {
        "task_id": instance.task_id,
        "map_index": instance.map_index,
        "rendered_map_index": instance.rendered_map_index,
        "state": None if instance.state is TaskState.NONE else instance.state,
        "try_number": instance.try_number,
        "start_date": instance.started_at,
        "end_date": instance.ended_at,
        "duration": seconds(instance.started_at, instance.ended_at),
        "error": None if instance.error is None else f"{instance.error.kind}: {instance.error.message}",
        "queue": instance.queue,
        "cpu_seconds": instance.cpu_seconds,
        "max_rss_mib": instance.max_rss_mib,
        **usage_row(instance.usage),
    }


def usage_row(usage: Usage) -> dict[str, Any]:
    """What was used, and the price of it as if nothing were free."""
    return {
        "reads": round(usage.reads, 3),
        "writes": round(usage.writes, 3),
        "messages": round(usage.messages, 3),
        "objects": round(usage.class_a + usage.class_b, 3),
        "vcpu_seconds": round(usage.vcpu_seconds + usage.job_vcpu_seconds, 6),
        "gib_seconds": round(usage.gib_seconds + usage.job_gib_seconds, 6),
        "cost": Dollars(bill(usage, current()).total),
    }


def instance_rows(instances: Iterable[TaskInstance], dag: SerializedDag) -> list[dict[str, Any]]:
    """All task instances in the DAG's order; a task that nothing made ready yet has no state."""
    stored: dict[str, list[TaskInstance]] = {}
    for instance in sorted(instances, key=lambda one: one.key):
        stored.setdefault(instance.task_id, []).append(instance)
    rows = []
    for task in dag.tasks:
        known = stored.pop(task.task_id, None)
        rows += [instance_row(one) for one in known] if known else [_waiting_row(task)]
    return rows + [instance_row(one) for left in stored.values() for one in left]


def _waiting_row(task: SerializedTask) -> dict[str, Any]:
    return {**dict.fromkeys((*INSTANCE_COLUMNS, "error")), "task_id": task.task_id, "map_index": -1, "try_number": 0}


def error_row(error: DagFileError) -> dict[str, Any]:
    return {"file": error.file, "message": error.message, "seen_at": error.seen_at, "traceback": error.traceback}


def seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 3) if start and end else None
