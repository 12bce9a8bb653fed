"""Assets: data that tasks make and read, by a name and a URI, and what a DAG file says about them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sailplane.authoring.asset_conditions import BaseAsset
from sailplane.authoring.asset_uris import has_rules, normalized

LONGEST_NAME = 1500
_RESERVED_NAMES = ("self", "context")


@dataclass(frozen=True)
class AssetUniqueKey:
    """What tells an asset from all others."""

    name: str
    uri: str

    @classmethod
    def from_asset(cls, asset: "Asset") -> "AssetUniqueKey":
        return cls(asset.name, asset.uri)

    def to_asset(self) -> "Asset":
        return Asset(name=self.name, uri=self.uri)


@dataclass(frozen=True)
class AssetAliasUniqueKey:
    """What tells an alias from all others."""

    name: str

    @classmethod
    def from_asset_alias(cls, asset_alias: "AssetAlias") -> "AssetAliasUniqueKey":
        return cls(asset_alias.name)

    def to_asset_alias(self) -> "AssetAlias":
        return AssetAlias(self.name)


@dataclass
class AssetAccessControl:
    """Which teams may update and use an asset. Kept for code that reads it: there are no teams here."""

    producer_teams: list[str] = field(default_factory=list)
    consumer_teams: list[str] | None = None
    allow_global: bool = True

    def __post_init__(self) -> None:
        for each in (*self.producer_teams, *(self.consumer_teams or ())):
            if not isinstance(each, str) or not each.strip():
                raise ValueError(f"the teams of an AssetAccessControl must be non-empty texts, not {each!r}")


@dataclass
class AssetWatcher:
    """What would watch for updates of an asset. Kept for code that reads it: nothing asks its trigger here."""

    name: str
    trigger: Any

    def __post_init__(self) -> None:
        from sailplane.authoring.trigger import BaseEventTrigger  # Late: it stands on asyncio.

        if not isinstance(self.trigger, BaseEventTrigger):
            raise ValueError(
                f"the trigger of asset watcher {self.name!r} must be a BaseEventTrigger, not {self.trigger!r}"
            )


@dataclass(init=False, eq=False)
class Asset(os.PathLike[str], BaseAsset):
    """Data that tasks make (`outlets`) and read (`inlets`), and whose updates start runs (`schedule`).

    It has a name and a URI, of which one is enough: the other is the same then.
    """

    name: str
    uri: str
    group: str
    extra: dict[str, Any]
    watchers: list[Any]
    access_control: AssetAccessControl

    asset_type: ClassVar[str] = "asset"

    def __init__(
        self,
        name: str | None = None,
        uri: str | os.PathLike[str] | None = None,
        *,
        group: str | None = None,
        extra: Mapping[str, Any] | None = None,
        watchers: Sequence[Any] | None = None,
        access_control: AssetAccessControl | None = None,
    ) -> None:
        kind = type(self).__name__
        if name is None and uri is None:
            raise TypeError(f"{kind}() requires either 'name' or 'uri'")
        self.name = _check_name(kind, str(uri) if name is None else name)
        self.uri = _check_text(kind, "uri", normalized(name if uri is None else uri))
        self.group = _check_length(kind, "group", self.asset_type if group is None else group)
        self.extra = _check_extra(kind, self.name, extra)
        self.watchers = list(watchers or ())
        self.access_control = access_control or AssetAccessControl()

    @staticmethod
    def ref(*, name: str = "", uri: str = "") -> "AssetRef":
        """An asset that is defined elsewhere, by its name or its URI."""
        if name and uri:
            raise TypeError("Asset.ref() takes either name or uri, not both")
        if not name and not uri:
            raise TypeError("Asset.ref() requires either name= or uri=")
        return AssetNameRef(name) if name else AssetUriRef(uri)

    @property
    def normalized_uri(self) -> str | None:
        """The URI, if its scheme is one whose rules are known."""
        return self.uri if has_rules(self.uri) else None

    def __fspath__(self) -> str:
        return self.uri

    def __eq__(self, other: object) -> bool:
        return _compared(self) == _compared(other) if isinstance(other, Asset) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.uri, self.group))


class Dataset(Asset):
    """An asset that is a data set."""

    asset_type: ClassVar[str] = "dataset"


class Model(Asset):
    """An asset that is a trained model."""

    asset_type: ClassVar[str] = "model"


class AssetRef(BaseAsset):
    """An asset that is defined elsewhere. `Asset.ref` makes these."""


@dataclass(unsafe_hash=True)
class AssetNameRef(AssetRef):
    name: str


@dataclass(unsafe_hash=True)
class AssetUriRef(AssetRef):
    uri: str


@dataclass(init=False, unsafe_hash=True)
class AssetAlias(BaseAsset):
    """A name for assets that a task finds out while it runs: `outlet_events[alias].add(asset)`."""

    name: str
    group: str

    def __init__(self, name: str, *, group: str = Asset.asset_type) -> None:
        self.name = _check_text("AssetAlias", "name", name)
        self.group = _check_length("AssetAlias", "group", group)


@dataclass
class Metadata:
    """What a task says about an update of `asset`: yielded by it, or given to `outlet_events`."""

    asset: Asset
    extra: dict[str, Any] = field(default_factory=dict)
    alias: AssetAlias | None = None


def _compared(asset: Asset) -> tuple[Any, ...]:
    """What makes assets equal; not what a subclass adds."""
    return asset.name, asset.uri, asset.group, asset.extra, asset.watchers, asset.access_control


def _check_name(kind: str, name: Any) -> str:
    _check_text(kind, "name", name)
    if name in _RESERVED_NAMES:
        raise ValueError(f"{kind} cannot have the name {name!r}, by which @asset functions ask for something else")
    return str(name)


def _check_text(kind: str, what: str, value: Any) -> str:
    if not _check_length(kind, what, value):
        raise ValueError(f"{kind} {what} cannot be empty")
    return str(value)


def _check_length(kind: str, what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{kind} {what} must be a string, not {value!r}")
    if len(value) > LONGEST_NAME:
        raise ValueError(f"{kind} {what} {value[:40]!r}... cannot exceed {LONGEST_NAME} characters")
    if value.isspace():
        raise ValueError(f"{kind} {what} cannot be just whitespace")
    return value


def _check_extra(kind: str, name: str, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    if extra is not None and not isinstance(extra, Mapping):
        raise TypeError(f"the extra of {kind} {name!r} must be a dict, not {extra!r}")
    return dict(extra or {})
