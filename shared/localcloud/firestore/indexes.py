"""Indexes that build themselves.

An index exists from the first query that needs it on, over all collections of one id, and every later write keeps it
up. Fields that nobody queries cost nothing. An entry's key is: index number, the collection (for an index of COLLECTION
scope), the indexed values in order, the document's name; so each query without OR is one range of entries, already
sorted.
"""

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from .documents import Stored
from .paths import ID_MARK, FieldPath, collection_of, path_bytes
from .protos import FieldMap
from .storage import Change, Entry, Storage
from .values import encode, invert, lookup

MAX_PER_COLLECTION_ID = 24
"""Queries of still more shapes are answered without an index, by looking at each document of the collection."""
_NUMBER_BYTES = 4


class Mode(StrEnum):
    ASCENDING = "asc"
    DESCENDING = "desc"
    CONTAINS = "contains"


class IndexField(NamedTuple):
    path: FieldPath
    mode: Mode


class Shape(NamedTuple):
    """What an index is over; two queries of one shape share it."""

    group: bytes
    """Database and collection id, see `storage.grouping`."""
    everywhere: bool
    """COLLECTION_GROUP scope: entries of all collections in one order, not one collection after the other."""
    fields: tuple[IndexField, ...]
    name_descending: bool
    """The name runs against the direction of the index."""


class Index(NamedTuple):
    prefix: bytes
    shape: Shape

    def start(self, collection: bytes) -> bytes:
        """What the entries of one collection begin with; all entries, in an index of COLLECTION_GROUP scope."""
        return self.prefix if self.shape.everywhere else self.prefix + collection + ID_MARK

    def entry_keys(self, key: bytes, fields: FieldMap) -> set[bytes]:
        """The keys of a document's entries: none if it lacks one of the fields."""
        heads = {self.start(collection_of(key))}
        for path, mode in self.shape.fields:
            value = lookup(fields, path)
            if value is None:
                return set()
            if mode is Mode.CONTAINS:
                heads = {head + encode(item) for head in heads for item in value.array_value.values}
            else:
                encoded = encode(value)
                tail = invert(encoded) if mode is Mode.DESCENDING else encoded
                heads = {head + tail for head in heads}
        tail = name_position(key, self.shape.everywhere, self.shape.name_descending)
        return {head + tail for head in heads}


def name_position(key: bytes, everywhere: bool, descending: bool) -> bytes:
    """The last part of an entry key: the place of a document in name order."""
    position = path_bytes(key) if everywhere else key[key.rindex(ID_MARK) + len(ID_MARK) :]
    return directed_name(position, descending)


def directed_name(position: bytes, descending: bool) -> bytes:
    return invert(position + ID_MARK) if descending else position


class Indexes:
    """All indexes there are, and what commits do to them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._by_shape: dict[Shape, Index] = {}
        self._by_group: dict[bytes, list[Index]] = {}
        for number, group, definition in storage.index_definitions():
            self._remember(_index(number, _shape(group, definition)))

    def find(self, shape: Shape) -> Index | None:
        return self._by_shape.get(shape)

    def ensure(self, shape: Shape) -> Index | None:
        """The index of that shape, built now if need be; None if its collections have indexes enough."""
        found = self._by_shape.get(shape)
        if found is None and len(self._by_group.get(shape.group, ())) < MAX_PER_COLLECTION_ID:
            found = self._build(shape)
        return found

    def _build(self, shape: Shape) -> Index:
        number = len(self._by_shape) + 1
        index = _index(number, shape)
        self._storage.add_index(number, shape.group, _definition(shape), self._entries(index))
        self._remember(index)
        return index

    def _entries(self, index: Index) -> Iterator[Entry]:
        for collection in self._storage.collections_named(index.shape.group):
            for document in self._storage.iterate(collection + ID_MARK, collection + b"\0\1"):
                for key in index.entry_keys(document.key, document.parse().fields):
                    yield Entry(key, document.key)

    def _remember(self, index: Index) -> None:
        self._by_shape[index.shape] = index
        self._by_group.setdefault(index.shape.group, []).append(index)

    def effect(self, change: Change, added: list[Entry], removed: list[bytes]) -> None:
        """Append to `added` and `removed` the entries that come and go with a change."""
        indexes = self._by_group.get(change.group)
        if indexes is None or change.before is change.after:
            return
        before, after = _fields(change.before), _fields(change.after)
        for index in indexes:
            old = set() if before is None else index.entry_keys(change.key, before)
            new = set() if after is None else index.entry_keys(change.key, after)
            if old != new:
                removed.extend(old - new)
                added.extend(Entry(key, change.key) for key in new - old)


def _fields(document: Stored | None) -> FieldMap | None:
    return None if document is None else document.parse().fields


def _index(number: int, shape: Shape) -> Index:
    return Index(number.to_bytes(_NUMBER_BYTES, "big"), shape)


def _definition(shape: Shape) -> str:
    fields: Iterable[tuple[list[str], str]] = ((list(field.path), field.mode.value) for field in shape.fields)
    return json.dumps([shape.everywhere, shape.name_descending, list(fields)])


def _shape(group: bytes, definition: str) -> Shape:
    everywhere, name_descending, fields = json.loads(definition)
    parsed = tuple(IndexField(tuple(path), Mode(mode)) for path, mode in fields)
    return Shape(group, everywhere, parsed, name_descending)
