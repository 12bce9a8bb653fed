"""Documents, names and requests that break Firestore's limits."""

from typing import Any

import pytest
from conformance import emulator_differs, words
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.types import Value


def nested(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {"m": value}
    return {"v": value}


def test_a_document_may_take_one_mebibyte_and_no_more(db: firestore.Client) -> None:
    half = "x" * 500_000
    overhead = (16 + len("c") + 1 + len("d") + 1) + 32 + 2 * (len("v") + 1 + 1)
    most = 1_048_576 - overhead - len(half)
    db.document("c/d").set({"v": "x" * most, "w": half})
    assert len(db.document("c/d").get().get("v")) == most
    with pytest.raises(exceptions.InvalidArgument, match=words("exceeds the maximum allowed size")):
        db.document("c/d").set({"v": "x" * (most + 1), "w": half})
    with pytest.raises(exceptions.InvalidArgument, match=words("exceeds the maximum allowed size")):
        db.document("c/d").set({"v": [1] * 140_000})


def test_a_value_may_take_89_bytes_less_than_a_mebibyte_and_no_more(db: firestore.Client) -> None:
    for text in ("x", b"x"):
        most = text * 1_048_487
        db.document("c/d").set({"v": most})
        for value in (most + text, [most + text], {"m": most + text}):
            with pytest.raises(exceptions.InvalidArgument, match=words("longer than 1,048,487 bytes")):
                db.document("c/d").set({"v": value})


def test_values_nest_twenty_levels_deep_and_no_deeper(db: firestore.Client) -> None:
    db.document("c/d").set(nested(20))
    with pytest.raises(exceptions.InvalidArgument, match=words("20 levels")):
        db.document("c/d").set(nested(21))
    with pytest.raises(exceptions.InvalidArgument, match=words("20 levels")):
        db.document("c/d").update({"v" + ".m" * 20: {"deep": 1}})


def test_an_array_may_not_hold_an_array(db: firestore.Client) -> None:
    inner = Value(array_value={"values": [{"integer_value": 1}]})
    fields = {"v": Value(array_value={"values": [inner]})}
    write = {"update": {"name": db.document("c/d")._document_path, "fields": fields}}
    with pytest.raises(exceptions.InvalidArgument, match=words("array value in an array value")):
        db._firestore_api.commit({"database": db._database_string, "writes": [write]})
    db.document("c/d").set({"J": ["J", {"J": [1, {"J": ["J"]}]}]})


@pytest.mark.parametrize(
    "name",
    [
        "__a__",
        pytest.param(
            "____", marks=emulator_differs("it takes ____, which is of the form __.*__, for a name like others")
        ),
        "a" * 1501,
        "ä" * 751,
    ],
)
def test_field_names_are_limited(db: firestore.Client, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=words("Field name")):
        db.document("c/d").set({"m": {name: 1}, "n": 1})


def test_the_longest_field_name_and_odd_ones_are_accepted(db: firestore.Client) -> None:
    data = {"a" * 1500: 1, "__a": 1, "a__": 2, "__": 3, "___": 4, "with space": 5}
    db.document("c/d").set(data)
    assert db.document("c/d").get().to_dict() == data


@pytest.mark.parametrize("name", [".", "..", "__x__", "a" * 1501])
def test_ids_are_limited(db: firestore.Client, name: str) -> None:
    for path in (("c", name), (name, "d")):
        with pytest.raises(exceptions.InvalidArgument, match=words("Resource id")):
            db.collection(path[0]).document(path[1]).set({})


def test_the_longest_id_is_accepted(db: firestore.Client) -> None:
    db.document("c/" + "a" * 1500).set({"n": 1})
    assert db.document("c/" + "a" * 1500).get().exists


@emulator_differs("it takes names of more than 6 KiB")
def test_names_are_limited_as_a_whole(db: firestore.Client) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=words("6144 bytes")):
        db.document("/".join(["a" * 1500] * 6)).set({})
    with pytest.raises(exceptions.InvalidArgument, match=words("100 collections")):
        db.document("/".join(["a"] * 202)).set({})


@emulator_differs("it takes messages of 4 MiB, production of 10 MiB", run=False)
def test_a_commit_over_ten_mebibytes_is_refused_and_one_below_is_stored(db: firestore.Client) -> None:
    def commit(count: int) -> None:
        batch = db.batch()
        for number in range(count):
            batch.set(db.document(f"c/{number}"), {"v": "x" * 1_000_000})
        batch.commit()

    commit(10)
    with pytest.raises(exceptions.InvalidArgument, match=words("Transaction too big")):
        commit(11)
    assert len(list(db.collection("c").select([]).stream())) == 10


@pytest.mark.parametrize(
    "request_of",
    [
        lambda api, root: api.get_document({"name": f"{root}/c"}),
        lambda api, root: api.get_document({"name": "nonsense"}),
        lambda api, root: api.commit({"database": "nonsense"}),
        lambda api, root: api.commit({"database": root.removesuffix("/documents"), "writes": [{}]}),
        lambda api, root: list(
            api.run_query({"parent": f"{root}/c", "structured_query": {"from_": [{"collection_id": "c"}]}})
        ),
        pytest.param(
            lambda api, root: list(api.run_query({"parent": root, "structured_query": {}})),
            marks=emulator_differs("it takes a query of no collection for one of all collections of the parent"),
        ),
        lambda api, root: list(
            api.run_query({"parent": root, "structured_query": {"from_": [{"collection_id": "c"}], "limit": -1}})
        ),
        pytest.param(
            lambda api, root: api.list_documents({"parent": root, "collection_id": "c", "page_token": "x"}),
            marks=emulator_differs("it answers UNKNOWN to a page token that is none"),
        ),
        lambda api, root: api.rollback({"database": root.removesuffix("/documents")}),
    ],
)
def test_malformed_requests_are_invalid_arguments(db: firestore.Client, request_of: Any) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        request_of(db._firestore_api, db._database_string + "/documents")
