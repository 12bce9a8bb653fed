"""What tasks say of the assets that they update: `outlet_events`, and what follows from them and the outlets."""

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from logging import Logger
from typing import TYPE_CHECKING, Any, TypeVar

from sailplane.authoring.asset_events import ByAsset, find_asset, key_of
from sailplane.authoring.assets import Asset, AssetAlias, AssetAliasUniqueKey, AssetRef, AssetUniqueKey, Metadata
from sailplane.authoring.exceptions import AirflowNotFoundException
from sailplane.model.assets import AssetUpdate
from sailplane.model.execution import ChildServices

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

LONGEST_PARTITION_KEY = 250
T = TypeVar("T")


@dataclass(frozen=True)
class AssetAliasEvent:
    """An update of an asset that a task found out: what `outlet_events[alias].add()` keeps."""

    source_alias_name: str
    dest_asset_key: AssetUniqueKey
    dest_asset_extra: dict[str, Any]
    extra: dict[str, Any]


@dataclass
class OutletEventAccessor:
    """What a task says of the update of one of its outlets."""

    key: AssetUniqueKey | AssetAliasUniqueKey
    extra: dict[str, Any] = field(default_factory=dict)
    asset_alias_events: list[AssetAliasEvent] = field(default_factory=list)
    partition_keys: set[str] = field(default_factory=set)
    _services: ChildServices | None = field(default=None, repr=False, compare=False)

    def add(self, asset: Asset | AssetRef, extra: Mapping[str, Any] | None = None) -> None:
        """Of an alias: that `asset` was updated."""
        if not isinstance(self.key, AssetAliasUniqueKey):
            return
        if isinstance(asset, AssetRef):
            assert self._services is not None
            asset = find_asset(self._services, asset)
        made = AssetAliasEvent(self.key.name, AssetUniqueKey.from_asset(asset), asset.extra, dict(extra or {}))
        self.asset_alias_events.append(made)

    def add_partitions(self, keys: str | Iterable[str]) -> None:
        """One event for each of these partitions, instead of one in all."""
        if isinstance(self.key, AssetAliasUniqueKey):
            raise TypeError("add_partitions() is for assets; an alias has no partitions")
        for key in [keys] if isinstance(keys, str) else list(keys):
            if not key.strip() or len(key) > LONGEST_PARTITION_KEY:
                raise ValueError(f"a partition key must have 1 to {LONGEST_PARTITION_KEY} characters, not {key!r}")
            self.partition_keys.add(key)


class OutletEventAccessors(ByAsset[OutletEventAccessor], Mapping[Asset | AssetAlias, OutletEventAccessor]):
    """`outlet_events` of the context."""

    __slots__ = ("_said", "_services")

    def __init__(self, services: ChildServices) -> None:
        self._services = services
        self._said: dict[AssetUniqueKey | AssetAliasUniqueKey, OutletEventAccessor] = {}

    def __getitem__(self, key: Any) -> OutletEventAccessor:
        found = key_of(key, self._services)
        if found not in self._said:
            self._said[found] = OutletEventAccessor(found, _services=self._services)
        return self._said[found]

    def __iter__(self) -> Iterator[Asset | AssetAlias]:
        for key in self._said:
            yield key.to_asset() if isinstance(key, AssetUniqueKey) else key.to_asset_alias()

    def __len__(self) -> int:
        return len(self._said)

    def take(self, metadata: Metadata) -> None:
        """Keep what a task yielded."""
        self[metadata.asset].extra.update(metadata.extra)
        if metadata.alias is not None:
            self[metadata.alias].add(metadata.asset, extra=metadata.extra)

    def said(self, key: AssetUniqueKey) -> OutletEventAccessor | None:
        return self._said.get(key)

    def of_aliases(self, names: Iterable[str]) -> list[AssetAliasEvent]:
        known = (self._said.get(AssetAliasUniqueKey(name)) for name in names)
        return [event for accessor in known if accessor for event in accessor.asset_alias_events]


def updates(task: "BaseOperator", events: OutletEventAccessors, services: ChildServices) -> tuple[AssetUpdate, ...]:
    """What a task that succeeded has updated. Raises `TypeError` for an extra that JSON has no form for."""
    found: dict[AssetUniqueKey, Asset] = {}
    aliases: dict[str, None] = {}
    for outlet in task.outlets:
        if isinstance(outlet, AssetAlias):
            aliases[outlet.name] = None
        elif (asset := _outlet(task, outlet, services)) is not None:
            found.setdefault(AssetUniqueKey.from_asset(asset), asset)
    plain = [update for asset in found.values() for update in _updates_of(asset, events)]
    return (*plain, *_alias_updates(events.of_aliases(aliases)))


def _outlet(task: "BaseOperator", outlet: Any, services: ChildServices) -> Asset | None:
    """None for what is no asset, or an asset that nobody has defined: that is told, and fails nothing."""
    if isinstance(outlet, AssetRef):
        try:
            return find_asset(services, outlet)
        except AirflowNotFoundException as error:
            task.log.warning("the outlet %s has no event: %s", outlet, error)
            return None
    return outlet if isinstance(outlet, Asset) else None


def _updates_of(asset: Asset, events: OutletEventAccessors) -> Iterator[AssetUpdate]:
    said = events.said(AssetUniqueKey.from_asset(asset))
    extra = _checked(asset.name, said.extra if said else {})
    for partition in sorted(said.partition_keys) if said and said.partition_keys else [None]:
        yield AssetUpdate(
            name=asset.name,
            uri=asset.uri,
            group=asset.group,
            asset_extra=asset.extra,
            extra=extra,
            partition_key=partition,
        )


def _alias_updates(events: Iterable[AssetAliasEvent]) -> list[AssetUpdate]:
    """One for each asset and extra, whatever number of aliases it came through."""
    through: dict[tuple[AssetUniqueKey, str, str], tuple[AssetAliasEvent, dict[str, None]]] = {}
    for event in events:
        extras = (_checked(event.dest_asset_key.name, each) for each in (event.dest_asset_extra, event.extra))
        asset_extra, extra = (json.dumps(each, sort_keys=True) for each in extras)
        place = (event.dest_asset_key, asset_extra, extra)
        through.setdefault(place, (event, {}))[1][event.source_alias_name] = None
    return [
        AssetUpdate(
            name=event.dest_asset_key.name,
            uri=event.dest_asset_key.uri,
            asset_extra=event.dest_asset_extra,
            extra=event.extra,
            aliases=tuple(names),
        )
        for event, names in through.values()
    ]


def _checked(name: str, extra: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the extra of the event of asset {name!r} must be JSON (text, numbers, lists, dicts): {error}"
        ) from None
    return extra


def take_metadata(yielded: Generator[Any, Any, T], events: OutletEventAccessors, log: Logger) -> T:
    """Keep what a task yields, each a `Metadata`; returns what it returns."""
    while True:
        try:
            each = next(yielded)
        except StopIteration as end:
            returned: T = end.value
            return returned
        if isinstance(each, Metadata):
            events.take(each)
        else:
            log.warning("passed over a value of type %s that the task yielded: it is no Metadata", type(each).__name__)
