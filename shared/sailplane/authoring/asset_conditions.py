"""What a DAG can be scheduled on besides time: assets and what is made of them with `|` and `&`."""

from typing import Any, ClassVar


class BaseAsset:
    """An asset, a reference or an alias to one, or several of these under a condition."""

    def __or__(self, other: Any) -> "BaseAsset":
        return AssetAny(self, other) if isinstance(other, BaseAsset) else NotImplemented

    def __and__(self, other: Any) -> "BaseAsset":
        return AssetAll(self, other) if isinstance(other, BaseAsset) else NotImplemented


class AssetCondition(BaseAsset):
    """Several assets, of which one or all have to be updated."""

    objects: tuple[BaseAsset, ...]
    word: ClassVar[str]

    def __init__(self, *objects: BaseAsset) -> None:
        for each in objects:
            if not isinstance(each, BaseAsset):
                raise TypeError(f"{type(self).__name__} takes assets and conditions of assets, not {each!r}")
        self.objects = objects

    def __eq__(self, other: object) -> bool:
        return self.objects == other.objects if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.objects))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.objects))})"


class AssetAny(AssetCondition):
    """Is met by an update of one of its assets: `a | b`."""

    word: ClassVar[str] = "any"

    def __or__(self, other: Any) -> BaseAsset:
        return AssetAny(*self.objects, other) if isinstance(other, BaseAsset) else NotImplemented


class AssetAll(AssetCondition):
    """Is met when each of its assets was updated: `a & b`."""

    word: ClassVar[str] = "all"

    def __and__(self, other: Any) -> BaseAsset:
        return AssetAll(*self.objects, other) if isinstance(other, BaseAsset) else NotImplemented
