"""Indexes that build themselves.

An index exists from the first query that needs it on, and every later write keeps it up; one of COLLECTION scope covers
just the collections that were queried. So what nobody queries costs nothing. An entry's key is: index number, the
collection (in COLLECTION scope), the indexed values in order, the document's name; so each query without OR is one
range of entries, already sorted.
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
SMALL_COLLECTION = 24
"""Collections of up to so many documents are looked through rather than indexed."""
_NUMBER_BYTES = 4
_KNOWN_COVERS = 50_000


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
    names: tuple[bytes, ...]
    """The outermost names of its fields."""

    def may_hold(self, document: Stored | None) -> bool:
        """False only if the document lacks one of the fields; a glance, without parsing it."""
        return document is not None and all(name in document.body for name in self.names)

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
        self._covered: dict[bytes, bool] = {}
        for number, group, definition in storage.index_definitions():
            self._remember(_index(number, _shape(group, definition)))

    def find(self, shape: Shape, collection: bytes) -> Index | None:
        """The index of that shape, if it holds all documents of the collection."""
        found = self._by_shape.get(shape)
        return found if found is not None and self._covers(found, collection) else None

    def ensure(self, shape: Shape, collection: bytes) -> Index | None:
        """As `find`, but builds what is missing. None where looking through the documents is to be preferred."""
        found = self.find(shape, collection)
        if found is not None or self._is_small(shape, collection):
            return found
        index = self._by_shape.get(shape) or self._define(shape)
        if index is not None:
            self._build(index, collection)
        return index

    def _is_small(self, shape: Shape, collection: bytes) -> bool:
        if shape.everywhere:
            return False
        return self._storage.count(*_documents(collection), SMALL_COLLECTION + 1) <= SMALL_COLLECTION

    def _define(self, shape: Shape) -> Index | None:
        """A new index without entries; None if its collections have indexes enough."""
        if len(self._by_group.get(shape.group, ())) >= MAX_PER_COLLECTION_ID:
            return None
        number = len(self._by_shape) + 1
        self._storage.add_index(number, shape.group, _definition(shape))
        index = _index(number, shape)
        self._remember(index)
        return index

    def _build(self, index: Index, collection: bytes) -> None:
        everywhere = index.shape.everywhere
        collections = self._storage.collections_named(index.shape.group) if everywhere else [collection]
        key = _cover_key(index, collection)
        self._storage.cover(key, self._entries(index, collections))
        self._covered[key] = True

    def _entries(self, index: Index, collections: Iterable[bytes]) -> Iterator[Entry]:
        for collection in collections:
            for document in self._storage.iterate(*_documents(collection)):
                if index.may_hold(document):
                    for key in index.entry_keys(document.key, document.parse().fields):
                        yield Entry(key, document.key)

    def _remember(self, index: Index) -> None:
        self._by_shape[index.shape] = index
        self._by_group.setdefault(index.shape.group, []).append(index)

    def _covers(self, index: Index, collection: bytes) -> bool:
        key = _cover_key(index, collection)
        known = self._covered.get(key)
        if known is None:
            if len(self._covered) >= _KNOWN_COVERS:
                self._covered.clear()
            known = self._covered[key] = self._storage.covers(key)
        return known

    def effect(self, change: Change, added: list[Entry], removed: list[bytes]) -> None:
        """Append to `added` and `removed` the entries that come and go with a change."""
        indexes = self._by_group.get(change.group)
        if indexes is None or change.before is change.after:
            return
        collection = collection_of(change.key)
        concerned = [
            index
            for index in indexes
            if (index.may_hold(change.before) or index.may_hold(change.after)) and self._covers(index, collection)
        ]
        if not concerned:
            return
        before, after = _fields(change.before), _fields(change.after)
        for index in concerned:
            old = set() if before is None else index.entry_keys(change.key, before)
            new = set() if after is None else index.entry_keys(change.key, after)
            if old != new:
                removed.extend(old - new)
                added.extend(Entry(key, change.key) for key in new - old)


def _cover_key(index: Index, collection: bytes) -> bytes:
    return index.prefix if index.shape.everywhere else index.prefix + collection


def _documents(collection: bytes) -> tuple[bytes, bytes]:
    """The range of the keys of a collection's documents."""
    return collection + ID_MARK, collection + b"\0\1"


def _fields(document: Stored | None) -> FieldMap | None:
    return None if document is None else document.parse().fields


def _index(number: int, shape: Shape) -> Index:
    names = tuple(dict.fromkeys(field.path[0].encode() for field in shape.fields))
    return Index(number.to_bytes(_NUMBER_BYTES, "big"), shape, names)


def _definition(shape: Shape) -> str:
    fields: Iterable[tuple[list[str], str]] = ((list(field.path), field.mode.value) for field in shape.fields)
    return json.dumps([shape.everywhere, shape.name_descending, list(fields)])


def _shape(group: bytes, definition: str) -> Shape:
    everywhere, name_descending, fields = json.loads(definition)
    parsed = tuple(IndexField(tuple(path), Mode(mode)) for path, mode in fields)
    return Shape(group, everywhere, parsed, name_descending)
