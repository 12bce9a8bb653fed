"""Transactions: isolation, conflicts and their end."""

import asyncio
import threading

import pytest
from conformance import emulator_differs, words
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

LOCKS = emulator_differs(
    "it locks what a transaction read, as production does in the PESSIMISTIC concurrency mode; ours is OPTIMISTIC",
    run=False,
)


def begun(db: firestore.Client, **options: object) -> firestore.Transaction:
    transaction = db.transaction(**options)
    transaction._begin()
    return transaction


@LOCKS
def test_of_two_that_read_and_write_one_document_one_is_aborted_and_its_retry_succeeds(db: firestore.Client) -> None:
    document = db.document("c/d")
    document.set({"n": 0})
    other = begun(db)
    other.update(document, {"n": document.get(transaction=other).get("n") + 10})
    attempts = []

    @firestore.transactional
    def increment(transaction: firestore.Transaction) -> None:
        n = document.get(transaction=transaction).get("n")
        attempts.append(n)
        if len(attempts) == 1:
            other._commit()
        transaction.update(document, {"n": n + 1})

    increment(db.transaction())
    assert attempts == [0, 10]
    assert document.get().get("n") == 11


@LOCKS
def test_a_document_created_since_it_was_read_as_missing_is_a_conflict(db: firestore.Client) -> None:
    transaction = begun(db)
    assert not db.document("c/d").get(transaction=transaction).exists
    db.document("c/d").set({"n": 1})
    transaction.set(db.document("c/else"), {})
    with pytest.raises(exceptions.Aborted):
        transaction._commit()
    assert not db.document("c/else").get().exists


@LOCKS
def test_a_query_whose_results_changed_is_a_conflict_and_one_whose_did_not_is_none(db: firestore.Client) -> None:
    query = db.collection("c").where(filter=FieldFilter("n", ">", 1))
    for change, conflicts in (({"n": 1}, False), ({"n": 2}, True)):
        transaction = begun(db)
        assert list(query.stream(transaction=transaction)) == []
        transaction.set(db.document("seen/it"), {"n": 0})
        db.collection("c").add(change)
        if conflicts:
            with pytest.raises(exceptions.Aborted):
                transaction._commit()
        else:
            transaction._commit()


@LOCKS
def test_a_count_that_changed_is_a_conflict(db: firestore.Client) -> None:
    transaction = begun(db)
    assert db.collection("c").count().get(transaction=transaction)[0][0].value == 0
    db.collection("c").add({})
    transaction.set(db.document("seen/it"), {})
    with pytest.raises(exceptions.Aborted):
        transaction._commit()


@LOCKS
def test_many_writers_of_one_counter_all_get_through(db: firestore.Client) -> None:
    document = db.document("c/counter")
    document.set({"n": 0})
    failures: list[BaseException] = []

    @firestore.transactional
    def increment(transaction: firestore.Transaction) -> None:
        transaction.update(document, {"n": document.get(transaction=transaction).get("n") + 1})

    def work() -> None:
        try:
            for _ in range(3):
                increment(db.transaction())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert document.get().get("n") == 36


def test_a_read_only_transaction_sees_one_moment(db: firestore.Client) -> None:
    query = db.collection("c").where(filter=FieldFilter("n", ">", 0)).order_by("n", direction="DESCENDING")
    db.document("c/a").set({"n": 1})
    transaction = begun(db, read_only=True)
    db.document("c/a").set({"n": 2})
    db.document("c/b").set({"n": 3})
    assert db.document("c/a").get(transaction=transaction).get("n") == 1
    assert [found.to_dict() for found in query.stream(transaction=transaction)] == [{"n": 1}]
    assert [found.to_dict() for found in query.stream()] == [{"n": 3}, {"n": 2}]
    assert [found.to_dict() for found in query.stream(transaction=transaction)] == [{"n": 1}]
    transaction._commit()


def test_a_read_only_transaction_refuses_writes(db: firestore.Client) -> None:
    transaction = begun(db, read_only=True)
    request = {
        "database": db._database_string,
        "writes": [{"delete": db.document("c/d")._document_path}],
        "transaction": transaction.id,
    }
    with pytest.raises(exceptions.InvalidArgument, match=words("read-only")):
        db._firestore_api.commit(request)


def test_a_transaction_that_was_rolled_back_or_committed_is_gone(db: firestore.Client) -> None:
    for end in (lambda transaction: transaction._rollback(), lambda transaction: transaction._commit()):
        transaction = begun(db)
        transaction_id = transaction.id
        end(transaction)
        request = {"database": db._database_string, "transaction": transaction_id}
        with pytest.raises(exceptions.InvalidArgument, match=words("expired or is no longer valid")):
            db._firestore_api.commit(request)


def test_a_transaction_expires_when_idle_and_when_old(start_server) -> None:
    server = start_server()
    db = server.client()
    idle = begun(db)
    server.clock.ahead += 61
    with pytest.raises(exceptions.InvalidArgument, match=words("expired")):
        idle._commit()
    busy = begun(db)
    for _ in range(5):
        server.clock.ahead += 50
        db.document("c/d").get(transaction=busy)
    server.clock.ahead += 50
    with pytest.raises(exceptions.InvalidArgument, match=words("expired")):
        db.document("c/d").get(transaction=busy)


def test_a_read_can_begin_a_transaction(db: firestore.Client) -> None:
    db.document("c/d").set({"n": 1})
    name = db.document("c/d")._document_path
    api, database = db._firestore_api, db._database_string
    read = {"database": database, "documents": [name], "new_transaction": {"read_write": {}}}
    responses = list(api.batch_get_documents(read))
    assert responses[1].found.name == name
    api.commit({"database": database, "transaction": responses[0].transaction, "writes": [{"delete": name}]})
    assert not db.document("c/d").get().exists
    query = {"from_": [{"collection_id": "c"}]}
    first = next(
        iter(api.run_query({"parent": f"{database}/documents", "structured_query": query, "new_transaction": {}}))
    )
    assert first.transaction
    api.rollback({"database": database, "transaction": first.transaction})


def test_a_transaction_that_a_read_begins_is_read_only_unless_told_otherwise(db: firestore.Client) -> None:
    api, database = db._firestore_api, db._database_string
    name = db.document("c/d")._document_path
    query = {"from_": [{"collection_id": "c"}]}
    aggregation = {"structured_query": query, "aggregations": [{"count": {}, "alias": "n"}]}
    root = {"parent": f"{database}/documents", "new_transaction": {}}
    for responses in (
        api.batch_get_documents({"database": database, "documents": [name], "new_transaction": {}}),
        api.run_query({**root, "structured_query": query}),
        api.run_aggregation_query({**root, "structured_aggregation_query": aggregation}),
    ):
        begun_by = next(iter(responses)).transaction
        with pytest.raises(exceptions.InvalidArgument, match="read-only transaction"):
            api.commit({"database": database, "transaction": begun_by, "writes": [{"delete": name}]})


def test_past_read_times_are_refused_clearly(start_server) -> None:
    db = start_server().client()
    written = db.document("c/d").set({}).update_time
    with pytest.raises(exceptions.MethodNotImplemented, match=words("read_time")):
        db.document("c/d").get(read_time=written)


@LOCKS
def test_the_async_client_runs_transactions_too(shared_server, db: firestore.Client) -> None:
    async def work() -> list[int]:
        client = shared_server.async_client(db.project)
        document = client.document("c/d")
        await document.set({"n": 0})

        @firestore.async_transactional
        async def increment(transaction: firestore.AsyncTransaction) -> int:
            n = (await document.get(transaction=transaction)).get("n")
            transaction.update(document, {"n": n + 1})
            return int(n)

        seen = await asyncio.gather(*(increment(client.transaction()) for _ in range(8)))
        await client._firestore_api.transport.close()
        return sorted(seen)

    assert asyncio.run(work()) == list(range(8))
    assert db.document("c/d").get().get("n") == 8
