"""`asset_state_store` of the context: what is kept about assets from run to run, such as how far one was read."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from sailplane.authoring.asset_events import find_asset
from sailplane.authoring.assets import Asset, AssetAlias, AssetNameRef, AssetRef, AssetUriRef
from sailplane.authoring.state_store import StateAccessor, in_thread
from sailplane.model.assets import AssetQuery, AssetVerb, asset_id
from sailplane.model.execution import ChildServices, TaskJob
from sailplane.model.state_store import StateOwner, StateRequest, StateVerb


class AssetStateStoreAccessor(StateAccessor):
    """The entries of one asset."""

    def __init__(self, asset: Asset | AssetRef, job: TaskJob, services: ChildServices) -> None:
        super().__init__(services, job)
        self._asset = asset

    def __repr__(self) -> str:
        name = f"uri={self._asset.uri!r}" if isinstance(self._asset, AssetUriRef) else f"name={_name(self._asset)!r}"
        return f"<AssetStateStoreAccessor {name}>"

    def set(self, key: str, value: Any) -> None:
        """Keep `value`, anything that JSON knows but None, until it is replaced or deleted.

        Raises `InvalidEntry`, a ValueError, for what cannot be stored.
        """
        self._set(key, value)

    async def aset(self, key: str, value: Any) -> None:
        """`set`, without holding up the event loop."""
        await in_thread(self.set, key, value)

    @cached_property
    def _id(self) -> int:
        asset = find_asset(self._services, self._asset) if isinstance(self._asset, AssetRef) else self._asset
        return asset_id(asset.name, asset.uri)

    def _request(self, verb: StateVerb, **fields: Any) -> StateRequest:
        return StateRequest(
            verb=verb,
            owner=StateOwner.ASSET,
            asset=self._id,
            task_id=self._job.task_id,
            map_index=self._job.map_index,
            **fields,
        )


class AssetStateStoreAccessors:
    """Those of the task's inlets and outlets, by asset or `Asset.ref(...)`.

    A task that has exactly one asset needs no subscript: `asset_state_store.get(...)`. An alias among the inlets stands
    for the assets that were updated through it; among the outlets for none.
    """

    def __init__(self, inlets: Sequence[Any], outlets: Sequence[Any], job: TaskJob, services: ChildServices) -> None:
        self._inlets = inlets
        self._outlets = outlets
        self._job = job
        self._services = services

    def __repr__(self) -> str:
        names = (repr(each).removeprefix("<AssetStateStoreAccessor ").removesuffix(">") for each in self._all.values())
        return f"<AssetStateStoreAccessors [{', '.join(names)}]>"

    def __getitem__(self, key: Any) -> AssetStateStoreAccessor:
        """Raises KeyError for an asset that the task does not name."""
        if not isinstance(key, Asset | AssetNameRef | AssetUriRef):
            raise TypeError(f"Expected Asset, AssetNameRef, or AssetUriRef; got {type(key).__name__}")
        found = self._all.get(_key(key))
        if found is None:
            raise KeyError(f"{key!r} is not in this task's inlets or outlets")
        return found

    def get(self, key: str, default: Any = None) -> Any:
        return self._only.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self._only.set(key, value)

    def delete(self, key: str) -> None:
        self._only.delete(key)

    def clear(self) -> None:
        self._only.clear()

    async def aget(self, key: str, default: Any = None) -> Any:
        return await self._only.aget(key, default)

    async def aset(self, key: str, value: Any) -> None:
        await self._only.aset(key, value)

    async def adelete(self, key: str) -> None:
        await self._only.adelete(key)

    async def aclear(self) -> None:
        await self._only.aclear()

    @property
    def _only(self) -> AssetStateStoreAccessor:
        if len(self._all) != 1:
            raise ValueError(
                f"Task has {len(self._all)} concrete inlets and outlets — use context['asset_state_store'][MY_ASSET] "
                "to specify which"
            )
        return next(iter(self._all.values()))

    @cached_property
    def _all(self) -> dict[tuple[str, str], AssetStateStoreAccessor]:
        named = [each for inlet in self._inlets for each in self._assets_of(inlet)]
        named += (each for each in self._outlets if isinstance(each, Asset | AssetRef))
        made: dict[tuple[str, str], AssetStateStoreAccessor] = {}
        for each in named:
            made.setdefault(_key(each), AssetStateStoreAccessor(each, self._job, self._services))
        return made

    def _assets_of(self, inlet: Any) -> Iterator[Asset | AssetRef]:
        if isinstance(inlet, Asset | AssetRef):
            yield inlet
        elif isinstance(inlet, AssetAlias):
            query = AssetQuery(verb=AssetVerb.FIND, alias=inlet.name)
            yield from (Asset(node.name, node.uri) for node in self._services.assets(query).assets)


def has_assets(inlets: Sequence[Any], outlets: Sequence[Any]) -> bool:
    """Whether a task with these has an `asset_state_store`."""
    return any(isinstance(each, Asset | AssetRef | AssetAlias) for each in (*inlets, *outlets))


def _key(asset: Any) -> tuple[str, str]:
    """Assets and references to their names are the same, as in Airflow."""
    return ("uri", asset.uri) if isinstance(asset, AssetUriRef) else ("name", _name(asset))


def _name(asset: Any) -> str:
    return str(asset.name)
