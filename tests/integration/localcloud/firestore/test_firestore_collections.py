"""Collections: groups, lists, partitions, recursive deletes, aggregations."""

import math
from typing import Any

import pytest
from conformance import emulator_differs
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter


@pytest.fixture
def tree(db: firestore.Client) -> firestore.Client:
    """Two parents with tasks, tasks below a task, and a collection whose parent documents do not exist."""
    batch = db.batch()
    for path in (
        "a/x",
        "a/y",
        "a/x/tasks/1",
        "a/x/tasks/2",
        "a/y/tasks/1",
        "a/x/tasks/1/tasks/z",
        "b/ghost/tasks/9",
        "tasks/top",
    ):
        batch.set(db.document(path), {"path": path, "deep": path.count("/")})
    batch.commit()
    return db


def paths(query: Any) -> list[str]:
    return [found.reference.path for found in query.stream()]


TASKS = ["a/x/tasks/1", "a/x/tasks/1/tasks/z", "a/x/tasks/2", "a/y/tasks/1", "b/ghost/tasks/9", "tasks/top"]


def test_a_collection_group_holds_collections_of_one_id_at_any_depth_in_name_order(tree: firestore.Client) -> None:
    group = tree.collection_group("tasks")
    assert paths(group) == TASKS
    assert paths(group.where(filter=FieldFilter("deep", "==", 3))) == [path for path in TASKS if path.count("/") == 3]
    assert paths(group.order_by("deep", direction="DESCENDING").limit(2)) == ["a/x/tasks/1/tasks/z", "b/ghost/tasks/9"]
    third = tree.document(TASKS[2])
    assert paths(group.where(filter=FieldFilter("__name__", ">", third))) == TASKS[3:]
    assert paths(group.order_by("__name__").start_at({"__name__": third}).limit(2)) == TASKS[2:4]
    assert paths(tree.collection_group("nothing")) == []


@emulator_differs("it has no index for names in descending order; production needs one declared")
def test_a_collection_group_can_be_read_in_descending_order_of_names(tree: firestore.Client) -> None:
    group = tree.collection_group("tasks").order_by("__name__", direction="DESCENDING")
    assert paths(group) == TASKS[::-1]


def test_a_query_on_a_collection_stays_in_it(tree: firestore.Client) -> None:
    assert paths(tree.collection("a")) == ["a/x", "a/y"]
    assert paths(tree.collection("a/x/tasks").where(filter=FieldFilter("deep", ">", 0))) == [
        "a/x/tasks/1",
        "a/x/tasks/2",
    ]


def test_a_group_query_below_a_document_stays_below_it_and_goes_by_names_alone(tree: firestore.Client) -> None:
    root = tree._database_string + "/documents"

    def below(**query: Any) -> list[str]:
        group = {"from_": [{"collection_id": "tasks", "all_descendants": True}], **query}
        found = tree._firestore_api.run_query({"parent": f"{root}/a/x", "structured_query": group})
        return [item.document.name.removeprefix(root + "/") for item in found]

    assert below() == TASKS[:3]
    after = {"field": {"field_path": "__name__"}, "op": 3, "value": {"reference_value": f"{root}/{TASKS[0]}"}}
    assert below(where={"field_filter": after}) == TASKS[1:3]
    three = {"field": {"field_path": "deep"}, "op": 5, "value": {"integer_value": 3}}
    for by_field in ({"where": {"field_filter": three}}, {"order_by": [{"field": {"field_path": "deep"}}]}):
        with pytest.raises(exceptions.InvalidArgument):
            below(**by_field)


def test_new_documents_enter_a_group_that_was_queried_before(tree: firestore.Client) -> None:
    group = tree.collection_group("tasks").where(filter=FieldFilter("deep", "==", 1))
    assert paths(group) == ["tasks/top"]
    tree.document("tasks/new").set({"deep": 1})
    tree.document("tasks/top").update({"deep": 2})
    assert paths(group) == ["tasks/new"]
    tree.document("tasks/new").delete()
    assert paths(group) == []


def test_collections_are_listed_while_they_hold_documents(tree: firestore.Client) -> None:
    assert [collection.id for collection in tree.collections()] == ["a", "b", "tasks"]
    assert [collection.id for collection in tree.document("a/x").collections()] == ["tasks"]
    assert [collection.id for collection in tree.document("b/ghost").collections()] == ["tasks"]
    tree.document("tasks/top").delete()
    assert [collection.id for collection in tree.collections()] == ["a", "b"]


def test_listing_documents_shows_missing_parents_and_pages(tree: firestore.Client) -> None:
    assert [document.id for document in tree.collection("b").list_documents()] == ["ghost"]
    batch = tree.batch()
    for number in range(25):
        batch.set(tree.document(f"many/{number:02}"), {"n": number, "m": 1})
        batch.set(tree.document(f"many/{number:02}b/sub/1"), {})
    batch.commit()
    expected = sorted([f"{number:02}" for number in range(25)] + [f"{number:02}b" for number in range(25)])
    assert [document.id for document in tree.collection("many").list_documents(page_size=7)] == expected
    request = {"parent": f"{tree._database_string}/documents", "collection_id": "many", "page_size": 10}
    pages = list(tree._firestore_api.list_documents({**request, "mask": {"field_paths": ["n"]}}).pages)
    assert [len(page.documents) for page in pages] == [10, 10, 5]
    assert list(pages[0].documents[0].fields) == ["n"]


def test_collection_ids_come_in_pages(db: firestore.Client) -> None:
    for number in range(7):
        db.document(f"c{number}/d").set({})
    request = {"parent": f"{db._database_string}/documents", "page_size": 3}
    pages = list(db._firestore_api.list_collection_ids(request, metadata=db._rpc_metadata).pages)
    assert [list(page.collection_ids) for page in pages] == [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]


@emulator_differs("it cannot partition queries")
def test_partitions_cut_a_group_into_parts_that_make_up_the_whole(db: firestore.Client) -> None:
    batch = db.batch()
    for number in range(40):
        batch.set(db.document(f"p/{number % 3}/parts/{number:02}"), {"n": number})
    batch.commit()
    group = db.collection_group("parts")
    partitions = list(group.get_partitions(4))
    sizes = [len(list(partition.query().stream())) for partition in partitions]
    assert sizes == [8, 8, 8, 8, 8]
    assert [found.id for partition in partitions for found in partition.query().stream()] == [
        found.id for found in group.stream()
    ]
    assert len(list(db.collection_group("none").get_partitions(4))) == 1


def test_a_recursive_delete_takes_everything_below_and_nothing_else(tree: firestore.Client) -> None:
    tree.document("ab/x").set({})
    assert tree.recursive_delete(tree.collection("a")) == 6
    assert [collection.id for collection in tree.collections()] == ["ab", "b", "tasks"]
    assert tree.recursive_delete(tree.document("b/ghost")) >= 1
    assert paths(tree.collection_group("tasks")) == ["tasks/top"]


def aggregates(query: Any) -> dict[str, Any]:
    return {result.alias: result.value for result in query.get()[0]}


def test_aggregations_count_sum_and_average_together(db: firestore.Client) -> None:
    for name, value in {"a": 1, "b": 2.5, "c": "text", "d": None, "e": 4}.items():
        db.document(f"c/{name}").set({"v": value, "even": name in "bd"})
    db.document("c/without").set({"even": False})
    query = db.collection("c")
    assert aggregates(query.count("n")) == {"n": 6}
    assert aggregates(query.sum("v", "s").avg("v", "m").count("n")) == {"s": 7.5, "m": 2.5, "n": 5}
    assert aggregates(query.limit(2).count("n")) == {"n": 2}
    assert aggregates(query.where(filter=FieldFilter("even", "==", True)).sum("v", "s")) == {"s": 2.5}
    nothing = query.where(filter=FieldFilter("even", "==", "never")).sum("v", "s").avg("v", "m").count("n")
    request = {"parent": f"{db._database_string}/documents", "structured_aggregation_query": nothing._to_protobuf()}
    fields = next(iter(db._firestore_api.run_aggregation_query(request))).result.aggregate_fields
    assert fields["s"].integer_value == fields["n"].integer_value == 0
    assert "null_value" in fields["m"]


def test_sums_stay_integers_until_they_overflow(db: firestore.Client) -> None:
    db.document("c/a").set({"v": 2**62, "f": 2**62, "nan": 1})
    db.document("c/b").set({"v": 3, "f": 2**62, "nan": float("nan")})
    found = aggregates(db.collection("c").sum("v", "v").sum("f", "f").sum("nan", "nan"))
    assert (found["v"], type(found["v"])) == (2**62 + 3, int)
    assert (found["f"], type(found["f"])) == (float(2**63), float)
    assert math.isnan(found["nan"])


def test_a_count_stops_at_its_limit(db: firestore.Client) -> None:
    for number in range(5):
        db.collection("c").add({"n": number})
    query = {"from_": [{"collection_id": "c"}]}
    for up_to, counted in ((3, 3), (9, 5)):
        request = {
            "parent": f"{db._database_string}/documents",
            "structured_aggregation_query": {
                "structured_query": query,
                "aggregations": [{"count": {"up_to": up_to}, "alias": "n"}],
            },
        }
        response = next(iter(db._firestore_api.run_aggregation_query(request)))
        assert response.result.aggregate_fields["n"].integer_value == counted


def test_vector_search_and_explain_are_refused_clearly(start_server: Any) -> None:
    from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
    from google.cloud.firestore_v1.vector import Vector

    query = start_server().client().collection("c").find_nearest("v", Vector([1.0]), 3, DistanceMeasure.EUCLIDEAN)
    with pytest.raises(exceptions.MethodNotImplemented, match="find_nearest"):
        list(query.stream())
