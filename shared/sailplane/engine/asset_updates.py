"""Updates of assets: their events, and the queues of the DAGs that are scheduled on them, as writes.

They go into the commit that ends the task, so that an update is never lost nor told of a task that did not succeed. A
queue carries an alarm until somebody has looked whether a run can start with it (`asset_runs`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sailplane.cloud.changes import Change, Merge, Put
from sailplane.cloud.wiring import Cloud
from sailplane.model.assets import (
    AliasRecord,
    AssetEvent,
    AssetQueue,
    AssetRecord,
    AssetUpdate,
    asset_id,
    event_id,
)
from sailplane.model.ids import UNMAPPED
from sailplane.model.runs import TaskInstance

QUEUE_ALARM = timedelta(seconds=30)
"""When a tick looks at a queue at which its writer did not look."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who made an update."""

    key: tuple[str, ...]
    """What tells the update from all others."""
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int = UNMAPPED

    @classmethod
    def of(cls, instance: TaskInstance) -> "Origin":
        run, key = instance.run, instance.key
        told = (run.dag_id, run.run_id, key.document_id, str(instance.try_number))
        return cls(key=told, dag_id=run.dag_id, run_id=run.run_id, task_id=key.task_id, map_index=key.map_index)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Updates, ready to be written."""

    changes: tuple[Change, ...] = ()
    dag_ids: tuple[str, ...] = ()
    """DAGs of which a run may start once they are written."""
    events: tuple[AssetEvent, ...] = ()


NOTHING = Prepared()


def prepare(cloud: Cloud, updates: Sequence[AssetUpdate], origin: Origin, now: datetime) -> Prepared:
    """What is to be written for `updates`; reads each asset and alias that they name."""
    if not updates:
        return NOTHING
    records = cloud.store.assets.get(dict.fromkeys(asset_id(each.name, each.uri) for each in updates))
    names = dict.fromkeys(name for each in updates for name in each.aliases)
    aliases = cloud.store.assets.aliases_named(names) if names else {}
    events = [_event(update, number, origin, now) for number, update in enumerate(updates)]
    queues = _queues(events, records, aliases, now)
    return Prepared(
        changes=(*map(Put, events), *_associations(updates, records, aliases, now), *queues.values()),
        dag_ids=tuple(dict.fromkeys(dag_id for dag_id, _ in queues)),
        events=tuple(events),
    )


def _event(update: AssetUpdate, number: int, origin: Origin, now: datetime) -> AssetEvent:
    return AssetEvent(
        id=event_id(*origin.key, str(number)),
        name=update.name,
        uri=update.uri,
        group=update.group,
        extra=update.extra,
        timestamp=now,
        source_dag_id=origin.dag_id,
        source_run_id=origin.run_id,
        source_task_id=origin.task_id,
        source_map_index=origin.map_index,
        aliases=update.aliases,
        partition_key=update.partition_key,
    )


Records = Mapping[int, AssetRecord]
Aliases = Mapping[str, AliasRecord]


def _queues(
    events: Iterable[AssetEvent], records: Records, aliases: Aliases, now: datetime
) -> Mapping[tuple[str, int], Merge]:
    """By DAG and asset, what is added to their queue."""
    grouped: dict[tuple[str, int], list[AssetEvent]] = {}
    for event in events:
        for dag_id in _consumers(event, records, aliases):
            grouped.setdefault((dag_id, event.asset_id), []).append(event)
    return {place: _queued(place[0], together, now) for place, together in grouped.items()}


def _consumers(event: AssetEvent, records: Records, aliases: Aliases) -> Iterable[str]:
    record = records.get(event.asset_id)
    found = dict.fromkeys(record.consumers if record is not None else ())
    for name in event.aliases:
        found |= dict.fromkeys(aliases[name].consumers if name in aliases else ())
    return found


def _queued(dag_id: str, events: Sequence[AssetEvent], now: datetime) -> Merge:
    queue = AssetQueue(
        dag_id=dag_id,
        name=events[0].name,
        uri=events[0].uri,
        since=now,
        updated_at=now,
        alarm_at=now + QUEUE_ALARM,
    )
    through = tuple(dict.fromkeys(name for event in events for name in event.aliases))
    return Merge(
        queue,
        only=("state", "name", "uri", "updated_at", "alarm_at"),
        adds={"events": tuple(event.reference for event in events)} | ({"aliases": through} if through else {}),
    )


def _associations(
    updates: Iterable[AssetUpdate], records: Records, aliases: Aliases, now: datetime
) -> Iterable[Change]:
    """Assets and aliases that belong together from now on; an asset that no DAG names is made."""
    grouped: dict[int, tuple[AssetUpdate, dict[str, None]]] = {}
    members: dict[str, dict[str, None]] = {}
    for update in updates:
        asset = asset_id(update.name, update.uri)
        known = records[asset].aliases if asset in records else ()
        fresh = dict.fromkeys(name for name in update.aliases if name not in known)
        if fresh:
            grouped.setdefault(asset, (update, {}))[1].update(fresh)
        for name in update.aliases:
            if name not in aliases or str(asset) not in aliases[name].assets:
                members.setdefault(name, {})[str(asset)] = None
    for asset, (update, names) in grouped.items():
        yield _associated(update, records.get(asset), tuple(names), now)
    for name, ids in members.items():
        record = aliases.get(name) or AliasRecord(name=name)
        yield Merge(record, only=("name", "group"), adds={"assets": tuple(ids)})


def _associated(update: AssetUpdate, known: AssetRecord | None, names: tuple[str, ...], now: datetime) -> Change:
    if known is not None:
        return Merge(known, only=("name", "uri"), adds={"aliases": names})
    made = AssetRecord(
        name=update.name,
        uri=update.uri,
        group=update.group,
        extra=update.asset_extra,
        created_at=now,
        updated_at=now,
    )
    return Merge(made, only=("name", "uri", "group", "extra", "created_at", "updated_at"), adds={"aliases": names})
