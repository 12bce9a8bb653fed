"""Assets as they are stored: what DAGs say of them, the events of their updates, and who waits for these."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sailplane.model.ids import UNMAPPED

_ID_BYTES = 6
"""Ids are numbers, as in Airflow's API; so long, JavaScript reads them exactly."""


class AssetKind(StrEnum):
    """What stands at one place of an expression, or among a task's inlets and outlets."""

    ASSET = "asset"
    ALIAS = "alias"
    NAME_REF = "name_ref"
    """An asset that is defined elsewhere, by its name."""
    URI_REF = "uri_ref"
    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class AssetNode:
    """An asset, an alias, a reference, or a condition of several."""

    kind: AssetKind
    name: str = ""
    uri: str = ""
    group: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple["AssetNode", ...] = ()
    """Of ANY and ALL."""

    def leaves(self) -> Iterator["AssetNode"]:
        """All that is no condition, in the order written."""
        if self.kind not in (AssetKind.ANY, AssetKind.ALL):
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, kw_only=True)
class DagAssets:
    """What the tasks of a DAG read and update: task_id -> assets, aliases and references."""

    inlets: Mapping[str, tuple[AssetNode, ...]] = field(default_factory=dict)
    outlets: Mapping[str, tuple[AssetNode, ...]] = field(default_factory=dict)


def asset_id(name: str, uri: str) -> int:
    """The number by which the API knows an asset; equal for equal names and URIs."""
    return _number("asset", name, uri)


def alias_id(name: str) -> int:
    return _number("alias", name)


def event_id(*origin: str) -> int:
    """The number of an event. `origin` tells it from all others; the same one again is the same event."""
    return _number("event", *origin)


def _number(*parts: str) -> int:
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:_ID_BYTES])


@dataclass(frozen=True, kw_only=True)
class AssetRecord:
    """`assets/{id}`: an asset, and who has to do with it."""

    name: str
    uri: str
    group: str = "asset"
    extra: Mapping[str, Any] = field(default_factory=dict)
    consumers: tuple[str, ...] = ()
    """dag_ids that are scheduled on it, sorted."""
    producers: tuple[str, ...] = ()
    """`dag_id/task_id` of those that have it as an outlet, sorted."""
    readers: tuple[str, ...] = ()
    """`dag_id/task_id` of those that have it as an inlet, sorted."""
    aliases: tuple[str, ...] = ()
    """Names of the aliases through which it was updated."""
    is_active: bool = True
    """False once no DAG names it any more."""
    created_at: datetime
    updated_at: datetime
    token: str = ""

    @property
    def id(self) -> int:
        return asset_id(self.name, self.uri)


@dataclass(frozen=True, kw_only=True)
class AliasRecord:
    """`asset_aliases/{id}`."""

    name: str
    group: str = "asset"
    consumers: tuple[str, ...] = ()
    """dag_ids that are scheduled on it, sorted."""
    assets: tuple[str, ...] = ()
    """Ids of the assets that were updated through it."""
    token: str = ""

    @property
    def id(self) -> int:
        return alias_id(self.name)


@dataclass(frozen=True, kw_only=True)
class AssetUpdate:
    """What a try that succeeded says of one asset that it updated."""

    name: str
    uri: str
    group: str = "asset"
    asset_extra: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Of this update."""
    aliases: tuple[str, ...] = ()
    """Names of the aliases through which it was made, if it was."""
    partition_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class AssetEvent:
    """`assets/{asset}/asset_events/{id}`: one update. Never changes."""

    id: int
    name: str
    uri: str
    group: str = "asset"
    extra: Mapping[str, Any] = field(default_factory=dict)
    timestamp: datetime
    source_dag_id: str | None = None
    source_run_id: str | None = None
    source_task_id: str | None = None
    source_map_index: int = UNMAPPED
    aliases: tuple[str, ...] = ()
    partition_key: str | None = None

    @property
    def asset_id(self) -> int:
        return asset_id(self.name, self.uri)

    @property
    def reference(self) -> str:
        """How runs and queues name it."""
        return f"{self.asset_id}/{self.id}"


@dataclass(frozen=True, kw_only=True)
class AssetQueue:
    """`dags/{dag_id}/runs/~asset-{id}`: updates of an asset that a DAG is scheduled on and no run of it has yet.

    It stands among the runs so that one query over alarms finds it too.
    """

    dag_id: str
    name: str
    uri: str
    events: tuple[str, ...] = ()
    """References, in the order in which they came."""
    aliases: tuple[str, ...] = ()
    """Names of the aliases through which they were made."""
    since: datetime
    """When the first of them came."""
    updated_at: datetime
    alarm_at: datetime | None = None
    """While nobody has looked whether a run can start with it."""
    token: str = ""

    @property
    def asset_id(self) -> int:
        return asset_id(self.name, self.uri)


class AssetVerb(StrEnum):
    """What a task asks about assets."""

    FIND = "find"
    """The assets with a name or a URI, or that were updated through an alias."""
    EVENTS = "events"
    """The events of an asset or through an alias."""
    TRIGGERING = "triggering"
    """The events that its run was started by."""


@dataclass(frozen=True, kw_only=True)
class AssetQuery:
    """What a running task asks."""

    verb: AssetVerb
    name: str | None = None
    uri: str | None = None
    alias: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    ascending: bool = True
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class AssetAnswer:
    """What was found."""

    assets: tuple[AssetNode, ...] = ()
    events: tuple[AssetEvent, ...] = ()
