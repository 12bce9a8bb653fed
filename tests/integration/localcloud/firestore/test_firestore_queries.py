"""Every filter, order, cursor and limit, held against Google's client's own comparison of values."""

import datetime
import math
import random
from functools import cmp_to_key
from itertools import combinations, product
from typing import Any

import pytest
from conformance import emulator_differs, words
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or
from google.cloud.firestore_v1.order import Order, TypeOrder
from google.cloud.firestore_v1.vector import Vector

from localcloud.firestore.indexes import SMALL_COLLECTION

NAN = float("nan")
SAMPLES: list[Any] = [
    None,
    False,
    True,
    NAN,
    float("-inf"),
    -(2**63),
    -(2**53) - 1,
    -1.5,
    -1,
    0,
    -0.0,
    0.5,
    1,
    1.0,
    2**53,
    2**53 + 1,
    float(2**53),
    2**63 - 1,
    9.3e18,
    float("inf"),
    datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    datetime.datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=datetime.UTC),
    "",
    "\0",
    "\0a",
    "a",
    "a\0",
    "aa",
    "ä",
    "b",
    "🎈",
    "\ufffd",
    b"",
    b"\x00",
    b"\xff",
    firestore.GeoPoint(-90, 10),
    firestore.GeoPoint(10, -5),
    firestore.GeoPoint(10, 5),
    [],
    [1],
    [1, 2],
    ["a"],
    [None],
    Vector([9.0]),
    Vector([1.0, 2.0]),
    {},
    {"a": 1},
    {"a": 1, "b": 1},
    {"a": 2},
    {"b": 0},
]


def pb(value: Any) -> Any:
    return _helpers.encode_value(value)


def compare(left: Any, right: Any) -> int:
    return Order.compare(pb(left), pb(right))


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


@pytest.fixture(scope="module")
def samples(shared_server) -> firestore.Client:
    """One document for each sample, its value in `v`, and one without."""
    db = shared_server.client()
    batch = db.batch()
    for number, value in enumerate(SAMPLES):
        batch.set(db.document(f"samples/s{number:02}"), {"v": value, "n": number})
    batch.set(db.document("samples/without"), {"n": -1})
    batch.commit()
    return db


def ids(query: firestore.Query) -> list[str]:
    return [found.id for found in query.stream()]


def expected(matches: Any, descending: bool = False) -> list[str]:
    """The samples that match, ordered by value and then name."""
    chosen = [(f"s{number:02}", value) for number, value in enumerate(SAMPLES) if matches(value)]
    sign = -1 if descending else 1

    def order(left: Any, right: Any) -> int:
        by_value = compare(left[1], right[1])
        return sign * (by_value or (left[0] > right[0]) - (left[0] < right[0]))

    return [name for name, _ in sorted(chosen, key=cmp_to_key(order))]


@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
def test_values_of_all_types_come_in_firestores_order(samples: firestore.Client, direction: str) -> None:
    found = ids(samples.collection("samples").order_by("v", direction=direction))
    assert found == expected(lambda _: True, direction == "DESCENDING")


COMPARISONS = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}
UNDECIDED = {f"s{number:02}" for number, value in enumerate(SAMPLES) if is_nan(value)}
"""Whether NaN is less than a number is documented for orders only: Google's clients say yes, its emulator says no."""
COMPARABLE = [value for value in SAMPLES if value is not None and not is_nan(value)]


@pytest.mark.parametrize("operator", COMPARISONS)
def test_a_range_holds_values_of_the_same_type_only(samples: firestore.Client, operator: str) -> None:
    for operand in COMPARABLE:
        wanted = TypeOrder.from_value(pb(operand))
        query = samples.collection("samples").where(filter=FieldFilter("v", operator, operand))
        found = [name for name in ids(query) if name not in UNDECIDED]
        assert found == expected(
            lambda value, operand=operand, wanted=wanted: (
                TypeOrder.from_value(pb(value)) == wanted
                and COMPARISONS[operator](compare(value, operand))
                and not is_nan(value)
            )
        ), operand


def test_equality_is_equality_of_values_not_of_representations(samples: firestore.Client) -> None:
    for operand in SAMPLES:
        query = samples.collection("samples").where(filter=FieldFilter("v", "==", operand))
        assert ids(query) == expected(lambda value, operand=operand: compare(value, operand) == 0), operand


def test_inequality_leaves_out_null_and_missing_fields(samples: firestore.Client) -> None:
    for operand in SAMPLES:
        query = samples.collection("samples").where(filter=FieldFilter("v", "!=", operand))
        assert ids(query) == expected(
            lambda value, operand=operand: value is not None and compare(value, operand) != 0
        ), operand


def test_in_and_not_in_take_lists_of_values(samples: firestore.Client) -> None:
    collection = samples.collection("samples")
    operands = [1, "a", [1], {"a": 1}, True, "nowhere"]
    within = expected(lambda value: any(compare(value, operand) == 0 for operand in operands))
    assert sorted(ids(collection.where(filter=FieldFilter("v", "in", operands)))) == sorted(within)
    assert ids(collection.where(filter=FieldFilter("v", "in", operands)).order_by("v")) == within
    without = [name for name in expected(lambda value: value is not None) if name not in within]
    assert ids(collection.where(filter=FieldFilter("v", "not-in", operands))) == without
    assert ids(collection.where(filter=FieldFilter("v", "not-in", [1, None]))) == []


@pytest.fixture(scope="module")
def arrays(shared_server) -> Any:
    db = shared_server.client()
    values = {"a": [1, 2, 2], "b": [2.0, "x"], "c": ["x", None], "d": [], "e": 2, "f": [{"k": 1}]}
    for name, value in values.items():
        db.document(f"arrays/{name}").set({"l": value, "even": name in "bdf"})
    return db.collection("arrays")


@pytest.mark.parametrize(("operand", "found"), [(2, ["a", "b"]), ("x", ["b", "c"]), ({"k": 1}, ["f"]), (9, [])])
def test_array_contains_finds_elements(arrays: Any, operand: object, found: list[str]) -> None:
    assert ids(arrays.where(filter=FieldFilter("l", "array_contains", operand))) == found


def test_array_contains_any_finds_each_document_once(arrays: Any) -> None:
    assert ids(arrays.where(filter=FieldFilter("l", "array_contains_any", [1, 2, "x"]))) == ["a", "b", "c"]
    query = arrays.where(filter=FieldFilter("l", "array_contains_any", [1, 2, "x"]))
    assert ids(query.where(filter=FieldFilter("even", "==", True))) == ["b"]
    assert query.count().get()[0][0].value == 3
    assert ids(query.limit(2)) == ["a", "b"]
    assert ids(query.offset(1).limit(1)) == ["b"]


GRID = [
    {"id": f"{a}{b}{c}", "a": a, "b": b, "c": c}
    for number, (a, b, c) in enumerate(product(range(3), "xyz", [None, 1, 2.5, 40]))
    if number % 5
]


@pytest.fixture(scope="module")
def grid(shared_server) -> Any:
    """Documents over the product of a few values in three fields, some left out; more than are looked through."""
    assert len(GRID) > SMALL_COLLECTION
    return filled(shared_server.client(), GRID)


def filled(db: firestore.Client, rows: list[Any]) -> Any:
    batch = db.batch()
    for row in rows:
        batch.set(db.document(f"grid/{row['id']}"), {key: row[key] for key in "abc"})
    batch.commit()
    return db.collection("grid")


def grid_ids(matches: Any, *orders: tuple[str, bool], rows: list[Any] = GRID) -> list[str]:
    def order(left: Any, right: Any) -> int:
        for field, descending in orders:
            sign = compare(left[field], right[field])
            if sign:
                return -sign if descending else sign
        down = orders[-1][1] if orders else False
        sign = (left["id"] > right["id"]) - (left["id"] < right["id"])
        return -sign if down else sign

    return [row["id"] for row in sorted(filter(matches, rows), key=cmp_to_key(order))]


def where(query: Any, *terms: tuple[str, str, Any]) -> Any:
    for term in terms:
        query = query.where(filter=FieldFilter(*term))
    return query


@pytest.mark.parametrize("directions", list(product(["ASCENDING", "DESCENDING"], repeat=2)))
def test_orders_by_several_fields_mix_directions(grid: Any, directions: tuple[str, str]) -> None:
    def query() -> Any:  # limit_to_last().get() turns the orders round in the client's query itself
        return grid.order_by("b", direction=directions[0]).order_by("a", direction=directions[1])

    descending = [direction == "DESCENDING" for direction in directions]
    everything = grid_ids(lambda _: True, ("b", descending[0]), ("a", descending[1]))
    assert ids(query()) == everything
    assert ids(query().limit(4).offset(3)) == everything[3:7]
    assert [found.id for found in query().limit_to_last(4).get()] == everything[-4:]
    narrowed = query().where(filter=FieldFilter("c", "==", 1))
    assert ids(narrowed) == grid_ids(lambda row: row["c"] == 1, ("b", descending[0]), ("a", descending[1]))


def test_the_name_can_be_ordered_against_the_fields(grid: Any) -> None:
    query = grid.order_by("a").order_by("__name__", direction="DESCENDING")
    down = sorted((row["id"] for row in GRID), reverse=True)
    assert ids(query) == [name for a in "012" for name in down if name[0] == a]
    assert ids(query.start_after([1, "1y2.5"])) == [
        name for a in "12" for name in down if name[0] == a and (a == "2" or name < "1y2.5")
    ]


def test_inequalities_imply_orders_by_their_fields_in_alphabetical_order(grid: Any) -> None:
    query = where(grid, ("c", ">", 0), ("a", ">=", 1))
    assert ids(query) == grid_ids(
        lambda row: row["c"] is not None and row["c"] > 0 and row["a"] >= 1, ("a", False), ("c", False)
    )
    query = where(grid, ("a", "!=", 1)).order_by("b", direction="DESCENDING")
    assert ids(query) == grid_ids(lambda row: row["a"] != 1, ("b", True), ("a", True))


def test_and_and_or_nest(grid: Any) -> None:
    nested = Or(
        [
            And([FieldFilter("a", "==", 1), Or([FieldFilter("b", "==", "x"), FieldFilter("c", "==", 1)])]),
            And([FieldFilter("a", "==", 2), FieldFilter("b", "in", ["y", "z"])]),
        ]
    )

    def matches(row: Any) -> bool:
        return (row["a"] == 1 and (row["b"] == "x" or row["c"] == 1)) or (row["a"] == 2 and row["b"] in "yz")

    assert sorted(ids(grid.where(filter=nested))) == grid_ids(matches)
    query = grid.where(filter=nested).order_by("b", direction="DESCENDING").order_by("a")
    assert ids(query) == grid_ids(matches, ("b", True), ("a", False))
    assert ids(query.limit(3)) == grid_ids(matches, ("b", True), ("a", False))[:3]
    mixed = Or([FieldFilter("a", ">", 1), FieldFilter("b", "==", "x")])
    assert ids(grid.where(filter=mixed)) == grid_ids(lambda row: row["a"] > 1 or row["b"] == "x", ("a", False))


def test_cursors_cut_at_whole_and_partial_positions(grid: Any) -> None:
    query = grid.order_by("a").order_by("b", direction="DESCENDING")
    everything = grid_ids(lambda _: True, ("a", False), ("b", True))
    rows = {row["id"]: row for row in GRID}

    def kept(test: Any) -> list[str]:
        return [name for name in everything if test(rows[name])]

    assert ids(query.start_at({"a": 1})) == kept(lambda row: row["a"] >= 1)
    assert ids(query.start_after({"a": 1})) == kept(lambda row: row["a"] > 1)
    assert ids(query.end_at({"a": 1})) == kept(lambda row: row["a"] <= 1)
    assert ids(query.end_before({"a": 1})) == kept(lambda row: row["a"] < 1)
    assert ids(query.start_at([1, "y"])) == kept(lambda row: row["a"] > 1 or (row["a"] == 1 and row["b"] <= "y"))
    assert ids(query.start_after([1, "y"]).end_at([2, "z"])) == kept(
        lambda row: (row["a"] == 1 and row["b"] < "y") or (row["a"] == 2 and row["b"] >= "z")
    )


def test_cursors_on_documents_page_through_everything_once(grid: Any) -> None:
    for query, everything in (
        (grid.order_by("b", direction="DESCENDING"), grid_ids(lambda _: True, ("b", True))),
        (grid.order_by("a").order_by("c"), grid_ids(lambda _: True, ("a", False), ("c", False))),
        (grid.order_by("__name__"), grid_ids(lambda _: True)),
    ):
        found: list[str] = []
        page = list(query.limit(4).stream())
        while page:
            found += [snapshot.id for snapshot in page]
            page = list(query.limit(4).start_after(page[-1]).stream())
        assert found == everything
        middle = next(iter(query.offset(5).limit(1).stream()))
        assert ids(query.end_at(middle)) == everything[:6]
        assert ids(query.end_before(middle)) == everything[:5]
        assert ids(query.start_at(middle)) == everything[5:]


@emulator_differs("it has no index for names in descending order; production needs one declared")
def test_names_can_be_read_in_descending_order(grid: Any) -> None:
    down = grid.order_by("__name__", direction="DESCENDING")
    everything = grid_ids(lambda _: True)[::-1]
    page = list(down.limit(4).stream())
    assert [found.id for found in page] == everything[:4]
    assert ids(down.limit(4).start_after(page[-1])) == everything[4:8]
    assert ids(down.end_before(page[2])) == everything[:2]


def test_names_can_be_filtered(grid: Any) -> None:
    everything = grid_ids(lambda _: True)
    low, high = everything[3], everything[9]
    reference = grid.document
    assert ids(where(grid, ("__name__", "==", reference(low)))) == [low]
    assert ids(where(grid, ("__name__", "==", reference(low)), ("a", "==", 9))) == []
    assert ids(where(grid, ("__name__", ">", reference(low)), ("__name__", "<=", reference(high)))) == everything[4:10]
    assert ids(where(grid, ("__name__", ">=", reference(low)), ("__name__", "<", reference(high)))) == everything[3:9]
    assert ids(where(grid, ("__name__", "in", [reference(high), reference(low), reference("none")]))) == [low, high]
    assert ids(where(grid, ("__name__", "!=", reference(low)))) == [name for name in everything if name != low]
    assert ids(where(grid, ("__name__", "not-in", [reference(low), reference(high)]))) == [
        name for name in everything if name not in (low, high)
    ]
    assert ids(where(grid, ("b", "==", "x"), ("__name__", ">", reference(low)))) == [
        name for name in everything if name[1] == "x" and name > low
    ]


def test_projections_return_the_chosen_fields(grid: Any) -> None:
    row = next(iter(grid.select(["a", "nothing"]).limit(1).stream()))
    assert row.to_dict() == {"a": GRID[0]["a"]}
    bare = next(iter(grid.select(["__name__"]).limit(1).stream()))
    assert (bare.id, bare.to_dict()) == (grid_ids(lambda _: True)[0], {})


@pytest.mark.parametrize("size", [12, len(GRID)])
def test_random_queries_agree_with_a_plain_search(db: firestore.Client, size: int) -> None:
    source, rows = random.Random(size), GRID[:size]
    grid = filled(db, rows)
    tests = {"==": lambda s: s == 0, "!=": lambda s: s != 0, **COMPARISONS}
    for _ in range(60):
        terms = [
            (field, source.choice(list(tests)), source.choice([GRID[i][field] for i in range(9)]))
            for field in source.sample("abc", source.randint(1, 2))
        ]
        terms = [(field, operator if value is not None else "==", value) for field, operator, value in terms]
        if [operator for _, operator, _ in terms] == ["!=", "!="]:  # A query takes one of these only.
            terms.pop()
        orders = [(field, source.random() < 0.5) for field in source.sample("abc", source.randint(0, 2))]
        fixed = [field for field, _ in orders]
        unequal = sorted(field for field, operator, _ in terms if operator != "==" and field not in fixed)
        implied = orders + [(field, orders[-1][1] if orders else False) for field in unequal]

        def matches(row: Any, terms: Any = terms) -> bool:
            return all(
                TypeOrder.from_value(pb(row[f])) == TypeOrder.from_value(pb(v)) and tests[op](compare(row[f], v))
                if op not in ("!=",)
                else row[f] is not None and compare(row[f], v) != 0
                for f, op, v in terms
            )

        query = where(grid, *terms)
        for field, descending in orders:
            query = query.order_by(field, direction="DESCENDING" if descending else "ASCENDING")
        wanted = grid_ids(matches, *implied, rows=rows)
        skip, most = source.randint(0, 3), source.randint(1, 6)
        assert ids(query) == wanted, (terms, orders)
        assert ids(query.offset(skip).limit(most)) == wanted[skip : skip + most], (terms, orders)
        assert query.offset(skip).limit(most).count().get()[0][0].value == len(wanted[skip : skip + most])


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([("a", "in", [])], "non-empty"),
        ([("a", "in", list(range(31)))], "at most 30"),
        ([("a", "not-in", list(range(11)))], "10"),
        ([("a", "in", list(range(6))), ("b", "in", list(range(6)))], "36 disjunctions"),
        ([("a", "not-in", [1]), ("b", "!=", 1)], "not-in"),
        ([("a", "!=", 1), ("b", "!=", "x")], "single filter"),
        ([("a", "!=", 1), ("a", "!=", 2)], "single filter"),
        ([("a", "!=", None), ("b", "!=", NAN)], "single filter"),
        ([("a", "not-in", [1]), ("b", "in", [1, 2])], "not-in"),
        ([("a", "array_contains", 1), ("b", "array_contains", 1)], "array-contains"),
        ([("a", "array_contains", 1), ("b", "array_contains_any", [1])], "array-contains"),
    ],
)
def test_combinations_that_firestore_refuses_are_refused(grid: Any, filters: list[Any], message: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=words(message)):
        ids(where(grid, *filters))


def test_a_query_over_many_shapes_stays_right_without_indexes(shared_server) -> None:
    db = shared_server.client()
    fields = "abcdefgh"
    rows = [{field: (number >> place) & 1 for place, field in enumerate(fields)} for number in range(0, 256, 7)]
    batch = db.batch()
    for number, row in enumerate(rows):
        batch.set(db.document(f"many/{number:03}"), row)
    batch.commit()
    for pair in combinations(fields, 2):
        query = where(db.collection("many"), *((field, "==", 1) for field in pair))
        assert ids(query) == [f"{number:03}" for number, row in enumerate(rows) if row[pair[0]] and row[pair[1]]]
        assert query.count().get()[0][0].value == len(ids(query))
        down = query.order_by("a", direction="DESCENDING").limit(2)
        assert len(ids(down)) == 2


def test_counts_of_alternatives_count_each_document_once(grid: Any) -> None:
    def counted(query: Any) -> Any:
        return query.count().get()[0][0].value

    values = where(grid, ("a", "in", [0, 2]), ("b", "==", "x"))
    assert counted(values) == len(grid_ids(lambda row: row["a"] in (0, 2) and row["b"] == "x"))
    assert counted(values.limit(3)) == 3
    assert counted(values.offset(2)) == counted(values) - 2
    either = Or([FieldFilter("a", "==", 1), FieldFilter("b", "==", "x")])
    assert counted(grid.where(filter=either)) == len(grid_ids(lambda row: row["a"] == 1 or row["b"] == "x"))
