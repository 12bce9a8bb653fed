"""Dynamic task mapping as data: from which lengths the number of a mapped task's instances follows."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class SourceKind(StrEnum):
    LITERAL = "literal"
    """A list or dict in the DAG file, of `length` items."""
    XCOM = "xcom"
    """What `task_id` returns; of a mapped task, what its instances return, one item each."""
    ZIP = "zip"
    """As long as the shortest of `parts`."""
    ZIP_LONGEST = "zip_longest"
    """As long as the longest of `parts`."""
    CONCAT = "concat"
    """As long as `parts` together."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What one argument is mapped over."""

    kind: SourceKind
    length: int = 0
    task_id: str = ""
    parts: tuple["Source", ...] = ()

    def task_ids(self) -> Iterator[str]:
        """The tasks whose XComs it is made of."""
        if self.kind is SourceKind.XCOM:
            yield self.task_id
        for part in self.parts:
            yield from part.task_ids()

    def measure(self, lengths: Mapping[str, int | None]) -> int | None:
        """Its length, from the length of what each task returned; None when one returned nothing to map over."""
        if self.kind is SourceKind.LITERAL:
            return self.length
        if self.kind is SourceKind.XCOM:
            return lengths[self.task_id]
        known = [length for part in self.parts if (length := part.measure(lengths)) is not None]
        if len(known) < len(self.parts):
            return None
        return {SourceKind.ZIP: min, SourceKind.ZIP_LONGEST: max}.get(self.kind, sum)(known)


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """Of a mapped task or task group: it has as many instances as the lengths of `sources` multiplied."""

    sources: tuple[Source, ...]

    @cached_property
    def producers(self) -> tuple[str, ...]:
        """task_ids whose XComs it is mapped over, each once."""
        return tuple(dict.fromkeys(task_id for source in self.sources for task_id in source.task_ids()))

    def size(self, lengths: Mapping[str, int | None]) -> int | None:
        """How many instances; `lengths` has all `producers`. None when one of them returned nothing to map over."""
        known = [length for source in self.sources if (length := source.measure(lengths)) is not None]
        return math.prod(known) if len(known) == len(self.sources) else None
