"""DAGs and their schedules to stored fields and back."""

from typing import Any

import msgspec

from sailplane.cloud import alarms, paths
from sailplane.cloud.documents import (
    Fields,
    flag,
    instant,
    optional_text,
    put_flag,
    put_instant,
    put_text,
    put_texts,
    put_whole,
    required_instant,
    text,
    texts,
    token_of,
    whole,
)
from sailplane.model.planning import PlannedRun
from sailplane.model.runs import DagRecord, DagSchedule

HELD = "held"
"""What the `state` of a schedule says while the DAG has as many active runs as it may: whoever closes one frees it."""


def write_schedule(record: DagSchedule, fields: Fields, shards: int) -> None:
    put_instant(fields, "due_at", record.run_after)
    put_instant(fields, "logical_date", record.logical_date)
    put_instant(fields, "data_interval_start", record.data_interval_start)
    put_instant(fields, "data_interval_end", record.data_interval_end)
    put_instant(fields, "last_run_after", record.last_run_after)
    put_instant(fields, "last_interval_start", record.last_interval_start)
    put_instant(fields, "last_interval_end", record.last_interval_end)
    alarms.put(fields, record.alarm_at, paths.schedule(record.dag_id), fine=True, shards=shards)
    if record.is_held:
        fields["state"].string_value = HELD
    if record.planned_at is not None:
        fields["planned"].string_value = msgspec.json.encode(record.planned).decode()
        put_instant(fields, "planned_at", record.planned_at)


def read_schedule(document: Any) -> DagSchedule:
    dag_id, _ = paths.ids_in(document.name, "dags", "runs")
    fields = document.fields
    return DagSchedule(
        dag_id=dag_id,
        run_after=instant(fields, "due_at"),
        logical_date=instant(fields, "logical_date"),
        data_interval_start=instant(fields, "data_interval_start"),
        data_interval_end=instant(fields, "data_interval_end"),
        last_run_after=instant(fields, "last_run_after"),
        last_interval_start=instant(fields, "last_interval_start"),
        last_interval_end=instant(fields, "last_interval_end"),
        alarm_at=alarms.get(fields),
        is_held=text(fields, "state") == HELD,
        planned=msgspec.json.decode(text(fields, "planned", "[]"), type=tuple[PlannedRun, ...]),
        planned_at=instant(fields, "planned_at"),
        token=token_of(document.update_time),
    )


def write_dag(record: DagRecord, fields: Fields, shards: int) -> None:
    fields["version"].integer_value = record.version
    put_text(fields, "bundle", record.bundle)
    put_text(fields, "file", record.file)
    put_text(fields, "fingerprint", record.fingerprint)
    put_flag(fields, "is_paused", record.is_paused)
    put_text(fields, "display_name", record.display_name)
    put_text(fields, "description", record.description)
    put_texts(fields, "tags", record.tags)
    put_texts(fields, "owners", record.owners)
    put_text(fields, "schedule_summary", record.schedule_summary)
    put_whole(fields, "max_active_runs", record.max_active_runs)
    put_whole(fields, "max_active_tasks", record.max_active_tasks)
    put_flag(fields, "has_import_errors", record.has_import_errors)
    put_flag(fields, "is_stale", record.is_stale)
    put_instant(fields, "pushed_at", record.pushed_at)


def read_dag(document: Any) -> DagRecord:
    (dag_id,) = paths.ids_in(document.name, "dags")
    fields = document.fields
    return DagRecord(
        dag_id=dag_id,
        version=whole(fields, "version"),
        bundle=text(fields, "bundle"),
        file=text(fields, "file"),
        fingerprint=text(fields, "fingerprint"),
        is_paused=flag(fields, "is_paused"),
        display_name=text(fields, "display_name"),
        description=optional_text(fields, "description"),
        tags=texts(fields, "tags"),
        owners=texts(fields, "owners"),
        schedule_summary=text(fields, "schedule_summary"),
        max_active_runs=whole(fields, "max_active_runs"),
        max_active_tasks=whole(fields, "max_active_tasks"),
        has_import_errors=flag(fields, "has_import_errors"),
        is_stale=flag(fields, "is_stale"),
        pushed_at=required_instant(fields, "pushed_at"),
        token=token_of(document.update_time),
    )


def is_schedule(document: Any) -> bool:
    return str(document.name).endswith("/" + paths.SCHEDULE_ID)
