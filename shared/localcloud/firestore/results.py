"""Answering queries: reads the planned ranges, checks what no index could, merges and cuts."""

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import combinations, islice
from typing import NamedTuple

from .documents import Stored
from .filters import NAME, Conjunction, Operator
from .indexes import Index, Shape
from .paths import ID_MARK, path_bytes, path_text
from .plan import Scan, cursor_span, layout_of, scan_of
from .query import Query, satisfies
from .storage import Storage, grouping
from .values import ABOVE

_BELOW_ID_MARK_END = b"\0\1"

FindIndex = Callable[[Shape, bytes], Index | None]
Placed = tuple[bytes, Stored]
"""A result and its position."""
Range = tuple[Index | None, bytes, bytes]
"""Low and high keys of entries of an index or, without one, of documents."""


class Results(NamedTuple):
    documents: list[Stored]
    skipped: int
    """How many the offset left out."""


class QueryRun:
    """One query against one state of the storage."""

    def __init__(self, query: Query, storage: Storage, prefix: bytes, find_index: FindIndex) -> None:
        self._query = query
        self._storage = storage
        self._prefix = prefix
        self._find_index = find_index
        self._layout = layout_of(query)
        self._cursors = cursor_span(query, self._layout)
        self._collection = prefix + self._layout.collection

    def results(self) -> Results:
        """The documents in order, offset and limit applied."""
        direct = self._direct_range()
        if direct is not None:
            return self._cut_in_storage(*direct)
        query = self._query
        placed = self._placed()
        skipped = sum(1 for _ in islice(placed, query.offset))
        return Results([document for _, document in islice(placed, query.limit)], skipped)

    def includes(self, document: Stored) -> bool:
        """Whether a document in the query's collections is a result, were it not for offset and limit."""
        if not self._query.accepts(document):
            return False
        position = self._layout.position(document)
        return position is not None and position in self._cursors

    def count(self, up_to: int | None = None) -> int:
        """How many results there are, `up_to` at most."""
        query = self._query
        most = min((bound for bound in (query.limit, up_to) if bound is not None), default=None)
        stop = None if most is None else query.offset + most
        if (ranges := self._countable_ranges()) is None:
            return sum(1 for _ in islice(self._placed(), query.offset, stop))
        counted = sum(self._count_range(*found, stop) for found in ranges)
        return max(0, (counted if stop is None else min(counted, stop)) - query.offset)

    def _count_range(self, index: Index | None, low: bytes, high: bytes, stop: int | None) -> int:
        counter = self._storage.count if index is None else self._storage.count_entries
        return counter(low, high, -1 if stop is None else stop)

    def _countable_ranges(self) -> list[Range] | None:
        """Ranges that hold the results and nothing else, each result once."""
        conjunctions = self._query.conjunctions
        if not all(_exclude_each_other(left, right) for left, right in combinations(conjunctions, 2)):
            return None
        ranges = [self._exact_range(conjunction) for conjunction in conjunctions]
        return [found for found in ranges if found is not None] if None not in ranges else None

    def _cut_in_storage(self, index: Index | None, low: bytes, high: bytes) -> Results:
        query, reverse = self._query, self._layout.reverse
        limit = -1 if query.limit is None else query.limit
        if index is None:
            documents = self._storage.scan(low, high, reverse=reverse, limit=limit, offset=query.offset)
        else:
            hits = self._storage.find(low, high, reverse=reverse, limit=limit, offset=query.offset)
            documents = [hit.document for hit in hits]
        skipped = query.offset
        if skipped and not documents:
            skipped = (
                self._storage.count(low, high, skipped)
                if index is None
                else self._storage.count_entries(low, high, skipped)
            )
        return Results(documents, skipped)

    def _direct_range(self) -> Range | None:
        """The one range that holds the results and nothing else."""
        return self._exact_range(self._query.conjunctions[0]) if len(self._query.conjunctions) == 1 else None

    def _exact_range(self, conjunction: Conjunction) -> Range | None:
        """The range that holds what satisfies a conjunction and nothing else, where there is one."""
        if not self._query.collection_id or _names_document(conjunction):
            return None
        scan = self._scan(conjunction)
        return None if scan.residual else self._range(scan)

    def _scan(self, conjunction: Conjunction) -> Scan:
        return scan_of(conjunction, self._layout, grouping(self._prefix, self._query.collection_id))

    def _range(self, scan: Scan) -> Range | None:
        """The keys of a scan; None if no index of its shape is to be had."""
        low, high = scan.span.meet(self._cursors)
        if not scan.shape.fields and not scan.shape.everywhere and not scan.shape.name_descending:
            start = self._collection + ID_MARK
            return None, start + low, start + high
        index = self._find_index(scan.shape, self._collection)
        if index is None:
            return None
        start = index.start(self._collection) + scan.head
        return index, start + low, start + high

    def _placed(self) -> Iterator[Placed]:
        """All results before offset and limit, in order, each once."""
        if not self._query.collection_id:
            return self._everything()
        streams = [self._conjunction(conjunction) for conjunction in self._query.conjunctions]
        if len(streams) == 1:
            return streams[0]
        return _unique(merge(*streams, key=lambda placed: placed[0], reverse=self._layout.reverse))

    def _conjunction(self, conjunction: Conjunction) -> Iterator[Placed]:
        named = _names_document(conjunction)
        if named is not None:
            return iter(self._examined(self._named(named), lambda document: satisfies(document, conjunction)))
        scan = self._scan(conjunction)
        found = self._range(scan)
        if found is None:
            return iter(self._examined(self._collections(), lambda document: satisfies(document, conjunction)))
        return self._read(scan, *found)

    def _read(self, scan: Scan, index: Index | None, low: bytes, high: bytes) -> Iterator[Placed]:
        reverse = self._layout.reverse
        if index is None:
            cut = len(self._collection) + len(ID_MARK)
            stream = ((document.key[cut:], document) for document in self._storage.scan(low, high, reverse=reverse))
        else:
            cut = len(index.start(self._collection)) + len(scan.head)
            hits = self._storage.find_lazily(low, high, reverse=reverse)
            stream = ((hit.entry[cut:], hit.document) for hit in hits)
        return (placed for placed in stream if satisfies(placed[1], scan.residual))

    def _examined(self, candidates: Iterator[Stored], accepts: Callable[[Stored], bool]) -> list[Placed]:
        """The candidates that are results, sorted."""
        placed = ((self._layout.position(document), document) for document in candidates if accepts(document))
        kept = [
            (position, document) for position, document in placed if position is not None and position in self._cursors
        ]
        kept.sort(key=lambda item: item[0], reverse=self._layout.reverse)
        return kept

    def _named(self, path: bytes) -> Iterator[Stored]:
        collection, _, document_id = path.rpartition(b"\0")
        found = self._storage.get(self._prefix + collection + ID_MARK + document_id)
        if found is not None and self._query.covers(path.decode().replace("\0", "/")):
            yield found

    def _collections(self) -> Iterator[Stored]:
        """All documents of the collections that the query is over, without an index."""
        collections = [self._collection]
        if self._query.all_descendants:
            collections = self._storage.collections_named(grouping(self._prefix, self._query.collection_id))
        for collection in collections:
            yield from self._storage.iterate(collection + ID_MARK, collection + _BELOW_ID_MARK_END)

    def _everything(self) -> Iterator[Placed]:
        """The documents of all collections below the parent, or right below it: in order of their names, as is all
        that such a query can ask for."""
        low, high = self._keys_below_parent()
        placed = ((path_bytes(key), key) for key in self._storage.keys(low, high))
        chosen = [item for item in placed if item[0] in self._cursors and self._query.covers(path_text(item[1]))]
        for position, key in sorted(chosen, reverse=self._layout.reverse):
            document = self._storage.get(key)
            if document is not None and self._query.accepts(document):
                yield position, document

    def _keys_below_parent(self) -> tuple[bytes, bytes]:
        path = self._query.parent.path.encode().replace(b"/", b"\0")
        if path:
            return self._prefix + path + b"\0", self._prefix + path + b"\1"
        first, last = (edge.partition(b"\0")[0] for edge in self._cursors)
        return self._prefix + first, self._prefix + last + ABOVE


def _names_document(conjunction: Conjunction) -> bytes | None:
    """The path of the one document that can satisfy the conjunction, where it says so."""
    for term in conjunction:
        if term.path == NAME and term.operator is Operator.EQUAL:
            return term.operand
    return None


def _exclude_each_other(left: Conjunction, right: Conjunction) -> bool:
    """Whether no document satisfies both, because they want one field to equal different values."""
    wanted = {term.path: term.operand for term in left if term.operator is Operator.EQUAL}
    return any(
        term.operator is Operator.EQUAL and wanted.get(term.path, term.operand) != term.operand for term in right
    )


def _unique(stream: Iterator[Placed]) -> Iterator[Placed]:
    last = None
    for placed in stream:
        if placed[1].key != last:
            last = placed[1].key
            yield placed
