"""Creating, changing and deleting documents through Google's client."""

import datetime

import pytest
from conformance import emulator_differs, words
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.types import Write


def test_a_created_document_reads_back_with_every_type_of_value(db: firestore.Client) -> None:
    data = {
        "null": None,
        "true": True,
        "integer": 2**62 + 1,
        "double": 1.5,
        "infinite": float("inf"),
        "text": "Grüße\0 🎈",
        "bytes": b"\x00\xff",
        "time": datetime.datetime(2031, 2, 3, 4, 5, 6, 789012, tzinfo=datetime.UTC),
        "place": firestore.GeoPoint(51.5, -0.12),
        "reference": db.document("other/one"),
        "list": [1, "two", {"three": 3}],
        "map": {"deep": {"deeper": [None]}, "odd key.": 1},
        "empty list": [],
        "empty map": {},
    }
    db.document("c/d").create(data)
    assert db.document("c/d").get().to_dict() == data


def test_create_refuses_a_document_that_exists(db: firestore.Client) -> None:
    db.document("c/d").create({"n": 1})
    with pytest.raises(exceptions.AlreadyExists, match=words("Document already exists: projects/")):
        db.document("c/d").create({"n": 2})
    assert db.document("c/d").get().get("n") == 1


def test_update_refuses_a_document_that_does_not_exist(db: firestore.Client) -> None:
    with pytest.raises(exceptions.NotFound, match=words("No document to update: projects/")):
        db.document("c/d").update({"n": 1})


def test_an_update_time_precondition_lets_the_first_of_two_writers_through(db: firestore.Client) -> None:
    document = db.document("c/d")
    read = document.set({"n": 1}).update_time
    written = document.update({"n": 2}, option=db.write_option(last_update_time=read)).update_time
    with pytest.raises(exceptions.FailedPrecondition, match=words("does not match the required base version")):
        document.update({"n": 3}, option=db.write_option(last_update_time=read))
    assert document.get().get("n") == 2
    assert document.get().update_time == written


def test_an_update_time_precondition_fails_on_a_missing_document(db: firestore.Client) -> None:
    written = db.document("c/other").set({}).update_time
    with pytest.raises(exceptions.FailedPrecondition):
        db.document("c/d").update({"n": 1}, option=db.write_option(last_update_time=written))
    with pytest.raises(exceptions.FailedPrecondition):
        db.document("c/d").delete(option=db.write_option(last_update_time=written))


def test_delete_is_idempotent_unless_the_document_must_exist(db: firestore.Client) -> None:
    document = db.document("c/d")
    document.set({"n": 1})
    document.delete()
    document.delete()
    assert not document.get().exists
    with pytest.raises(exceptions.NotFound):
        document.delete(option=db.write_option(exists=True))


def test_set_replaces_and_merge_keeps_what_it_does_not_name(db: firestore.Client) -> None:
    document = db.document("c/d")
    document.set({"a": 1, "m": {"x": 1, "y": 2}})
    document.set({"m": {"x": 5}}, merge=True)
    assert document.get().to_dict() == {"a": 1, "m": {"x": 5, "y": 2}}
    document.set({"m": {"z": 9}}, merge=["m"])
    assert document.get().to_dict() == {"a": 1, "m": {"z": 9}}
    document.set({"only": True})
    assert document.get().to_dict() == {"only": True}


def test_update_changes_nested_fields_and_removes_deleted_ones(db: firestore.Client) -> None:
    document = db.document("c/d")
    document.set({"a": 1, "m": {"x": 1, "odd.key": 2}, "gone": 1})
    document.update({"m.x": 2, "m.`odd.key`": 3, "gone": firestore.DELETE_FIELD, "new.deep": "v"})
    assert document.get().to_dict() == {"a": 1, "m": {"x": 2, "odd.key": 3}, "new": {"deep": "v"}}


def test_merging_nothing_creates_an_empty_document_and_leaves_a_full_one(db: firestore.Client) -> None:
    db.document("c/full").set({"a": 1})
    db.document("c/full").set({}, merge=True)
    db.document("c/empty").set({}, merge=True)
    assert db.document("c/full").get().to_dict() == {"a": 1}
    assert db.document("c/empty").get().to_dict() == {}


def test_an_unchanged_document_keeps_its_update_time(db: firestore.Client) -> None:
    document = db.document("c/d")
    first = document.set({"a": 1, "b": {"c": [1, 2]}}).update_time
    assert document.set({"b": {"c": [1, 2]}, "a": 1}).update_time == first
    assert document.update({"a": 1}).update_time == first
    assert document.update({"a": 2}).update_time > first
    assert document.get().create_time == first


def test_commit_times_rise_strictly_and_are_the_update_times(db: firestore.Client) -> None:
    times = []
    for number in range(30):
        batch = db.batch()
        batch.set(db.document("c/a"), {"n": number})
        batch.set(db.document("c/b"), {"n": number})
        results = batch.commit()
        assert {result.update_time for result in results} == {batch.commit_time}
        times.append(batch.commit_time)
    assert times == sorted(set(times))


def test_a_commit_is_all_or_nothing(db: firestore.Client) -> None:
    db.document("c/taken").set({"n": 1})
    batch = db.batch()
    batch.set(db.document("c/first"), {"n": 1})
    batch.delete(db.document("c/taken"))
    batch.create(db.document("c/taken2"), {})
    batch.update(db.document("c/missing"), {"n": 1})
    with pytest.raises(exceptions.NotFound):
        batch.commit()
    assert [found.id for found in db.collection("c").stream()] == ["taken"]


def test_writes_of_one_commit_see_those_before_them(db: firestore.Client) -> None:
    batch = db.batch()
    batch.create(db.document("c/d"), {"n": 1})
    batch.update(db.document("c/d"), {"n": firestore.Increment(10)})
    batch.update(db.document("c/d"), {"m": 1})
    batch.commit()
    assert db.document("c/d").get().to_dict() == {"n": 11, "m": 1}
    batch = db.batch()
    batch.delete(db.document("c/d"))
    batch.create(db.document("c/d"), {"again": True})
    batch.commit()
    assert db.document("c/d").get().to_dict() == {"again": True}


def test_server_time_is_one_time_in_milliseconds_at_most_as_late_as_the_commit(db: firestore.Client) -> None:
    before = db.document("c/before").set({}).update_time
    batch = db.batch()
    batch.set(db.document("c/d"), {"at": firestore.SERVER_TIMESTAMP, "m": {"at": firestore.SERVER_TIMESTAMP}})
    batch.set(db.document("c/e"), {"at": firestore.SERVER_TIMESTAMP})
    result = batch.commit()[0]
    at = db.document("c/d").get().get("at")
    assert [db.document("c/d").get().get("m.at"), db.document("c/e").get().get("at")] == [at, at]
    assert before - datetime.timedelta(milliseconds=1) < at <= result.update_time
    assert at.microsecond % 1000 == 0


@pytest.mark.parametrize(
    ("before", "transform", "after"),
    [
        (5, firestore.Increment(3), 8),
        (5, firestore.Increment(0.5), 5.5),
        ("text", firestore.Increment(3), 3),
        (None, firestore.Increment(2), 2),
        (2**63 - 2, firestore.Increment(5), 2**63 - 1),
        (-(2**63) + 1, firestore.Increment(-5), -(2**63)),
        (5, firestore.Maximum(7), 7),
        (9, firestore.Maximum(7), 9),
        (7, firestore.Maximum(7.0), 7),
        ("text", firestore.Maximum(1), 1),
        (5, firestore.Minimum(7), 5),
        (9, firestore.Minimum(7.5), 7.5),
        ([1, 2], firestore.ArrayUnion([2, 3, 3]), [1, 2, 3]),
        ([1], firestore.ArrayUnion([1.0]), [1]),
        ("text", firestore.ArrayUnion([1]), [1]),
        ([1, 2, 1, None], firestore.ArrayRemove([1, None]), [2]),
        ("text", firestore.ArrayRemove([1]), []),
    ],
)
def test_a_transform_computes_from_the_stored_value(
    db: firestore.Client, before: object, transform: object, after: object
) -> None:
    document = db.document("c/d")
    document.set({"v": before, "m": {"v": before}, "rest": 1})
    document.update({"v": transform, "m.v": transform})
    found = document.get().to_dict()
    assert found == {"v": after, "m": {"v": after}, "rest": 1}
    assert type(found["v"]) is type(after)


def test_transforms_work_on_a_field_and_a_document_that_do_not_exist(db: firestore.Client) -> None:
    db.document("c/d").set({"n": firestore.Increment(2), "l": firestore.ArrayUnion(["a"])}, merge=True)
    assert db.document("c/d").get().to_dict() == {"n": 2, "l": ["a"]}


def test_a_write_of_transforms_alone_answers_with_their_results(db: firestore.Client) -> None:
    name = db.document("c/d")._document_path
    transforms = [
        {"field_path": "n", "increment": {"integer_value": 4}},
        {"field_path": "l", "append_missing_elements": {"values": [{"string_value": "x"}]}},
        {"field_path": "t", "set_to_server_value": "REQUEST_TIME"},
    ]
    write = Write(transform={"document": name, "field_transforms": transforms})
    response = db._firestore_api.commit({"database": db._database_string, "writes": [write, write]})
    first, second = response.write_results
    assert [result.integer_value for result in (first.transform_results[0], second.transform_results[0])] == [4, 8]
    assert "null_value" in first.transform_results[1]
    assert first.transform_results[2].timestamp_value == db.document("c/d").get().get("t")
    assert db.document("c/d").get().get("l") == ["x"]


def test_bulk_writers_get_a_status_for_each_write(db: firestore.Client) -> None:
    db.document("c/taken").set({"n": 1})
    names = [db.document(f"c/{name}")._document_path for name in ("fresh", "taken", "gone")]
    writes = [
        {"update": {"name": names[0]}, "current_document": {"exists": False}},
        {"update": {"name": names[1]}, "current_document": {"exists": False}},
        {"delete": names[2]},
    ]
    api, admin = db._firestore_api, db._rpc_metadata
    response = api.batch_write({"database": db._database_string, "writes": writes}, metadata=admin)
    assert [status.code for status in response.status] == [0, 6, 0]
    assert response.write_results[0].update_time == db.document("c/fresh").get().update_time
    with pytest.raises(exceptions.InvalidArgument, match=words("same document")):
        api.batch_write({"database": db._database_string, "writes": [writes[0], writes[0]]}, metadata=admin)


def test_single_document_methods_do_as_their_commits(db: firestore.Client) -> None:
    api, root = db._firestore_api, db._database_string + "/documents"
    fields = {"n": {"integer_value": 1}, "m": {"integer_value": 2}}
    created = api.create_document(
        {"parent": root, "collection_id": "c", "document_id": "d", "document": {"fields": fields}}
    )
    assert created.name == f"{root}/c/d"
    assert created.create_time == created.update_time
    with pytest.raises(exceptions.AlreadyExists):
        api.create_document({"parent": root, "collection_id": "c", "document_id": "d", "document": {}})
    named = api.create_document({"parent": root, "collection_id": "c", "document": {"fields": fields}})
    assert len(named.name.rpartition("/")[2]) == 20
    mask = {"field_paths": ["n"]}
    change = {"name": created.name, "fields": {"n": {"integer_value": 5}}}
    updated = api.update_document({"document": change, "update_mask": mask, "mask": mask})
    assert {name: value.integer_value for name, value in updated.fields.items()} == {"n": 5}
    assert api.get_document({"name": created.name}).fields["m"].integer_value == 2
    api.delete_document({"name": created.name})
    with pytest.raises(exceptions.NotFound):
        api.get_document({"name": created.name})


def test_databases_and_projects_do_not_see_each_other(shared_server) -> None:
    first = shared_server.client("proj-a", "one")
    for other in (shared_server.client("proj-a", "two"), shared_server.client("proj-b", "one")):
        first.document("c/d").set({"n": 1})
        assert not other.document("c/d").get().exists
        assert list(other.collection_group("c").stream()) == []


@emulator_differs("it writes to whatever database a write names")
def test_a_commit_may_only_write_to_its_own_database(db: firestore.Client) -> None:
    write = {"delete": "projects/else/databases/(default)/documents/c/d"}
    with pytest.raises(exceptions.InvalidArgument, match=words("not in the database")):
        db._firestore_api.commit({"database": db._database_string, "writes": [write]})


def test_get_all_tells_missing_from_found_and_applies_the_mask(db: firestore.Client) -> None:
    db.document("c/a").set({"x": 1, "m": {"y": 2, "z": 3}})
    references = [db.document("c/a"), db.document("c/b"), db.document("c/a")]
    found = {snapshot.id: snapshot for snapshot in db.get_all(references, field_paths=["m.y", "nothing"])}
    assert found["a"].to_dict() == {"m": {"y": 2}}
    assert not found["b"].exists
    assert found["a"].read_time is not None
