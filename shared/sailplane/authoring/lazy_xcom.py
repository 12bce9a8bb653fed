"""What the instances of a mapped task returned, as a sequence that is read as it is used."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from sailplane.model import xcom
from sailplane.model.execution import ChildServices, XComRef

CHUNK = 100
"""Values that are fetched together when all are gone through."""


class LazyXComSequence(Sequence[Any]):
    """What a mapped task's instances pushed under one key, by map index; those that pushed nothing are left out."""

    def __init__(self, ref: XComRef, services: ChildServices) -> None:
        self._ref = ref
        self._services = services
        self._total: int | None = None

    def __len__(self) -> int:
        if self._total is None:
            self._fetch(0, 0)
        assert self._total is not None
        return self._total

    def __iter__(self) -> Iterator[Any]:
        start = 0
        while chunk := self._fetch(start, start + CHUNK):
            yield from chunk
            start += len(chunk)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self._fetch(start, max(start, stop))
            return [self[each] for each in range(start, stop, step)]
        at = index if index >= 0 else len(self) + index
        found = self._fetch(at, at + 1) if at >= 0 else []
        if not found:
            raise IndexError(f"task {self._ref.task_id!r} returned {len(self)} values; there is none at {index}")
        return found[0]

    def __repr__(self) -> str:
        return f"LazyXComSequence({self._ref.task_id!r}, {self._ref.key!r})"

    def _fetch(self, start: int, stop: int) -> list[Any]:
        answer = self._services.xcom_items(self._ref, start, stop)
        self._total = answer.total
        return [xcom.loads(envelope) for envelope in answer.envelopes]
