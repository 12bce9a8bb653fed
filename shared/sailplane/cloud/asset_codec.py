"""Assets, aliases, events and queues to stored fields and back."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sailplane.cloud import alarms
from sailplane.cloud.documents import (
    Fields,
    flag,
    moment_of,
    optional_text,
    put_flag,
    put_instant,
    put_text,
    put_texts,
    required_instant,
    text,
    texts,
    token_of,
)
from sailplane.model.assets import AliasRecord, AssetEvent, AssetQueue, AssetRecord
from sailplane.model.ids import UNMAPPED

GuardedAsset = AssetRecord | AliasRecord | AssetQueue
"""Those that carry the token of the write they came from."""
QUEUE_PREFIX = "~asset-"
QUEUED = "asset_queued"
"""What the `state` of a queue says: it stands among runs, and is found by this."""


def asset_path(record_id: int) -> str:
    return f"assets/{record_id}"


def alias_path(record_id: int) -> str:
    return f"asset_aliases/{record_id}"


def event_path(reference: str) -> str:
    """Of an event, by the reference that runs and queues keep."""
    asset, _, event = reference.partition("/")
    return f"assets/{asset}/asset_events/{event}"


def queue_path(dag_id: str, asset: int) -> str:
    return f"dags/{dag_id}/runs/{QUEUE_PREFIX}{asset}"


def is_queue(document: Any) -> bool:
    return str(document.name).rpartition("/")[2].startswith(QUEUE_PREFIX)


def write_asset(record: AssetRecord, fields: Fields, shards: int) -> None:
    put_text(fields, "name", record.name)
    put_text(fields, "uri", record.uri)
    put_text(fields, "group", record.group)
    _put_extra(fields, "extra", record.extra)
    put_texts(fields, "consumers", record.consumers)
    put_texts(fields, "producers", record.producers)
    put_texts(fields, "readers", record.readers)
    put_texts(fields, "aliases", record.aliases)
    put_flag(fields, "is_inactive", not record.is_active)
    put_instant(fields, "created_at", record.created_at)
    put_instant(fields, "updated_at", record.updated_at)


def read_asset(document: Any) -> AssetRecord:
    fields = document.fields
    return AssetRecord(
        name=text(fields, "name"),
        uri=text(fields, "uri"),
        group=text(fields, "group"),
        extra=_extra(fields, "extra"),
        consumers=texts(fields, "consumers"),
        producers=texts(fields, "producers"),
        readers=texts(fields, "readers"),
        aliases=texts(fields, "aliases"),
        is_active=not flag(fields, "is_inactive"),
        created_at=required_instant(fields, "created_at"),
        updated_at=required_instant(fields, "updated_at"),
        token=token_of(document.update_time),
    )


def write_alias(record: AliasRecord, fields: Fields, shards: int) -> None:
    put_text(fields, "name", record.name)
    put_text(fields, "group", record.group)
    put_texts(fields, "consumers", record.consumers)
    put_texts(fields, "assets", record.assets)


def read_alias(document: Any) -> AliasRecord:
    fields = document.fields
    return AliasRecord(
        name=text(fields, "name"),
        group=text(fields, "group"),
        consumers=texts(fields, "consumers"),
        assets=texts(fields, "assets"),
        token=token_of(document.update_time),
    )


def write_event(record: AssetEvent, fields: Fields, shards: int) -> None:
    put_text(fields, "name", record.name)
    put_text(fields, "uri", record.uri)
    put_text(fields, "group", record.group)
    _put_extra(fields, "extra", record.extra)
    put_instant(fields, "timestamp", record.timestamp)
    put_text(fields, "source_dag_id", record.source_dag_id)
    put_text(fields, "source_run_id", record.source_run_id)
    put_text(fields, "source_task_id", record.source_task_id)
    if record.source_dag_id:
        put_text(fields, "source", f"{record.source_dag_id}|{record.source_run_id}")
    if record.source_map_index != UNMAPPED:
        fields["source_map_index"].integer_value = record.source_map_index
    put_texts(fields, "aliases", record.aliases)
    put_text(fields, "partition_key", record.partition_key)


def read_event(document: Any) -> AssetEvent:
    fields = document.fields
    index = fields["source_map_index"].integer_value if "source_map_index" in fields else UNMAPPED
    return AssetEvent(
        id=int(str(document.name).rpartition("/")[2]),
        name=text(fields, "name"),
        uri=text(fields, "uri"),
        group=text(fields, "group"),
        extra=_extra(fields, "extra"),
        timestamp=required_instant(fields, "timestamp"),
        source_dag_id=optional_text(fields, "source_dag_id"),
        source_run_id=optional_text(fields, "source_run_id"),
        source_task_id=optional_text(fields, "source_task_id"),
        source_map_index=int(index),
        aliases=texts(fields, "aliases"),
        partition_key=optional_text(fields, "partition_key"),
    )


def write_queue(record: AssetQueue, fields: Fields, shards: int) -> None:
    fields["state"].string_value = QUEUED
    put_text(fields, "name", record.name)
    put_text(fields, "uri", record.uri)
    put_texts(fields, "events", record.events)
    put_texts(fields, "aliases", record.aliases)
    put_instant(fields, "updated_at", record.updated_at)
    if record.alarm_at is not None:
        path = queue_path(record.dag_id, record.asset_id)
        fields["alarm_at"].string_value = alarms.encode(record.alarm_at, path, fine=False, shards=shards)


def read_queue(document: Any) -> AssetQueue:
    fields = document.fields
    updated_at = required_instant(fields, "updated_at")
    return AssetQueue(
        dag_id=str(document.name).split("/documents/", 1)[1].split("/")[1],
        name=text(fields, "name"),
        uri=text(fields, "uri"),
        events=texts(fields, "events"),
        aliases=texts(fields, "aliases"),
        since=moment_of(document.create_time),
        updated_at=updated_at,
        alarm_at=alarms.decode(fields["alarm_at"].string_value) if "alarm_at" in fields else None,
        token=token_of(document.update_time),
    )


def _put_extra(fields: Fields, name: str, extra: Any) -> None:
    if extra:
        fields[name].string_value = msgspec.json.encode(extra).decode()


def _extra(fields: Fields, name: str) -> dict[str, Any]:
    stored = optional_text(fields, name)
    return msgspec.json.decode(stored, type=dict[str, Any]) if stored else {}


PATHS: Mapping[type, Callable[[Any], str]] = {
    AssetRecord: lambda record: asset_path(record.id),
    AliasRecord: lambda record: alias_path(record.id),
    AssetEvent: lambda record: event_path(record.reference),
    AssetQueue: lambda record: queue_path(record.dag_id, record.asset_id),
}
WRITERS: Mapping[type, Callable[[Any, Fields, int], None]] = {
    AssetRecord: write_asset,
    AliasRecord: write_alias,
    AssetEvent: write_event,
    AssetQueue: write_queue,
}
