"""Running the service: what it counts, what can be made to fail, what outlives it."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from localcloud.counters import Counters
from localcloud.faults import Fault, FaultKind, Faults
from localcloud.firestore import FirestoreService


def counted(server: Any, work: Any) -> dict[str, int]:
    server.counters.reset()
    work()
    return {name.removeprefix("firestore."): amount for name, amount in server.counters.snapshot().items()}


def test_operations_are_counted_as_google_bills_them(start_server: Any) -> None:
    server = start_server()
    db = server.client()
    collection = db.collection("c")

    def fill() -> None:
        batch = db.batch()
        for number in range(10):
            batch.set(collection.document(str(number)), {"n": number})
        batch.delete(collection.document("none"))
        batch.commit()

    assert counted(server, fill) == {"commits": 1, "writes": 10, "deletes": 1}
    assert counted(server, lambda: collection.document("1").get()) == {"reads": 1}
    assert counted(server, lambda: collection.document("none").get()) == {"reads": 1}
    assert counted(server, lambda: list(collection.limit(4).stream())) == {"queries": 1, "reads": 4}
    assert counted(server, lambda: list(collection.offset(7).limit(2).stream())) == {"queries": 1, "reads": 9}
    nothing = collection.where(filter=FieldFilter("n", ">", 100))
    assert counted(server, lambda: list(nothing.stream())) == {"queries": 1, "reads": 1}
    assert counted(server, lambda: nothing.count().get()) == {"queries": 1, "reads": 1}
    assert counted(server, lambda: collection.sum("n").get()) == {"queries": 1, "reads": 1}
    assert counted(server, lambda: list(db.collections())) == {"reads": 1}

    def refused() -> None:
        with pytest.raises(exceptions.AlreadyExists):
            collection.document("1").create({})

    assert counted(server, refused) == {}


def test_a_fault_strikes_before_the_work_or_loses_the_answer(start_server: Any) -> None:
    server = start_server()
    document = server.client().document("c/d")
    server.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.ERROR, status="PERMISSION_DENIED"))
    with pytest.raises(exceptions.PermissionDenied, match="injected fault"):
        document.create({"n": 1})
    assert not document.get().exists
    server.faults.inject(Fault(point="firestore.Commit", kind=FaultKind.LOST_ANSWER, status="DEADLINE_EXCEEDED"))
    with pytest.raises(exceptions.DeadlineExceeded):
        document.create({"n": 1})
    assert document.get().get("n") == 1
    server.faults.inject(Fault(point="firestore.RunQuery", kind=FaultKind.LOST_ANSWER, status="INTERNAL"))
    with pytest.raises(exceptions.InternalServerError):
        list(document.parent.stream(retry=None))
    server.faults.inject(Fault(point="firestore.*", kind=FaultKind.LATENCY, seconds=0.01))
    assert document.get().exists
    assert server.faults.pending == []


def test_documents_and_indexes_survive_a_restart(start_server: Any) -> None:
    first = start_server()
    db = first.client("p")
    query = [("n", ">", 3)]

    def found(client: firestore.Client) -> list[int]:
        chosen = client.collection("c").where(filter=FieldFilter(*query[0])).order_by("n", direction="DESCENDING")
        return [snapshot.get("n") for snapshot in chosen.stream()]

    written = [db.document(f"c/{n}").set({"n": n}).update_time for n in range(6)]
    assert found(db) == [5, 4]
    first.close()
    again = start_server().client("p")
    assert found(again) == [5, 4]
    again.document("c/9").set({"n": 9})
    again.document("c/4").update({"n": 0}, option=again.write_option(last_update_time=written[4]))
    assert found(again) == [9, 5]


def test_a_file_is_served_by_one_process_only(start_server: Any, tmp_path: Path) -> None:
    start_server()
    with pytest.raises(RuntimeError, match="in use"):
        FirestoreService(tmp_path / "firestore.sqlite", counters=Counters(), faults=Faults())


SERVER = """
import asyncio, sys
from pathlib import Path
import grpc
from localcloud.counters import Counters
from localcloud.faults import Faults
from localcloud.firestore import FirestoreService

async def main():
    server = grpc.aio.server()
    service = FirestoreService(Path(sys.argv[1]), counters=Counters(), faults=Faults())
    service.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()

asyncio.run(main())
"""


def test_kill_9_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_server: Any
) -> None:
    command = [sys.executable, "-c", SERVER, str(tmp_path / "firestore.sqlite")]
    shared = Path(__file__).parents[4] / "shared"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(shared)}
    ) as process:
        assert process.stdout is not None
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{process.stdout.readline().strip()}")
        db = firestore.Client(project="p")
        acknowledged: list[int] = []

        def write() -> None:
            try:
                for number in range(100_000):
                    batch = db.batch()
                    batch.set(db.document(f"c/{number}"), {"n": number})
                    batch.set(db.document("c/last"), {"n": number})
                    batch.commit(retry=None, timeout=5)
                    acknowledged.append(number)
            except exceptions.GoogleAPICallError:
                return

        writer = threading.Thread(target=write)
        writer.start()
        while len(acknowledged) < 100:
            writer.join(0.01)
        process.send_signal(signal.SIGKILL)
        writer.join()
        db._firestore_api.transport.close()
    again = start_server().client("p")
    stored = {snapshot.id: snapshot.get("n") for snapshot in again.collection("c").stream()}
    last = stored.pop("last")
    assert set(map(str, acknowledged)) <= set(stored)
    assert last == max(stored.values()), "a commit was stored in part"


INDEXES = {
    "indexes": [
        {
            "collectionGroup": "tasks",
            "queryScope": "COLLECTION",
            "fields": [{"fieldPath": "state", "order": "ASCENDING"}, {"fieldPath": "at", "order": "DESCENDING"}],
        }
    ],
    "fieldOverrides": [
        {
            "collectionGroup": "tasks",
            "fieldPath": "alarm",
            "indexes": [{"order": "ASCENDING", "queryScope": "COLLECTION_GROUP"}],
        },
        {"collectionGroup": "tasks", "fieldPath": "blob", "indexes": []},
    ],
}


def test_a_sum_needs_an_index_with_its_field_beside_those_of_the_filter(start_server: Any, tmp_path: Path) -> None:
    declaration = tmp_path / "firestore.indexes.json"
    declaration.write_text(json.dumps(INDEXES))
    by_state = (
        start_server(declaration).client().collection("tasks").where(filter=FieldFilter("state", "==", "running"))
    )
    assert by_state.count(alias="n").get()[0][0].value == 0
    assert by_state.sum("at", alias="n").get()[0][0].value == 0
    with pytest.raises(exceptions.FailedPrecondition, match="The query requires an index"):
        by_state.sum("size", alias="n").get()


def test_queries_without_a_declared_index_are_refused(start_server: Any, tmp_path: Path) -> None:
    declaration = tmp_path / "firestore.indexes.json"
    declaration.write_text(json.dumps(INDEXES))
    db = start_server(declaration).client()
    tasks, group = db.collection("tasks"), db.collection_group("tasks")
    by_state = tasks.where(filter=FieldFilter("state", "==", "running"))
    assert list(by_state.order_by("at", direction="DESCENDING").stream()) == []
    assert list(group.where(filter=FieldFilter("alarm", "<", 5)).order_by("alarm").limit(3).stream()) == []
    with pytest.raises(exceptions.FailedPrecondition, match="The query requires an index"):
        list(by_state.order_by("other").stream())
    with pytest.raises(
        exceptions.FailedPrecondition, match="requires a COLLECTION_GROUP_ASC index for collection tasks"
    ):
        group.where(filter=FieldFilter("at", "<", 5)).count().get()
    with pytest.raises(exceptions.FailedPrecondition, match="COLLECTION_ASC index for collection tasks and field blob"):
        list(tasks.where(filter=FieldFilter("blob", "==", 5)).stream())
