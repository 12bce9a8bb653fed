"""A query, parsed and checked."""

from dataclasses import dataclass
from typing import NamedTuple

from .documents import Stored
from .errors import invalid, unimplemented
from .filters import INEQUALITIES, NAME, Conjunction, Operator, Term, disjunctions
from .paths import FieldPath, ParentName, check_collection_id, cursor_path, field_path, path_bytes
from .protos import Message, QueryMessage, StructuredQuery, ValueMessage
from .values import encode

_DESCENDING = StructuredQuery.Direction.DESCENDING


class Order(NamedTuple):
    path: FieldPath
    descending: bool


class Cursor(NamedTuple):
    """A place in the results: before or after everything that starts with `values`."""

    values: tuple[bytes, ...]
    """Encoded, one for each order from the first on; for `__name__` a position in name order."""
    before: bool


@dataclass(frozen=True, kw_only=True)
class Query:
    parent: ParentName
    collection_id: str
    """Empty: documents of all collections."""
    all_descendants: bool
    conjunctions: tuple[Conjunction, ...]
    orders: tuple[Order, ...]
    """Explicit and implied ones; the last, and none else, is `__name__`."""
    start: Cursor | None
    end: Cursor | None
    offset: int
    limit: int | None
    select: tuple[FieldPath, ...] | None

    def covers(self, path: str) -> bool:
        """Whether a document at `path` lies in the collections that the query is over."""
        collection = path.rpartition("/")[0]
        holder, _, collection_id = collection.rpartition("/")
        if self.collection_id and collection_id != self.collection_id:
            return False
        if holder == self.parent.path:
            return True
        return self.all_descendants and (not self.parent.path or holder.startswith(self.parent.path + "/"))

    def accepts(self, document: Stored) -> bool:
        """Whether a document satisfies one of the conjunctions of the query's filter."""
        return any(satisfies(document, conjunction) for conjunction in self.conjunctions)


def satisfies(document: Stored, conjunction: Conjunction) -> bool:
    if not conjunction:
        return True
    fields, name = document.parse().fields, path_bytes(document.key)
    return all(term.matches(fields, name) for term in conjunction)


def parse_query(parent: ParentName, message: QueryMessage) -> Query:
    """Check a query and complete its orders; raises INVALID_ARGUMENT as Firestore does."""
    if message.HasField("find_nearest"):
        raise unimplemented("Vector search (find_nearest) is not part of the local Firestore.")
    collection_id, all_descendants = _selector(message)
    filters = disjunctions(message.where) if message.HasField("where") else ((),)
    orders = complete_orders(_orders(message), filters)
    if not collection_id or (all_descendants and parent.path):
        _check_names_only(filters, orders)
    if message.offset < 0 or message.limit.value < 0:
        raise invalid("The offset and the limit of a query must not be negative.")
    return Query(
        parent=parent,
        collection_id=collection_id,
        all_descendants=all_descendants,
        conjunctions=_below(parent, filters) if all_descendants else filters,
        orders=orders,
        start=_cursor(message, "start_at", orders),
        end=_cursor(message, "end_at", orders),
        offset=message.offset,
        limit=message.limit.value if message.HasField("limit") else None,
        select=_select(message),
    )


def _check_names_only(filters: tuple[Conjunction, ...], orders: tuple[Order, ...]) -> None:
    if len(orders) > 1 or any(term.path != NAME for conjunction in filters for term in conjunction):
        raise invalid(
            "A query over collections of any id, or over a group below a document, "
            "can be filtered and ordered by __name__ only."
        )


def _selector(message: QueryMessage) -> tuple[str, bool]:
    selectors = message.from_
    if len(selectors) != 1:
        raise invalid("A query is over exactly one collection selector.")
    if selectors[0].collection_id:
        check_collection_id(selectors[0].collection_id)
    return selectors[0].collection_id, selectors[0].all_descendants


def _below(parent: ParentName, conjunctions: tuple[Conjunction, ...]) -> tuple[Conjunction, ...]:
    """The conjunctions narrowed to the descendants of a parent document."""
    if not parent.path:
        return conjunctions
    path = parent.path.encode().replace(b"/", b"\0")
    low = Term(NAME, Operator.GREATER, (path + b"\0",))
    high = Term(NAME, Operator.LESS, (path + b"\1",))
    return tuple((*conjunction, low, high) for conjunction in conjunctions)


def _select(message: QueryMessage) -> tuple[FieldPath, ...] | None:
    if not message.HasField("select"):
        return None
    return tuple(field_path(field.field_path) for field in message.select.fields)


def _orders(message: QueryMessage) -> tuple[Order, ...]:
    orders = tuple(Order(field_path(item.field.field_path), item.direction == _DESCENDING) for item in message.order_by)
    if len({order.path for order in orders}) < len(orders):
        raise invalid("A query cannot order by one field twice.")
    return orders


def complete_orders(explicit: tuple[Order, ...], conjunctions: tuple[Conjunction, ...]) -> tuple[Order, ...]:
    """The orders with what Firestore implies: fields with inequalities by name, then the document's name."""
    unequal = {term.path for terms in conjunctions for term in terms if term.operator in INEQUALITIES}
    present = [order.path for order in explicit]
    if NAME in present:
        return explicit[: present.index(NAME) + 1]
    descending = explicit[-1].descending if explicit else False
    implied = sorted(unequal.difference(present, [NAME]))
    return (*explicit, *(Order(path, descending) for path in implied), Order(NAME, descending))


def _cursor(message: QueryMessage, which: str, orders: tuple[Order, ...]) -> Cursor | None:
    if not message.HasField(which):
        return None
    cursor: Message = getattr(message, which)
    if len(cursor.values) > len(orders):
        raise invalid("A cursor has more values than the query has orders.")
    values = tuple(_cursor_value(order, value) for order, value in zip(orders, cursor.values, strict=False))
    return Cursor(values, cursor.before)


def _cursor_value(order: Order, value: ValueMessage) -> bytes:
    if order.path != NAME:
        return encode(value)
    if value.WhichOneof("value_type") != "reference_value":
        raise invalid("A cursor's value for __name__ must be a document reference.")
    return cursor_path(value.reference_value)
