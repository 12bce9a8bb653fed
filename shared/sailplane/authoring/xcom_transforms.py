"""XComArgs made of others, for tasks that are mapped over them: `.map()`, `.zip()` and `.concat()`."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sailplane.authoring.arguments import is_arg_set
from sailplane.authoring.xcom_arg import Mappable
from sailplane.model.mapping import Source, SourceKind

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator


class MapXComArg(Mappable):
    """Each item of `arg`, given to `function` when the task that uses it runs. The function may raise a skip."""

    def __init__(self, arg: Mappable, function: Callable[[Any], Any]) -> None:
        if not callable(function):
            raise TypeError(f"map() needs a function, not {function!r}")
        self.arg, self.function = arg, function

    def __repr__(self) -> str:
        return f"{self.arg!r}.map({getattr(self.function, '__name__', '<function>')})"

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        return self.arg.iter_references()

    def source(self) -> Source:
        return self.arg.source()

    def resolve(self, context: Mapping[str, Any]) -> Any:
        return _Mapped(as_items(self.arg.resolve(context), "map"), self.function)


class ZipXComArg(Mappable):
    """Tuples of the items that stand at the same place in each of `args`."""

    def __init__(self, args: Sequence[Mappable], fillvalue: Any) -> None:
        self.args, self.fillvalue = args, fillvalue

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.zip({', '.join(map(repr, self.args[1:]))})"

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        return itertools.chain.from_iterable(arg.iter_references() for arg in self.args)

    def source(self) -> Source:
        kind = SourceKind.ZIP_LONGEST if is_arg_set(self.fillvalue) else SourceKind.ZIP
        return Source(kind=kind, parts=tuple(arg.source() for arg in self.args))

    def resolve(self, context: Mapping[str, Any]) -> Any:
        return _Zipped([as_items(arg.resolve(context), "zip") for arg in self.args], self.fillvalue)


class ConcatXComArg(Mappable):
    """The items of the first of `args`, then those of the second, and so on."""

    def __init__(self, args: Sequence[Mappable]) -> None:
        self.args = args

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.concat({', '.join(map(repr, self.args[1:]))})"

    def iter_references(self) -> Iterator[tuple["BaseOperator", str]]:
        return itertools.chain.from_iterable(arg.iter_references() for arg in self.args)

    def source(self) -> Source:
        return Source(kind=SourceKind.CONCAT, parts=tuple(arg.source() for arg in self.args))

    def resolve(self, context: Mapping[str, Any]) -> Any:
        return _Concatenated([as_items(arg.resolve(context), "concat") for arg in self.args])


def as_items(value: Any, what: str) -> Sequence[Any]:
    """The items of a list, or of a dict as pairs of key and value. Raises `ValueError` for anything else."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise ValueError(
        f"{what}() takes what is a list or dict when the task runs, not a {type(value).__name__}: {value!r}"
    )


class _Items(Sequence[Any]):
    """Items that are made when they are asked for."""

    def at(self, index: int) -> Any:
        raise NotImplementedError

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self.at(each) for each in range(*index.indices(len(self)))]
        at = index if index >= 0 else len(self) + index
        if not 0 <= at < len(self):
            raise IndexError(f"there are {len(self)} items and none at {index}")
        return self.at(at)


class _Mapped(_Items):
    def __init__(self, items: Sequence[Any], function: Callable[[Any], Any]) -> None:
        self._items, self._function = items, function

    def __len__(self) -> int:
        return len(self._items)

    def at(self, index: int) -> Any:
        return self._function(self._items[index])


class _Zipped(_Items):
    def __init__(self, parts: Sequence[Sequence[Any]], fillvalue: Any) -> None:
        self._parts, self._fill = parts, fillvalue

    def __len__(self) -> int:
        return (max if is_arg_set(self._fill) else min)(len(part) for part in self._parts)

    def at(self, index: int) -> Any:
        return tuple(part[index] if index < len(part) else self._fill for part in self._parts)


class _Concatenated(_Items):
    def __init__(self, parts: Sequence[Sequence[Any]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def at(self, index: int) -> Any:
        for part in self._parts:
            if index < len(part):
                return part[index]
            index -= len(part)
        raise IndexError(index)
