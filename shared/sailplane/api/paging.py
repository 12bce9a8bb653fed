"""Lists in pages: limit, offset, order and name patterns, with Airflow's meaning."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from sailplane.api.http import HttpError

MAX_LIMIT = 100
DEFAULT_LIMIT = 50

Item = TypeVar("Item")
Sorting = Mapping[str, Callable[[Item], Any]]
"""What a list may be ordered by: name -> the item's value."""


S = TypeVar("S", bound=StrEnum)


def states_named(names: Iterable[str], kind: type[S]) -> tuple[S, ...]:
    """The states of these names. Raises `HttpError` 422."""
    try:
        return tuple(kind(name) for name in names)
    except ValueError:
        raise HttpError(422, f"Invalid value for state. Valid values are {', '.join(kind)}") from None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The query fields that every list has."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    order_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.limit < 0 or self.offset < 0:
            raise ValueError("limit and offset must be greater than or equal to 0")

    @property
    def size(self) -> int:
        return min(self.limit, MAX_LIMIT)

    def cut(self, items: Sequence[Item]) -> Sequence[Item]:
        return items[self.offset : self.offset + self.size]


def order(items: Iterable[Item], order_by: Sequence[str], sorting: Sorting[Item]) -> list[Item]:
    """The items in order; the last name given decides last. Items without a value come last, or first when reversed."""
    result = list(items)
    for name in reversed(order_by):
        key = sorting.get(name.lstrip("-"))
        if key is None:
            raise HttpError(400, f"Ordering with '{name.lstrip('-')}' is disallowed. Allowed: {', '.join(sorting)}")
        result.sort(key=_none_last(key), reverse=name.startswith("-"))
    return result


def _none_last(key: Callable[[Item], Any]) -> Callable[[Item], tuple[bool, Any]]:
    def sort_key(item: Item) -> tuple[bool, Any]:
        value = key(item)
        return value is None, 0 if value is None else value

    return sort_key


def matches(pattern: str | None, text: str) -> bool:
    """Whether `text` has `pattern` in it: SQL's ILIKE wildcards, `|` between alternatives, `~` for anything."""
    if pattern is None or pattern == "~":
        return True
    terms = [term.strip() for term in pattern.split("|") if term.strip()] or [pattern]
    return any(_like(term).search(text) for term in terms)


def _like(term: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in term), re.IGNORECASE | re.DOTALL)


def within(
    value: datetime | None,
    *,
    gte: datetime | None = None,
    gt: datetime | None = None,
    lte: datetime | None = None,
    lt: datetime | None = None,
) -> bool:
    """Whether an instant lies in the range; no instant lies in no range."""
    bounds = (gte, gt, lte, lt)
    if all(bound is None for bound in bounds):
        return True
    return (
        value is not None
        and (gte is None or value >= gte)
        and (gt is None or value > gt)
        and (lte is None or value <= lte)
        and (lt is None or value < lt)
    )
