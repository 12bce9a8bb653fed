"""Guarded writes: each says what it expects to find, so that a write made late or twice does nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sailplane.cloud import alarms, codec, documents, paths
from sailplane.cloud.asset_codec import GuardedAsset
from sailplane.cloud.message_types import FIRESTORE, types_of
from sailplane.model.ids import RunKey
from sailplane.model.runs import DagRun, TaskInstance, Token

Write = types_of(FIRESTORE, "write").Write.pb()


@dataclass(frozen=True, slots=True)
class Create:
    """Write `record`, which must not exist."""

    record: codec.Record


@dataclass(frozen=True, slots=True)
class Replace:
    """Write `record` over the document whose update time is `record.token`."""

    record: codec.Guarded | GuardedAsset


@dataclass(frozen=True, slots=True)
class ReplaceShared(Replace):
    """`Replace` of a document that others `Merge` into."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write `record` whatever is there: only for documents that have one writer at a time by their nature."""

    record: codec.Record


@dataclass(frozen=True, slots=True)
class Beat:
    """Move the alarm of the document at `path`: a lease goes on."""

    path: str
    token: Token
    alarm_at: datetime


@dataclass(frozen=True, slots=True)
class EndRun:
    """Close a run of which only its key and update time are known."""

    run: RunKey
    token: Token
    ended: DagRun
    """Only `state`, `ended_at`, `summary` and `claim` are written."""


@dataclass(frozen=True, slots=True)
class PutVersion:
    """Write one version of a DAG: immutable, so writing it twice is harmless."""

    dag_id: str
    number: int
    serialized: bytes
    """JSON of the `SerializedDag`; empty when it stands in the bucket under `object_name`."""
    object_name: str
    bundle: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeepTry:
    """Keep what is known of a try that ended before its task instance goes on."""

    record: TaskInstance


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the document at `path`, if it is there."""

    path: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the document at `path` if its update time is `token`."""

    path: str
    token: Token


@dataclass(frozen=True, slots=True)
class Merge:
    """Set the fields `only` as `record` has them and add to lists what they lack; the rest of the document stays.

    It expects nothing, so it never conflicts: for documents that many write to at once.
    """

    record: codec.Record
    only: tuple[str, ...]
    adds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PutWait:
    """Let a sensor be woken by `events` (`gs://bucket/object`): one document names them all."""

    instance: TaskInstance


Change = Merge | Remove | Create | Replace | Put | Beat | EndRun | PutVersion | KeepTry | Delete | PutWait


def encode(change: Change, root: str, shards: int) -> Any:
    """The Firestore write that makes `change` in the database whose documents stand below `root`."""
    write = Write()
    match change:
        case Create(record):
            _put_record(write, record, root, shards)
            write.current_document.exists = False
        case Replace(record):
            _put_record(write, record, root, shards)
            documents.put_token(write.current_document.update_time, record.token)
        case Put(record):
            _put_record(write, record, root, shards)
        case Beat():
            _beat(write, change, root, shards)
        case EndRun():
            _end_run(write, change, root)
        case PutVersion():
            _put_version(write, change, root)
        case KeepTry(record):
            write.update.name = f"{root}/{paths.try_(record.run, record.key, record.try_number)}"
            codec.write_fields(record, write.update.fields, shards=shards)
        case PutWait(instance):
            write.update.name = f"{root}/{paths.wait(instance.run, instance.key)}"
            codec.write_wait(instance, write.update.fields)
        case Remove(path, token):
            write.delete = f"{root}/{path}"
            documents.put_token(write.current_document.update_time, token)
        case Merge():
            _merge(write, change, root, shards)
        case Delete(path):
            write.delete = f"{root}/{path}"
    return write


def _put_record(write: Any, record: codec.Record, root: str, shards: int) -> None:
    write.update.name = f"{root}/{codec.path_of(record)}"
    codec.write_fields(record, write.update.fields, shards=shards)


def _merge(write: Any, merge: Merge, root: str, shards: int) -> None:
    _put_record(write, merge.record, root, shards)
    for name in [name for name in write.update.fields if name not in merge.only]:
        del write.update.fields[name]
    write.update_mask.field_paths.extend(merge.only)
    for name, values in merge.adds.items():
        transform = write.update_transforms.add()
        transform.field_path = name
        for value in values:
            transform.append_missing_elements.values.add().string_value = value


def _beat(write: Any, beat: Beat, root: str, shards: int) -> None:
    write.update.name = f"{root}/{beat.path}"
    alarms.put(write.update.fields, beat.alarm_at, beat.path, fine=False, shards=shards)
    write.update_mask.field_paths.append("alarm_at")
    documents.put_token(write.current_document.update_time, beat.token)


def _end_run(write: Any, end: EndRun, root: str) -> None:
    write.update.name = f"{root}/{paths.run(end.run)}"
    codec.write_run_end(end.ended, write.update.fields)
    write.update_mask.field_paths.extend(codec.RUN_END_FIELDS)
    documents.put_token(write.current_document.update_time, end.token)


def _put_version(write: Any, version: PutVersion, root: str) -> None:
    write.update.name = f"{root}/{paths.version(version.dag_id, version.number)}"
    fields = write.update.fields
    documents.put_text(fields, "serialized", version.serialized.decode())
    documents.put_text(fields, "object", version.object_name)
    documents.put_text(fields, "bundle", version.bundle)
    documents.put_instant(fields, "created_at", version.created_at)
