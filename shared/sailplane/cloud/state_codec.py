"""Entries of the state stores to stored fields and back: a document each, below what it is the state of."""

from typing import Any
from urllib.parse import unquote

from sailplane.cloud import paths
from sailplane.cloud.asset_codec import asset_path
from sailplane.cloud.documents import (
    Fields,
    instant,
    optional_text,
    put_instant,
    put_text,
    required_instant,
    text,
    token_of,
)
from sailplane.cloud.value_codec import document_id
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.state_store import AssetEntry, StateWriter, TaskEntry, WriterKind

TASK_STATE = "task_state"
ASSET_STATE = "asset_state"
_BY = "updated_by_"


def task_entry_path(run: RunKey, task: TaskKey, key: str) -> str:
    return f"{paths.task(run, task)}/{TASK_STATE}/{document_id(key)}"


def asset_entry_path(asset: int, key: str) -> str:
    return f"{asset_path(asset)}/{ASSET_STATE}/{document_id(key)}"


def write_task_entry(record: TaskEntry, fields: Fields, shards: int) -> None:
    fields["value"].string_value = record.value
    put_instant(fields, "updated_at", record.updated_at)
    put_instant(fields, "expire_at", record.expires_at)


def read_task_entry(document: Any) -> TaskEntry:
    _dags, dag_id, _runs, run_id, _tasks, task, _entries, key = _parts(document)
    fields = document.fields
    return TaskEntry(
        run=RunKey(dag_id, run_id),
        task=TaskKey.parse(task),
        key=unquote(key),
        value=text(fields, "value"),
        updated_at=required_instant(fields, "updated_at"),
        expires_at=instant(fields, "expire_at"),
        token=token_of(document.update_time),
    )


def write_asset_entry(record: AssetEntry, fields: Fields, shards: int) -> None:
    fields["value"].string_value = record.value
    put_instant(fields, "updated_at", record.updated_at)
    if record.written_by is None:
        return
    writer = record.written_by
    put_text(fields, f"{_BY}kind", writer.kind)
    for name in ("dag_id", "run_id", "task_id"):
        put_text(fields, _BY + name, getattr(writer, name))
    if writer.map_index is not None:
        fields[f"{_BY}map_index"].integer_value = writer.map_index


def read_asset_entry(document: Any) -> AssetEntry:
    _assets, asset, _entries, key = _parts(document)
    fields = document.fields
    return AssetEntry(
        asset=int(asset),
        key=unquote(key),
        value=text(fields, "value"),
        updated_at=required_instant(fields, "updated_at"),
        written_by=_writer(fields),
        token=token_of(document.update_time),
    )


def _writer(fields: Fields) -> StateWriter | None:
    kind = optional_text(fields, f"{_BY}kind")
    if kind is None:
        return None
    map_index = f"{_BY}map_index"
    return StateWriter(
        kind=WriterKind(kind),
        dag_id=optional_text(fields, f"{_BY}dag_id"),
        run_id=optional_text(fields, f"{_BY}run_id"),
        task_id=optional_text(fields, f"{_BY}task_id"),
        map_index=int(fields[map_index].integer_value) if map_index in fields else None,
    )


def _parts(document: Any) -> list[str]:
    return str(document.name).split("/documents/", 1)[1].split("/")
