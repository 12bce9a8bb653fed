"""Cloud Storage's request preconditions. Decisions only."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

Query = Mapping[str, Sequence[str]]


class Verdict(Enum):
    HOLDS = "holds"
    FAILED = "failed"
    """Answer 412."""
    NOT_MODIFIED = "not modified"
    """Answer 304: a read whose caller has this version already."""


def check(query: Query, live: Mapping[str, Any] | None, *, reading: bool, source: bool = False) -> Verdict:
    """Whether the preconditions in `query` hold for the live version of an object, None where there is none.

    `source` looks at the `ifSource...` ones, which copy and rewrite have for the object they read.
    """
    prefix = "ifSource" if source else "if"
    for field in ("generation", "metageneration"):
        actual = int(live[field]) if live is not None else 0
        name = field.capitalize()
        wanted = _number(query, f"{prefix}{name}Match")
        if wanted is not None and wanted != actual:
            return Verdict.FAILED
        unwanted = _number(query, f"{prefix}{name}NotMatch")
        if unwanted is not None and unwanted == actual:
            return Verdict.NOT_MODIFIED if reading else Verdict.FAILED
    return Verdict.HOLDS


def _number(query: Query, name: str) -> int | None:
    values = query.get(name)
    return int(values[0]) if values else None


def names_other_generation(query: Query, live: Mapping[str, Any] | None) -> bool:
    """Whether the request asks for a generation that is not the live one; such a version is not kept."""
    wanted = _number(query, "generation")
    return wanted is not None and (live is None or int(live["generation"]) != wanted)
