"""Reading documents: by path, by collection, by query. What the store's reads are made of."""

from collections.abc import Sequence
from typing import Any

from sailplane.cloud.firestore import Firestore, ListDocumentsRequest, RunAggregationQueryRequest, RunQueryRequest
from sailplane.cloud.message_types import FIRESTORE, types_of

Query = types_of(FIRESTORE, "query").StructuredQuery.pb()
OPERATORS = Query.FieldFilter.Operator
AND = Query.CompositeFilter.Operator.Value("AND")
OR = Query.CompositeFilter.Operator.Value("OR")
DESCENDING = Query.Direction.Value("DESCENDING")
_PAGE = 300


class Reader:
    """Documents below the database's root."""

    def __init__(self, firestore: Firestore) -> None:
        self._firestore = firestore

    def _get(self, relative: Sequence[str]) -> list[Any]:
        """The documents that exist, in the order asked."""
        if not relative:
            return []
        names = [f"{self._firestore.root}/{path}" for path in relative]
        found = {document.name: document for document in self._firestore.get(names)}
        return [found[name] for name in names if name in found]

    def _list(self, parent: str, collection: str, *, fields: Sequence[str] = ()) -> list[Any]:
        """All documents of a collection, by id; with `fields`, only those."""
        request = ListDocumentsRequest(parent=self._parent(parent), collection_id=collection, page_size=_PAGE)
        if fields:
            request.mask.field_paths.extend(fields)
        found: list[Any] = []
        while True:
            page = self._firestore.list_page(request)
            found += page.documents
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def _run(self, parent: str, query: Any) -> list[Any]:
        request = RunQueryRequest(parent=self._parent(parent), structured_query=query)
        return [answer.document for answer in self._firestore.query(request) if answer.HasField("document")]

    def _count(self, parent: str, query: Any) -> int:
        request = RunAggregationQueryRequest(parent=self._parent(parent))
        aggregation = request.structured_aggregation_query
        aggregation.structured_query.CopyFrom(query)
        counted = aggregation.aggregations.add()
        counted.alias = "n"
        counted.count.SetInParent()
        return self._firestore.count(request)

    def _parent(self, relative: str) -> str:
        return f"{self._firestore.root}/{relative}" if relative else self._firestore.root


def select(collection: str, *, all_descendants: bool = False) -> Any:
    query = Query()
    source = query.from_.add()
    source.collection_id = collection
    source.all_descendants = all_descendants
    return query


def where_in(query: Any, field: str, values: Sequence[str]) -> None:
    field_filter = query.where.field_filter
    field_filter.field.field_path = field
    if len(values) == 1:
        field_filter.op = OPERATORS.Value("EQUAL")
        field_filter.value.string_value = values[0]
        return
    field_filter.op = OPERATORS.Value("IN")
    for value in values:
        field_filter.value.array_value.values.add().string_value = value


def between(query: Any, field: str, low: str, high: str) -> None:
    """Only documents whose text in `field` is from `low` on, and below `high`."""
    both = query.where.composite_filter
    both.op = AND
    for operator, value in (("GREATER_THAN_OR_EQUAL", low), ("LESS_THAN", high)):
        field_filter = both.filters.add().field_filter
        field_filter.field.field_path = field
        field_filter.op = OPERATORS.Value(operator)
        field_filter.value.string_value = value


def bound(target: Any, operator: str, value: str) -> None:
    target.field_filter.field.field_path = "alarm_at"
    target.field_filter.op = OPERATORS.Value(operator)
    target.field_filter.value.string_value = value
