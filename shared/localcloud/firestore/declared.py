"""Which queries a `firestore.indexes.json` allows.

The file has the form of the Firebase command line: `indexes` declares composite indexes, `fieldOverrides` replaces the
automatic single-field ones (ascending, descending and array-contains, of COLLECTION scope) of one field and those below
it. Equalities may be served by several indexes merged, if all of them end in the query's order. array-contains next to
another filter is held to need a composite index, although production may get along without.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from .errors import FirestoreError, failed_precondition
from .filters import NAME, Conjunction, Operator
from .paths import FieldPath, field_path, field_text
from .query import Order, Query


class Kind(StrEnum):
    ASCENDING = "ASC"
    DESCENDING = "DESC"
    CONTAINS = "CONTAINS"


_FLIPPED = {Kind.ASCENDING: Kind.DESCENDING, Kind.DESCENDING: Kind.ASCENDING, Kind.CONTAINS: Kind.CONTAINS}
_ORDERS = {"ASCENDING": Kind.ASCENDING, "DESCENDING": Kind.DESCENDING}
_COLLECTION, _COLLECTION_GROUP = "COLLECTION", "COLLECTION_GROUP"
_ANY_COLLECTION = ("*", "__default__")
_ANY_FIELD: FieldPath = ("*",)


class Part(NamedTuple):
    """One field of a composite index."""

    path: FieldPath
    kind: Kind


class Composite(NamedTuple):
    collection_id: str
    scope: str
    parts: tuple[Part, ...]
    """The last is `__name__`, in the direction of the one before it unless the file says otherwise."""


class Need(NamedTuple):
    """What one conjunction of a query asks of the indexes."""

    collection_id: str
    scope: str
    equal: frozenset[Part]
    """Fields compared for equality or containment, in any order; the kind tells which."""
    sorted: tuple[Part, ...]
    """Fields that follow them in order; the last is `__name__`."""

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*sorted(self.equal), *self.sorted)


_Single = dict[tuple[str, FieldPath], frozenset[tuple[str, Kind]]]
_AUTOMATIC = frozenset((_COLLECTION, kind) for kind in Kind)


class DeclaredIndexes:
    """The indexes of one file."""

    def __init__(self, declaration: dict[str, Any]) -> None:
        self._composites = [_composite(item) for item in declaration.get("indexes", ())]
        self._singles: _Single = dict(_override(item) for item in declaration.get("fieldOverrides", ()))

    @classmethod
    def read(cls, path: Path) -> "DeclaredIndexes":
        return cls(json.loads(path.read_text()))

    def check(self, query: Query) -> None:
        """Raise FAILED_PRECONDITION if production would have no index for the query."""
        if not query.collection_id:
            return
        for conjunction in query.conjunctions:
            self._check(need_of(query, conjunction))

    def _check(self, need: Need) -> None:
        named = need.sorted[:-1]
        if not need.equal and not named:
            self._check_names(need)
            return
        if not named and all(part.kind is not Kind.CONTAINS for part in need.equal):
            self._check_merge_of_singles(need)
        elif len(need.equal) + len(named) == 1 and _name_follows(need):
            self._check_single(need, (*need.equal, *named)[0])
        elif not self._merge(need):
            raise _composite_missing(need)

    def _check_names(self, need: Need) -> None:
        """Documents lie in the order of their names; the other way round needs an index of the name alone."""
        wanted = Composite(need.collection_id, need.scope, need.sorted)
        if need.sorted[-1].kind is Kind.DESCENDING and wanted not in self._composites:
            raise _composite_missing(need)

    def _check_merge_of_singles(self, need: Need) -> None:
        """Equalities only: each from a single-field index, or several from a composite one."""
        missing = [part for part in need.equal if not self._has_single(need, part)]
        if missing and not self._merge(need):
            raise _single_missing(need, min(missing))

    def _check_single(self, need: Need, part: Part) -> None:
        if not self._has_single(need, part) and not self._merge(need):
            raise _single_missing(need, part)

    def _has_single(self, need: Need, part: Part) -> bool:
        kinds = {kind for scope, kind in self._single_kinds(need.collection_id, part.path) if scope == need.scope}
        if part in need.equal and part.kind is Kind.ASCENDING:
            return bool(kinds & {Kind.ASCENDING, Kind.DESCENDING})
        return part.kind in kinds

    def _single_kinds(self, collection_id: str, path: FieldPath) -> frozenset[tuple[str, Kind]]:
        """The single-field indexes of a field: its own override, one of a map it lies in, or the automatic ones."""
        for collection in (collection_id, *_ANY_COLLECTION):
            for size in range(len(path), 0, -1):
                if (found := self._singles.get((collection, path[:size]))) is not None:
                    return found
            if (found := self._singles.get((collection, _ANY_FIELD))) is not None:
                return found
        return _AUTOMATIC

    def _merge(self, need: Need) -> bool:
        """Whether indexes that all end in the query's order together cover its equalities."""
        covered: set[Part] = set()
        usable = [found for item in self._composites if (found := _usable(item, need)) is not None]
        if len(need.sorted) == 1:
            usable += [{part} for part in need.equal if part.kind is Kind.ASCENDING and self._has_single(need, part)]
        for parts in usable:
            covered |= parts
        return bool(usable) and covered >= need.equal


def need_of(query: Query, conjunction: Conjunction) -> Need:
    """The index that a conjunction asks for; a field with one value needs no place in the order."""
    equal = {
        Part(term.path, Kind.CONTAINS if term.operator is Operator.CONTAINS else Kind.ASCENDING)
        for term in conjunction
        if term.operator in (Operator.EQUAL, Operator.CONTAINS) and term.path != NAME
    }
    fixed = {part.path for part in equal if part.kind is Kind.ASCENDING}
    orders = [order for order in query.orders if order.path not in fixed]
    scope = _COLLECTION_GROUP if query.all_descendants else _COLLECTION
    return Need(query.collection_id, scope, frozenset(equal), tuple(map(_part, orders)))


def _part(order: Order) -> Part:
    return Part(order.path, Kind.DESCENDING if order.descending else Kind.ASCENDING)


def _name_follows(need: Need) -> bool:
    """Whether the name is in the direction that a single-field index has it in."""
    return len(need.sorted) == 1 or need.sorted[-1].kind is need.sorted[-2].kind


def _usable(composite: Composite, need: Need) -> set[Part] | None:
    """The equalities that an index serves while it delivers the order; None if it does not."""
    if (composite.collection_id, composite.scope) != (need.collection_id, need.scope):
        return None
    ordered = len(need.sorted) if len(need.sorted) > 1 else 1
    head, tail = composite.parts[:-ordered], composite.parts[-ordered:]
    if ordered > 1 and tail not in (need.sorted, _flip(need.sorted)):
        return None
    parts = {part if part.kind is Kind.CONTAINS else Part(part.path, Kind.ASCENDING) for part in head}
    return parts if parts <= need.equal else None


def _flip(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(Part(part.path, _FLIPPED[part.kind]) for part in parts)


def _kind(item: dict[str, Any]) -> Kind:
    return Kind.CONTAINS if item.get("arrayConfig") == "CONTAINS" else _ORDERS[item.get("order", "ASCENDING")]


def _composite(item: dict[str, Any]) -> Composite:
    parts = tuple(Part(field_path(field["fieldPath"]), _kind(field)) for field in item["fields"])
    if parts[-1].path != NAME:
        direction = Kind.DESCENDING if parts[-1].kind is Kind.DESCENDING else Kind.ASCENDING
        parts = (*parts, Part(NAME, direction))
    return Composite(item["collectionGroup"], item.get("queryScope", _COLLECTION), parts)


def _override(item: dict[str, Any]) -> tuple[tuple[str, FieldPath], frozenset[tuple[str, Kind]]]:
    kinds = frozenset((index.get("queryScope", _COLLECTION), _kind(index)) for index in item.get("indexes", ()))
    return (item["collectionGroup"], field_path(item["fieldPath"])), kinds


def _single_missing(need: Need, part: Part) -> FirestoreError:
    index = {"queryScope": need.scope, **_json_kind(part)}
    return failed_precondition(
        f"The query requires a {need.scope}_{part.kind} index for collection {need.collection_id} and field "
        f"{field_text(part.path)}. Declare it under fieldOverrides in firestore.indexes.json: {json.dumps(index)}"
    )


def _composite_missing(need: Need) -> FirestoreError:
    parts = need.parts[:-1] if len(need.parts) > 1 and _name_follows(need) else need.parts
    fields = [{"fieldPath": field_text(part.path), **_json_kind(part)} for part in parts]
    index = {"collectionGroup": need.collection_id, "queryScope": need.scope, "fields": fields}
    return failed_precondition(
        f"The query requires an index. Declare it under indexes in firestore.indexes.json: {json.dumps(index)}"
    )


def _json_kind(part: Part) -> dict[str, str]:
    if part.kind is Kind.CONTAINS:
        return {"arrayConfig": "CONTAINS"}
    return {"order": "DESCENDING" if part.kind is Kind.DESCENDING else "ASCENDING"}
