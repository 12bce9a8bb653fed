"""Registering what a bundle declares: new versions, changed schedules, files that could not be read."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from sailplane.cloud import paths
from sailplane.cloud.changes import Change, Create, Delete, Put, PutVersion, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import asset_registry, asset_runs, bundles, pools, turns
from sailplane.model import ids
from sailplane.model.dags import ParsedBundle, ScheduleKind, SerializedDag
from sailplane.model.runs import DagFileError, DagRecord

LARGEST_DOCUMENT = 900 * 1024
"""A larger serialized DAG goes to the bucket: a document may not pass 1 MiB."""


@dataclass(frozen=True, kw_only=True)
class PushReport:
    """What a push changed, as dag_ids."""

    bundle: str
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    """No longer declared anywhere: they keep their history and start nothing by themselves."""
    errors: tuple[DagFileError, ...] = ()
    warnings: tuple[str, ...] = ()
    """What was registered all the same, and will not work as it is."""


def push(cloud: Cloud, folder: Path, parsed: ParsedBundle, now: datetime) -> PushReport:
    """Upload `folder` as a bundle and register what `parsed` found in it.

    Each DAG switches to its new version in one commit; runs that are under way keep theirs. A file that could not be
    read leaves its DAGs as they were. Repeating a push, or one that died halfway, changes only what is left to change.
    """
    bundle = _upload(cloud, folder)
    known = {record.dag_id: record for record in cloud.store.dags()}
    outcome: dict[str, list[str]] = {"created": [], "updated": [], "unchanged": []}
    for dag in parsed.dags:
        outcome[_register(cloud, dag, bundle, now)].append(dag.dag_id)
    stale = _retire(cloud, known, parsed)
    _register_assets(cloud, known, parsed, {*outcome["created"], *outcome["updated"]}, now)
    _note_errors(cloud, parsed.errors)
    return PushReport(
        bundle=bundle,
        created=tuple(outcome["created"]),
        updated=tuple(outcome["updated"]),
        unchanged=tuple(outcome["unchanged"]),
        stale=stale,
        errors=parsed.errors,
        warnings=pools.missing(cloud, parsed.dags),
    )


def _register_assets(
    cloud: Cloud, known: Mapping[str, DagRecord], parsed: ParsedBundle, changed: Collection[str], now: datetime
) -> None:
    """Register the assets of all DAGs, and look whether updates that wait for the changed ones suffice now."""
    broken = {error.file for error in parsed.errors}
    declared = {dag.dag_id for dag in parsed.dags}
    left = [each for dag_id, each in known.items() if dag_id not in declared]
    kept = [each for each in left if each.file in broken and not each.is_stale]
    dags = [*parsed.dags, *(cloud.store.version(each.dag_id, each.version) for each in kept)]
    before = asset_registry.register(cloud, dags, now)
    consumers = {dag.dag_id for dag in parsed.dags if dag.schedule.assets is not None} | before
    asset_runs.look_at_all(cloud, lambda: now, sorted(consumers.intersection(changed)))


def _upload(cloud: Cloud, folder: Path) -> str:
    sha256, data = bundles.pack(folder)
    name = ids.bundle_object(sha256)
    if not cloud.blobs.exists(name):
        cloud.blobs.write(name, data, "application/gzip")
    return sha256


def _register(cloud: Cloud, dag: SerializedDag, bundle: str, now: datetime) -> str:
    serialized = msgspec.json.encode(dag)
    fingerprint = hashlib.sha256(serialized).hexdigest()
    while True:
        record, schedule = cloud.store.dag_with_schedule(dag.dag_id)
        is_new_version = record is None or record.fingerprint != fingerprint
        wanted = _record(dag, record, bundle, fingerprint, now)
        if record is not None and replace(wanted, pushed_at=record.pushed_at) == record and schedule is not None:
            return "unchanged"
        changes: list[Change] = [Replace(wanted) if record is not None else Create(wanted)]
        is_custom = dag.schedule.kind is ScheduleKind.CUSTOM  # Its code may be another now, though the DAG is the same.
        if is_new_version or is_custom or schedule is None or (record is not None and record.is_stale):
            due = turns.due_schedule(dag, schedule, paused=wanted.is_paused, now=now)
            changes.append(Replace(due) if schedule is not None else Create(due))
        if is_new_version:
            changes.append(_version(cloud, dag, wanted.version, serialized, bundle, now))
        if isinstance(cloud.store.commit(changes), Committed):
            return "created" if record is None else "updated"


def _record(dag: SerializedDag, record: DagRecord | None, bundle: str, fingerprint: str, now: datetime) -> DagRecord:
    version = 1
    if record is not None:
        version = record.version if record.fingerprint == fingerprint else record.version + 1
    return DagRecord(
        dag_id=dag.dag_id,
        version=version,
        bundle=bundle,
        file=dag.file,
        fingerprint=fingerprint,
        is_paused=record.is_paused if record is not None else bool(dag.is_paused_upon_creation),
        display_name=dag.display_name,
        description=dag.description,
        tags=dag.tags,
        owners=dag.owners,
        schedule_summary=dag.schedule.summary,
        max_active_runs=dag.max_active_runs,
        max_active_tasks=dag.max_active_tasks,
        pushed_at=now,
        token=record.token if record is not None else "",
    )


def _version(
    cloud: Cloud, dag: SerializedDag, number: int, serialized: bytes, bundle: str, now: datetime
) -> PutVersion:
    object_name = ""
    if len(serialized) > LARGEST_DOCUMENT:
        object_name = f"versions/{dag.dag_id}/{hashlib.sha256(serialized).hexdigest()}.json"
        cloud.blobs.write(object_name, serialized, "application/json")
    return PutVersion(dag.dag_id, number, b"" if object_name else serialized, object_name, bundle, now)


def _retire(cloud: Cloud, known: dict[str, DagRecord], parsed: ParsedBundle) -> tuple[str, ...]:
    """Mark DAGs that are gone as stale, and those of files that could not be read as having import errors."""
    declared = {dag.dag_id for dag in parsed.dags}
    broken = {error.file for error in parsed.errors}
    stale = []
    for dag_id, record in known.items():
        if dag_id in declared:
            continue
        if record.file in broken:
            if not record.has_import_errors:
                _mark_broken(cloud, dag_id)
        elif not record.is_stale and _silence(cloud, record):
            stale.append(dag_id)
    return tuple(stale)


def _silence(cloud: Cloud, known: DagRecord) -> bool:
    """Mark a DAG as stale, whatever else changes in it meanwhile. False when another push has declared it since."""
    while True:
        record, schedule = cloud.store.dag_with_schedule(known.dag_id)
        if record is None or record.pushed_at != known.pushed_at:
            return False
        changes: list[Change] = [Replace(replace(record, is_stale=True))]
        if schedule is not None and schedule.alarm_at is not None:
            changes.append(Replace(replace(schedule, alarm_at=None, run_after=None)))
        if isinstance(cloud.store.commit(changes), Committed):
            return True


def _mark_broken(cloud: Cloud, dag_id: str) -> None:
    while True:
        record = cloud.store.dag(dag_id)
        if record is None:
            return
        if isinstance(cloud.store.commit([Replace(replace(record, has_import_errors=True))]), Committed):
            return


def _note_errors(cloud: Cloud, errors: Sequence[DagFileError]) -> None:
    broken = {error.file for error in errors}
    gone = [error.file for error in cloud.store.file_errors() if error.file not in broken]
    changes: list[Change] = [Put(error) for error in errors]
    changes += [Delete(paths.dag_file_error(file)) for file in gone]
    if changes:
        cloud.store.commit(changes)
