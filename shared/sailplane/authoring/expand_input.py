"""What a mapped task or group is mapped over: the arguments of `expand()` and `expand_kwargs()`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sailplane.authoring.xcom_arg import Mappable, Resolvable, XComArg, iter_references
from sailplane.authoring.xcom_transforms import as_items
from sailplane.model.mapping import Expansion, Source, SourceKind

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


class ExpandInput(Protocol):
    """Which keyword arguments each instance gets."""

    def expansion(self) -> Expansion:
        """From which lengths the number of instances follows."""

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        """The XComs it is made of."""

    def resolve(self, context: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[int]]:
        """The arguments of the instance that runs, and the `id` of those in which no template is to be rendered."""


class ProductInput:
    """`expand(**kwargs)`: an instance for each combination of the items of its arguments, the last varying fastest."""

    def __init__(self, kwargs: Mapping[str, Any], where: str) -> None:
        for name, value in kwargs.items():
            _check_mappable(value, f"{where} cannot map {name!r} over {value!r}")
        self.kwargs = dict(kwargs)

    def expansion(self) -> Expansion:
        return Expansion(sources=tuple(_source(value) for value in self.kwargs.values()))

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        for value in self.kwargs.values():
            if isinstance(value, Resolvable):
                yield from value.iter_references()

    def resolve(self, context: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[int]]:
        index = _index(context)
        chosen: dict[str, Any] = {}
        for name in reversed(self.kwargs):
            value = self.kwargs[name]
            items = as_items(value.resolve(context) if isinstance(value, Resolvable) else value, f"expand({name}=...)")
            index, at = divmod(index, len(items))
            chosen[name] = items[at]
        resolved = (name for name, value in self.kwargs.items() if isinstance(value, Resolvable))
        return {name: chosen[name] for name in self.kwargs}, frozenset(id(chosen[name]) for name in resolved)


class RowsInput:
    """`expand_kwargs(rows)`: an instance for each dict of keyword arguments."""

    def __init__(self, rows: Any, where: str) -> None:
        if not isinstance(rows, Mappable):
            if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
                raise TypeError(
                    f"{where} takes a list of dicts or a task's result, not a {type(rows).__name__}: {rows!r}"
                )
            for place, row in enumerate(rows):
                if not isinstance(row, Mapping | XComArg):
                    raise TypeError(
                        f"{where} takes a list of dicts, but item {place} is a {type(row).__name__}: {row!r}"
                    )
        self.rows = rows
        self._where = where

    def expansion(self) -> Expansion:
        return Expansion(sources=(_source(self.rows),))

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        yield from iter_references(self.rows if isinstance(self.rows, Mappable) else list(self.rows))

    def resolve(self, context: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[int]]:
        rows = self.rows.resolve(context) if isinstance(self.rows, Mappable) else self.rows
        if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
            raise ValueError(f"{self._where} needs a list of dicts, but got a {type(rows).__name__}")
        row = rows[_index(context)]
        if isinstance(row, Resolvable):
            row = row.resolve(context)
        if not isinstance(row, Mapping):
            raise ValueError(
                f"{self._where} needs a list of dicts, but item {_index(context)} is a {type(row).__name__}: {row!r}"
            )
        for name in row:
            if not isinstance(name, str):
                raise ValueError(f"{self._where}: the keys of item {_index(context)} must be texts, not {name!r}")
        return dict(row), frozenset()


def _index(context: Mapping[str, Any]) -> int:
    index: int = context["ti"].map_index
    if index < 0:
        raise RuntimeError("an argument of a mapped task or group is known only in one of its instances")
    return index


def _source(value: Any) -> Source:
    if isinstance(value, Mappable):
        return value.source()
    return Source(kind=SourceKind.LITERAL, length=len(value))


def _check_mappable(value: Any, trouble: str) -> None:
    if isinstance(value, Mappable):
        value.source()
        return
    if isinstance(value, Resolvable):
        raise NotImplementedError(f"{trouble}: the argument of a mapped group is one item, known when it runs")
    if not isinstance(value, Mapping | Sequence) or isinstance(value, str | bytes):
        raise ValueError(f"{trouble}: it takes a list, a dict or a task's result, not a {type(value).__name__}")
