"""How a query is answered from an index: which one, and which range of it.

A query's results are in the order of their positions: the encoded values of the order fields, then the name. An index
is read forwards or backwards so that the first order always ascends in it.
"""

from typing import NamedTuple

from .documents import Stored
from .filters import NAME, RANGES, Conjunction, Operator, Term
from .indexes import IndexField, Mode, Shape, directed_name, name_position
from .query import Cursor, Query
from .values import ABOVE, AFTER_NULL, NULL, encode, invert, lookup, type_end, type_start

_NEXT = b"\0"
"""Appended to a whole position: the least position after it."""


class Span(NamedTuple):
    """Positions with low <= position < high."""

    low: bytes = b""
    high: bytes = ABOVE

    def meet(self, other: "Span") -> "Span":
        return Span(max(self.low, other.low), min(self.high, other.high))

    def __contains__(self, position: object) -> bool:
        return isinstance(position, bytes) and self.low <= position < self.high


class Layout(NamedTuple):
    """How positions are written for one query."""

    everywhere: bool
    """Names are whole paths; otherwise ids within the one collection, whose path is `collection`."""
    collection: bytes
    fields: tuple[IndexField, ...]
    name_descending: bool
    reverse: bool
    """Results come from the highest position down."""

    def position(self, document: Stored) -> bytes | None:
        """Where the document stands; None if it lacks a field of the order, and so is no result."""
        parts = []
        if self.fields:
            fields = document.parse().fields
            for path, mode in self.fields:
                value = lookup(fields, path)
                if value is None:
                    return None
                parts.append(_directed(encode(value), mode))
        parts.append(name_position(document.key, self.everywhere, self.name_descending))
        return b"".join(parts)

    def name(self, path: bytes) -> bytes:
        """A place in name order as part of a position."""
        if self.everywhere:
            return path
        if path.startswith(self.collection + b"\0"):
            return path[len(self.collection) + 1 :]
        return b"" if path < self.collection else ABOVE


class Scan(NamedTuple):
    """One conjunction's way to its results."""

    shape: Shape
    head: bytes
    """The encoded values of the equalities, common to all entries wanted."""
    span: Span
    residual: Conjunction
    """What is left to check on each document."""


def layout_of(query: Query) -> Layout:
    reverse = query.orders[0].descending
    fields = tuple(
        IndexField(order.path, Mode.DESCENDING if order.descending != reverse else Mode.ASCENDING)
        for order in query.orders[:-1]
    )
    everywhere = query.all_descendants or not query.collection_id
    collection = f"{query.parent.path}/{query.collection_id}".strip("/").encode().replace(b"/", b"\0")
    return Layout(everywhere, collection, fields, query.orders[-1].descending != reverse, reverse)


def cursor_span(query: Query, layout: Layout) -> Span:
    """The positions that the query's cursors let through."""
    span = Span()
    for cursor, is_start in ((query.start, True), (query.end, False)):
        if cursor is None:
            continue
        before, after = _edges(cursor, layout)
        edge = before if cursor.before != layout.reverse else after
        span = span.meet(Span(low=edge) if is_start != layout.reverse else Span(high=edge))
    return span


def _edges(cursor: Cursor, layout: Layout) -> tuple[bytes, bytes]:
    """The positions below and above everything that starts with the cursor's values."""
    parts = [_directed(value, field.mode) for value, field in zip(cursor.values, layout.fields, strict=False)]
    if len(cursor.values) <= len(layout.fields):
        place = b"".join(parts)
        return place, place + ABOVE
    parts.append(directed_name(layout.name(cursor.values[-1]), layout.name_descending))
    place = b"".join(parts)
    return place, place + _NEXT


def scan_of(conjunction: Conjunction, layout: Layout, group: bytes) -> Scan:
    """The index that answers one conjunction, and the part of it to read."""
    first = layout.fields[0].path if layout.fields else NAME
    equal = sorted({term for term in conjunction if _heads_entry(term, first)}, key=lambda term: term.path)
    contains = [term for term in conjunction if term.operator is Operator.CONTAINS]
    ranged = [term for term in conjunction if term.path == first and _narrows(term)]
    span = Span()
    for term in ranged:
        span = span.meet(_name_span(term, layout) if first == NAME else _value_span(term))
    exact = [*equal, *contains, *(term for term in ranged if _is_exact(term))]
    fields = (
        *(IndexField(term.path, Mode.ASCENDING) for term in equal),
        *(IndexField(term.path, Mode.CONTAINS) for term in contains),
        *layout.fields,
    )
    return Scan(
        shape=Shape(group, layout.everywhere, fields, layout.name_descending),
        head=b"".join(term.operand for term in (*equal, *contains)),
        span=span,
        residual=tuple(term for term in conjunction if term not in exact),
    )


def _heads_entry(term: Term, first: tuple[str, ...]) -> bool:
    return term.operator is Operator.EQUAL and term.path not in (NAME, first)


def _narrows(term: Term) -> bool:
    """Whether a term on the first order's field limits the range to be read."""
    return term.operator is not Operator.CONTAINS


def _is_exact(term: Term) -> bool:
    """Whether the range holds just what the term lets through."""
    if term.path == NAME:
        return term.operator in RANGES or term.operator is Operator.EQUAL
    return term.operator in RANGES or term.operator is Operator.EQUAL or term.operands == (NULL,)


def _name_span(term: Term, layout: Layout) -> Span:
    place = layout.name(term.operand)
    return _span_around(term.operator, place, place + _NEXT, Span())


def _value_span(term: Term) -> Span:
    value = term.operand
    whole = Span(AFTER_NULL) if term.operator not in RANGES else Span(type_start(value), type_end(value))
    return _span_around(term.operator, value, value + ABOVE, whole)


def _span_around(operator: Operator, place: bytes, above: bytes, whole: Span) -> Span:
    match operator:
        case Operator.EQUAL:
            return Span(place, above)
        case Operator.LESS:
            return Span(whole.low, place)
        case Operator.LESS_OR_EQUAL:
            return Span(whole.low, above)
        case Operator.GREATER:
            return Span(above, whole.high)
        case Operator.GREATER_OR_EQUAL:
            return Span(place, whole.high)
        case _:
            return whole


def _directed(encoded: bytes, mode: Mode) -> bytes:
    return invert(encoded) if mode is Mode.DESCENDING else encoded
