"""Which queries a firestore.indexes.json lets through."""

from typing import Any

import pytest

from localcloud.firestore.declared import DeclaredIndexes
from localcloud.firestore.errors import FirestoreError
from localcloud.firestore.paths import parent_name
from localcloud.firestore.protos import StructuredQuery
from localcloud.firestore.query import Query, parse_query

OPERATORS = {"<": 1, ">": 3, "==": 5, "!=": 6, "contains": 7}


def query(*terms: tuple[str, str], orders: str = "", group: bool = False) -> Query:
    """A query on `tasks`: terms are (field, operator), orders such as "a -b"."""
    message = StructuredQuery()
    message.from_.add(collection_id="tasks", all_descendants=group)
    for field, operator in terms:
        message.where.composite_filter.op = 1
        term = message.where.composite_filter.filters.add().field_filter
        term.field.field_path, term.op = field, OPERATORS[operator]
        term.value.integer_value = 1
    for order in orders.split():
        message.order_by.add(direction=2 if order[0] == "-" else 1).field.field_path = order.lstrip("-")
    return parse_query(parent_name("projects/p/databases/d/documents"), message)


def composite(fields: str, scope: str = "COLLECTION") -> dict[str, Any]:
    """An index from "a -b c[]"."""

    def field(text: str) -> dict[str, str]:
        if text.endswith("[]"):
            return {"fieldPath": text[:-2], "arrayConfig": "CONTAINS"}
        return {"fieldPath": text.lstrip("-"), "order": "DESCENDING" if text[0] == "-" else "ASCENDING"}

    return {"collectionGroup": "tasks", "queryScope": scope, "fields": [field(text) for text in fields.split()]}


def allows(declared: DeclaredIndexes, asked: Query) -> bool:
    try:
        declared.check(asked)
    except FirestoreError:
        return False
    return True


@pytest.mark.parametrize(
    "asked",
    [
        query(),
        query(("a", "==")),
        query(("a", "=="), ("b", "==")),
        query(("a", "<")),
        query(("a", "!=")),
        query(("a", "contains")),
        query(orders="a"),
        query(orders="-a"),
        query(("a", ">"), orders="-a"),
        query(orders="a __name__"),
        query(("a", "=="), orders="a"),
        query(group=True),
    ],
)
def test_automatic_indexes_serve_single_fields_and_merged_equalities(asked: Query) -> None:
    assert allows(DeclaredIndexes({}), asked)


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        ("a b", query(("a", "=="), orders="b")),
        ("a b", query(("a", "=="), orders="-b")),
        ("a b", query(("a", "=="), ("b", ">"))),
        ("-a b", query(("a", "=="), orders="b")),
        ("a -b", query(orders="a -b")),
        ("a -b", query(orders="-a b")),
        ("c[] b", query(("c", "contains"), orders="b")),
        ("a c[]", query(("c", "contains"), ("a", "=="))),
        ("a b", query(("a", ">"), ("b", ">"))),
        ("a -__name__", query(orders="a -__name__")),
    ],
)
def test_a_composite_index_allows_what_is_refused_without_it(index: str, asked: Query) -> None:
    assert allows(DeclaredIndexes({"indexes": [composite(index)]}), asked)
    assert not allows(DeclaredIndexes({}), asked)
    assert not allows(DeclaredIndexes({"indexes": [composite(index, "COLLECTION_GROUP")]}), asked)


def test_composite_indexes_of_one_order_are_merged() -> None:
    declared = DeclaredIndexes({"indexes": [composite("a -s"), composite("b -s")]})
    assert allows(declared, query(("a", "=="), ("b", "=="), orders="-s"))
    assert not allows(declared, query(("a", "=="), ("c", "=="), orders="-s"))
    assert not allows(declared, query(("a", "=="), ("b", "=="), orders="s -t"))


def override(field: str, *indexes: dict[str, str]) -> DeclaredIndexes:
    return DeclaredIndexes(
        {"fieldOverrides": [{"collectionGroup": "tasks", "fieldPath": field, "indexes": list(indexes)}]}
    )


def test_an_override_replaces_the_automatic_indexes_of_its_field_and_those_below() -> None:
    declared = override("a", {"order": "ASCENDING", "queryScope": "COLLECTION"})
    assert allows(declared, query(("a", "==")))
    assert allows(declared, query(("a.b", "<")))
    assert not allows(declared, query(orders="-a"))
    assert not allows(declared, query(("a", "contains")))
    assert allows(declared, query(("ab", "contains")))
    off = override("*")
    assert not allows(off, query(("a", "==")))
    assert allows(off, query())


def test_names_in_descending_order_need_an_index_of_the_name_alone() -> None:
    down = query(orders="-__name__")
    assert not allows(DeclaredIndexes({}), down)
    assert not allows(DeclaredIndexes({"indexes": [composite("a -__name__")]}), down)
    assert allows(DeclaredIndexes({"indexes": [composite("-__name__")]}), down)
    assert not allows(DeclaredIndexes({"indexes": [composite("-__name__")]}), query(orders="-__name__", group=True))
    assert allows(DeclaredIndexes({}), query(("a", "=="), orders="-__name__"))


def test_a_collection_group_needs_an_index_of_its_own() -> None:
    assert not allows(DeclaredIndexes({}), query(("a", "=="), group=True))
    declared = override("a", {"order": "ASCENDING", "queryScope": "COLLECTION_GROUP"})
    assert allows(declared, query(("a", "<"), orders="a", group=True))
    assert not allows(declared, query(("a", "<"), orders="-a", group=True))
    assert not allows(declared, query(("a", "==")))


def test_a_refusal_says_what_to_declare() -> None:
    with pytest.raises(FirestoreError, match=r'"fieldPath": "b", "order": "DESCENDING"'):
        DeclaredIndexes({}).check(query(("a", "=="), orders="-b"))
