"""Many changes in few commits, of which some belong together."""

from collections.abc import Iterable, Sequence

from sailplane.cloud.changes import Change
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud

MOST_CHANGES = 400
"""Writes in one commit."""


def write(cloud: Cloud, changes: Sequence[Sequence[Change]]) -> bool:
    """Make `changes`, each whole or, when someone else got in its way, not at all. False when there were such."""
    is_whole = True
    for unit in _packed(changes):
        if isinstance(cloud.store.commit([change for part in unit for change in part]), Committed):
            continue
        for part in unit:
            is_whole = isinstance(cloud.store.commit(part), Committed) and is_whole
    return is_whole


def _packed(changes: Sequence[Sequence[Change]]) -> Iterable[list[Sequence[Change]]]:
    unit: list[Sequence[Change]] = []
    size = 0
    for part in changes:
        if unit and size + len(part) > MOST_CHANGES:
            yield unit
            unit, size = [], 0
        unit.append(part)
        size += len(part)
    if unit:
        yield unit
