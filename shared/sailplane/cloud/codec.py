"""Records to stored fields and back. The one place where the names of stored fields stand."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from sailplane.cloud import (
    alarms,
    asset_codec,
    dag_codec,
    error_codec,
    paths,
    question_codec,
    slot_codec,
    state_codec,
    value_codec,
)
from sailplane.cloud.documents import (
    Fields,
    flag,
    instant,
    json_field,
    number,
    optional_text,
    put_flag,
    put_instant,
    put_json,
    put_number,
    put_text,
    put_text_map,
    put_texts,
    put_whole,
    required_instant,
    text,
    text_map,
    texts,
    token_of,
    whole,
)
from sailplane.cloud.summaries import packed, unpacked
from sailplane.model.assets import AssetEvent
from sailplane.model.human_steps import HumanStep
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.interventions import Intervention, RunHold
from sailplane.model.pools import Pool, Turn
from sailplane.model.resuming import Resumption
from sailplane.model.runs import DagFileError, DagRecord, DagRun, DagSchedule, ErrorInfo, RunContext, TaskInstance
from sailplane.model.state_store import AssetEntry, TaskEntry
from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy
from sailplane.model.usage import NOTHING, Usage
from sailplane.model.values import Connection, Variable

Guarded = (
    DagRecord
    | DagSchedule
    | DagRun
    | TaskInstance
    | Variable
    | Connection
    | TaskEntry
    | AssetEntry
    | HumanStep
    | Pool
    | Turn
)
"""Records that carry the token of the write they came from."""
Record = Guarded | asset_codec.GuardedAsset | DagFileError | AssetEvent

_FINE = frozenset(
    {
        TaskState.SCHEDULED,
        TaskState.UP_FOR_RETRY,
        TaskState.UP_FOR_RESCHEDULE,
        TaskState.DEFERRED,
        TaskState.AWAITING_INPUT,
    }
)


def path_of(record: Record) -> str:
    """The path of the document that holds `record`, relative to the database's root."""
    return _PATHS[type(record)](record)


def write_fields(record: Record, fields: Fields, *, shards: int) -> None:
    """Put `record` into an empty field map."""
    _WRITERS[type(record)](record, fields, shards)


def _write_task(record: TaskInstance, fields: Fields, shards: int) -> None:
    fields["state"].string_value = record.state
    fields["try_number"].integer_value = record.try_number
    fields["max_tries"].integer_value = record.max_tries
    put_text(fields, "queue", record.queue)
    put_text(fields, "operator", record.operator)
    put_instant(fields, "queued_at", record.queued_at)
    put_instant(fields, "started_at", record.started_at)
    put_instant(fields, "ended_at", record.ended_at)
    put_instant(fields, "rescheduled_since", record.rescheduled_since)
    if record.resumption is not None:
        fields["resumption"].string_value = msgspec.json.encode(record.resumption).decode()
    if record.alarm_at is not None:
        path = paths.task(record.run, record.key)
        alarms.put(fields, record.alarm_at, path, fine=record.state in _FINE, shards=shards)
    put_whole(fields, "alarms", record.alarms)
    put_text(fields, "claim", record.claim)
    put_text(fields, "worker", record.worker)
    put_text_map(fields, "xcoms", record.xcoms)
    put_texts(fields, "waits_for", record.waits_for)
    put_texts(fields, "feeds", record.feeds)
    put_texts(fields, "skips", record.skips)
    put_whole(fields, "map_size", record.map_size)
    if record.map_length is not None:
        fields["map_length"].integer_value = record.map_length
    put_text(fields, "map_name", record.map_name)
    put_text(fields, "rendered", record.rendered)
    if record.limits:
        slot_codec.write_limits(record, fields)
    put_flag(fields, "has_log", record.has_log)
    if record.error is not None:
        fields["error"].string_value = msgspec.json.encode(record.error).decode()
    put_number(fields, "cpu_seconds", record.cpu_seconds)
    put_number(fields, "max_rss_mib", record.max_rss_mib)
    put_whole(fields, "clear_number", record.clear_number)
    _put_usage(fields, "usage", record.usage)


def read_task(document: Any) -> TaskInstance:
    """The task instance in a stored document. A projection gives defaults for what it leaves out."""
    dag_id, run_id, document_id = paths.ids_in(document.name, "dags", "runs", "tasks")
    return _task(document, RunKey(dag_id, run_id), TaskKey.parse(document_id))


def read_try(document: Any) -> TaskInstance:
    """An earlier try, from below its task instance."""
    dag_id, run_id, document_id, _ = paths.ids_in(document.name, "dags", "runs", "tasks", "tries")
    return _task(document, RunKey(dag_id, run_id), TaskKey.parse(document_id))


def _task(document: Any, run: RunKey, key: TaskKey) -> TaskInstance:
    fields = document.fields
    error = optional_text(fields, "error")
    resumption = optional_text(fields, "resumption")
    return TaskInstance(
        run=run,
        task_id=key.task_id,
        map_index=key.map_index,
        state=TaskState(text(fields, "state", TaskState.NONE)),
        try_number=whole(fields, "try_number", 1),
        max_tries=whole(fields, "max_tries", 1),
        queue=text(fields, "queue", "default"),
        operator=text(fields, "operator"),
        queued_at=instant(fields, "queued_at"),
        started_at=instant(fields, "started_at"),
        ended_at=instant(fields, "ended_at"),
        rescheduled_since=instant(fields, "rescheduled_since"),
        resumption=msgspec.json.decode(resumption, type=Resumption) if resumption else None,
        alarm_at=alarms.get(fields),
        alarms=whole(fields, "alarms"),
        claim=text(fields, "claim"),
        worker=text(fields, "worker"),
        xcoms=text_map(fields, "xcoms"),
        waits_for=texts(fields, "waits_for"),
        feeds=texts(fields, "feeds"),
        skips=texts(fields, "skips"),
        map_size=whole(fields, "map_size"),
        map_length=whole(fields, "map_length") if "map_length" in fields else None,
        map_name=text(fields, "map_name"),
        rendered=text(fields, "rendered"),
        limits=slot_codec.limits(fields),
        pool_slots=whole(fields, "pool_slots", 1),
        rank=text(fields, "rank"),
        waits_for_slots="wants" in fields,
        has_log=flag(fields, "has_log"),
        error=msgspec.json.decode(error, type=ErrorInfo) if error else None,
        cpu_seconds=number(fields, "cpu_seconds"),
        max_rss_mib=number(fields, "max_rss_mib"),
        clear_number=whole(fields, "clear_number"),
        usage=_usage(fields, "usage"),
        token=token_of(document.update_time),
    )


def _put_usage(fields: Fields, name: str, usage: Usage) -> None:
    """Store `usage` with the write that stores it."""
    fields[name].string_value = msgspec.json.encode(usage.numbers(more_writes=1)).decode()


def _usage(fields: Fields, name: str) -> Usage:
    """Documents of earlier versions have none."""
    stored = optional_text(fields, name)
    return Usage.of(msgspec.json.decode(stored, type=list[float])) if stored else NOTHING


def _write_run(record: DagRun, fields: Fields, shards: int) -> None:
    context = record.context
    fields["state"].string_value = record.state
    fields["version"].integer_value = context.version
    put_text(fields, "bundle", context.bundle)
    put_text(fields, "file", context.file)
    put_text(fields, "run_type", context.run_type)
    put_text(fields, "triggered_by", context.triggered_by)
    put_flag(fields, "limits_default_pool", context.limits_default_pool)
    put_instant(fields, "logical_date", context.logical_date)
    put_instant(fields, "data_interval_start", context.data_interval_start)
    put_instant(fields, "data_interval_end", context.data_interval_end)
    put_instant(fields, "run_after", context.run_after)
    put_instant(fields, "started_at", context.started_at)
    if context.conf:
        fields["conf"].string_value = msgspec.json.encode(context.conf).decode()
    put_instant(fields, "queued_at", record.queued_at)
    put_instant(fields, "ended_at", record.ended_at)
    put_text(fields, "triggering_user", record.triggering_user)
    put_text(fields, "note", record.note)
    put_texts(fields, "asset_events", record.asset_events)
    alarms.put(fields, record.alarm_at, paths.run(record.key), fine=False, shards=shards)
    put_text(fields, "claim", record.claim)
    put_flag(fields, "is_awaited", context.is_awaited)
    put_whole(fields, "clear_number", context.clear_number)
    put_json(fields, "intervention", record.intervention)
    put_json(fields, "hold", record.hold)
    put_json(fields, "deadlines", context.deadlines or None)
    put_text_map(fields, "summary", packed(record.summary))
    _put_usage(fields, "usage", record.usage)


def read_run(document: Any) -> DagRun:
    dag_id, run_id = paths.ids_in(document.name, "dags", "runs")
    fields = document.fields
    conf = optional_text(fields, "conf")
    return DagRun(
        context=RunContext(
            dag_id=dag_id,
            run_id=run_id,
            version=whole(fields, "version"),
            bundle=text(fields, "bundle"),
            file=text(fields, "file"),
            run_type=RunType(text(fields, "run_type", RunType.MANUAL)),
            logical_date=instant(fields, "logical_date"),
            data_interval_start=instant(fields, "data_interval_start"),
            data_interval_end=instant(fields, "data_interval_end"),
            run_after=required_instant(fields, "run_after"),
            started_at=instant(fields, "started_at"),
            conf=msgspec.json.decode(conf) if conf else {},
            triggered_by=TriggeredBy(text(fields, "triggered_by", TriggeredBy.TEST)),
            limits_default_pool=flag(fields, "limits_default_pool"),
            is_awaited=flag(fields, "is_awaited"),
            clear_number=whole(fields, "clear_number"),
            deadlines=json_field(fields, "deadlines", tuple[datetime | None, ...]) or (),
        ),
        state=RunState(text(fields, "state")),
        queued_at=required_instant(fields, "queued_at"),
        ended_at=instant(fields, "ended_at"),
        triggering_user=optional_text(fields, "triggering_user"),
        note=optional_text(fields, "note"),
        asset_events=texts(fields, "asset_events"),
        alarm_at=alarms.get(fields),
        claim=text(fields, "claim"),
        intervention=json_field(fields, "intervention", Intervention),
        hold=json_field(fields, "hold", RunHold),
        summary=unpacked(text_map(fields, "summary")),
        usage=_usage(fields, "usage") + _usage(fields, "end_usage"),
        token=token_of(document.update_time),
    )


RUN_END_FIELDS = ("state", "ended_at", "alarm_at", "summary", "claim", "end_usage")


def write_run_end(record: DagRun, fields: Fields) -> None:
    """The fields that closing a run changes; its alarm goes, being named in the mask and not here."""
    fields["state"].string_value = record.state
    put_instant(fields, "ended_at", record.ended_at)
    put_text_map(fields, "summary", packed(record.summary))
    put_text(fields, "claim", record.claim)
    _put_usage(fields, "end_usage", record.usage)


def write_wait(record: TaskInstance, fields: Fields) -> None:
    """What wakes a rescheduled sensor early, beside its alarm."""
    put_texts(fields, "events", record.waits_for)
    put_text(fields, "dag_id", record.run.dag_id)
    put_text(fields, "run_id", record.run.run_id)
    put_text(fields, "task", record.key.document_id)


def read_wait(document: Any) -> tuple[RunKey, TaskKey]:
    fields = document.fields
    return RunKey(text(fields, "dag_id"), text(fields, "run_id")), TaskKey.parse(text(fields, "task"))


_PATHS: dict[type, Callable[[Any], str]] = {
    TaskInstance: lambda record: paths.task(record.run, record.key),
    DagRun: lambda record: paths.run(record.key),
    DagSchedule: lambda record: paths.schedule(record.dag_id),
    DagRecord: lambda record: paths.dag(record.dag_id),
    DagFileError: lambda record: paths.dag_file_error(record.file),
    Variable: lambda record: value_codec.variable_path(record.key),
    Connection: lambda record: value_codec.connection_path(record.conn_id),
    **asset_codec.PATHS,
    TaskEntry: lambda record: state_codec.task_entry_path(record.run, record.task, record.key),
    AssetEntry: lambda record: state_codec.asset_entry_path(record.asset, record.key),
    HumanStep: lambda record: question_codec.question_path(record.run, record.task, record.try_number),
    Pool: lambda record: slot_codec.pool_path(record.name),
    Turn: lambda record: slot_codec.turn_path(record.limit),
}

_WRITERS: dict[type, Callable[[Any, Fields, int], None]] = {
    TaskInstance: _write_task,
    DagRun: _write_run,
    DagSchedule: dag_codec.write_schedule,
    DagRecord: dag_codec.write_dag,
    DagFileError: error_codec.write_dag_file_error,
    Variable: value_codec.write_variable,
    Connection: value_codec.write_connection,
    **asset_codec.WRITERS,
    TaskEntry: state_codec.write_task_entry,
    AssetEntry: state_codec.write_asset_entry,
    HumanStep: question_codec.write_question,
    Pool: slot_codec.write_pool,
    Turn: slot_codec.write_turn,
}
