"""Events of assets as tasks see them: what started their run, and what happened to their inlets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, overload

from sailplane.authoring.assets import (
    Asset,
    AssetAlias,
    AssetAliasUniqueKey,
    AssetNameRef,
    AssetRef,
    AssetUniqueKey,
    AssetUriRef,
)
from sailplane.authoring.exceptions import AirflowNotFoundException
from sailplane.model import xcom
from sailplane.model.assets import AssetEvent, AssetNode, AssetQuery, AssetVerb
from sailplane.model.execution import ChildServices, XComRef

AssetLike = Asset | AssetAlias | AssetRef
AnyKey = AssetUniqueKey | AssetAliasUniqueKey
T = TypeVar("T")


def find_asset(services: ChildServices, ref: AssetRef) -> Asset:
    """The asset that `ref` means. Raises `AirflowNotFoundException` when no DAG has one."""
    name = ref.name if isinstance(ref, AssetNameRef) else None
    uri = ref.uri if isinstance(ref, AssetUriRef) else None
    found = services.assets(AssetQuery(verb=AssetVerb.FIND, name=name, uri=uri)).assets
    if not found:
        what = f"the name {name!r}" if name else f"the URI {uri!r}"
        raise AirflowNotFoundException(f"there is no asset with {what}: no DAG that was pushed has one")
    return _asset(found[0])


def _asset(node: AssetNode) -> Asset:
    return Asset(node.name, node.uri, group=node.group, extra=node.extra)


class ByAsset(Generic[T]):
    """What `outlet_events`, `inlet_events` and `triggering_asset_events` have in common."""

    def __getitem__(self, key: Any) -> T:
        raise NotImplementedError

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> T:
        """The same as `[Asset(name, uri)]`, with one of both as `[Asset.ref(...)]`."""
        if name and uri:
            return self[Asset(name, uri)]
        return self[Asset.ref(name=name or "", uri=uri or "")]

    def for_asset_alias(self, *, name: str) -> T:
        return self[AssetAlias(name)]


def key_of(key: Any, services: ChildServices) -> AnyKey:
    match key:
        case Asset():
            return AssetUniqueKey.from_asset(key)
        case AssetAlias():
            return AssetAliasUniqueKey.from_asset_alias(key)
        case AssetRef():
            return AssetUniqueKey.from_asset(find_asset(services, key))
    raise TypeError(f"events of assets are asked for by an asset, an alias or Asset.ref(...), not by {key!r}")


@dataclass(frozen=True, kw_only=True)
class SourceTaskInstance:
    """The task instance that updated an asset."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    services: ChildServices = field(repr=False, compare=False)

    def xcom_pull(self, *, key: str = "return_value", default: Any = None) -> Any:
        """What it pushed under `key`."""
        reference = XComRef(
            dag_id=self.dag_id, run_id=self.run_id, task_id=self.task_id, map_index=self.map_index, key=key
        )
        envelope = self.services.xcom(reference)
        return default if envelope is None else xcom.loads(envelope)


@dataclass(frozen=True, kw_only=True)
class AssetEventView:
    """One update of an asset."""

    id: int
    asset: Asset
    extra: Mapping[str, Any]
    timestamp: datetime
    source_dag_id: str | None
    source_run_id: str | None
    source_task_id: str | None
    source_map_index: int
    source_aliases: tuple[AssetAlias, ...] = ()
    partition_key: str | None = None
    source_task_instance: SourceTaskInstance | None = None
    """None when no task made the update."""

    @property
    def uri(self) -> str:
        return self.asset.uri


def _view(event: AssetEvent, services: ChildServices) -> AssetEventView:
    source = None
    if event.source_dag_id and event.source_run_id and event.source_task_id:
        source = SourceTaskInstance(
            dag_id=event.source_dag_id,
            run_id=event.source_run_id,
            task_id=event.source_task_id,
            map_index=event.source_map_index,
            services=services,
        )
    return AssetEventView(
        id=event.id,
        asset=Asset(event.name, event.uri, group=event.group),
        extra=event.extra,
        timestamp=event.timestamp,
        source_dag_id=event.source_dag_id,
        source_run_id=event.source_run_id,
        source_task_id=event.source_task_id,
        source_map_index=event.source_map_index,
        source_aliases=tuple(map(AssetAlias, event.aliases)),
        partition_key=event.partition_key,
        source_task_instance=source,
    )


class InletEventsAccessor(Sequence[AssetEventView]):
    """The events of one inlet, oldest first; read when they are first looked at."""

    def __init__(self, services: ChildServices, **asked: Any) -> None:
        self._services = services
        self._asked = asked
        self._found: list[AssetEventView] | None = None

    def after(self, after: str | datetime) -> "InletEventsAccessor":
        return self._also(after=_moment(after))

    def before(self, before: str | datetime) -> "InletEventsAccessor":
        return self._also(before=_moment(before))

    def ascending(self, ascending: bool = True) -> "InletEventsAccessor":
        return self._also(ascending=ascending)

    def limit(self, limit: int) -> "InletEventsAccessor":
        return self._also(limit=limit)

    def _also(self, **asked: Any) -> "InletEventsAccessor":
        self._asked.update(asked)
        self._found = None
        return self

    def _events(self) -> list[AssetEventView]:
        if self._found is None:
            answer = self._services.assets(AssetQuery(verb=AssetVerb.EVENTS, **self._asked))
            self._found = [_view(event, self._services) for event in answer.events]
        return self._found

    def __len__(self) -> int:
        return len(self._events())

    @overload
    def __getitem__(self, index: int) -> AssetEventView: ...
    @overload
    def __getitem__(self, index: slice) -> list[AssetEventView]: ...
    def __getitem__(self, index: int | slice) -> AssetEventView | list[AssetEventView]:
        return self._events()[index]


def _moment(value: str | datetime) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class InletEventsAccessors(ByAsset[InletEventsAccessor], Mapping[Any, InletEventsAccessor]):
    """`inlet_events` of the context."""

    __slots__ = ("_inlets", "_services")

    def __init__(self, inlets: Sequence[Any], services: ChildServices) -> None:
        self._inlets = inlets
        self._services = services

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)

    def __getitem__(self, key: Any) -> InletEventsAccessor:
        """By the inlet, or by its place among the task's inlets. Raises KeyError for what is no inlet."""
        inlet = self._inlets[key] if isinstance(key, int) else self._inlet(key)
        match inlet:
            case Asset():
                return InletEventsAccessor(self._services, name=inlet.name, uri=inlet.uri)
            case AssetNameRef():
                return InletEventsAccessor(self._services, name=inlet.name)
            case AssetUriRef():
                return InletEventsAccessor(self._services, uri=inlet.uri)
            case AssetAlias():
                return InletEventsAccessor(self._services, alias=inlet.name)
        raise IndexError(key)

    def _inlet(self, key: Any) -> AssetLike:
        if not isinstance(key, Asset | AssetAlias | AssetRef):
            raise TypeError(f"inlet_events are asked for by an asset, an alias or Asset.ref(...), not by {key!r}")
        inlets = [each for each in self._inlets if isinstance(each, Asset | AssetAlias | AssetRef)]
        for inlet in inlets:
            if _means(inlet, key) or _means(key, inlet):
                return inlet
        raise KeyError(key)


def _means(one: Any, other: Any) -> bool:
    """Whether `one` is `other`, or a reference to it."""
    match one:
        case Asset():
            return isinstance(other, Asset) and (one.name, one.uri) == (other.name, other.uri)
        case AssetNameRef():
            return isinstance(other, Asset | AssetNameRef) and one.name == other.name
        case AssetUriRef():
            return isinstance(other, Asset | AssetUriRef) and one.uri == other.uri
        case AssetAlias():
            return isinstance(other, AssetAlias) and one.name == other.name
    return False


class TriggeringAssetEvents(ByAsset[Sequence[AssetEventView]], Mapping[Any, Sequence[AssetEventView]]):
    """`triggering_asset_events` of the context: those that started the run. They are read when one looks at them."""

    __slots__ = ("_found", "_services")

    def __init__(self, services: ChildServices) -> None:
        self._services = services
        self._found: dict[AnyKey, list[AssetEventView]] | None = None

    def _events(self) -> dict[AnyKey, list[AssetEventView]]:
        if self._found is None:
            self._found = {}
            for event in self._services.assets(AssetQuery(verb=AssetVerb.TRIGGERING)).events:
                view = _view(event, self._services)
                keys: list[AnyKey] = [AssetUniqueKey.from_asset(view.asset), *map(AssetAliasUniqueKey, event.aliases)]
                for key in keys:
                    self._found.setdefault(key, []).append(view)
        return self._found

    def __iter__(self) -> Iterator[Asset | AssetAlias]:
        for key in self._events():
            yield key.to_asset() if isinstance(key, AssetUniqueKey) else key.to_asset_alias()

    def __len__(self) -> int:
        return len(self._events())

    def __getitem__(self, key: Any) -> Sequence[AssetEventView]:
        return self._events()[key_of(key, self._services)]
