"""The store and the bucket below the engine: errors come as Sailplane's, and one's trouble stays its own."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from http.client import IncompleteRead
from typing import Any

import pytest
from engine_stage import Stage, chain, dag, task
from google.auth.exceptions import RefreshError, TransportError
from requests.exceptions import ChunkedEncodingError
from urllib3.exceptions import ProtocolError

from sailplane.cloud.blobs import Blobs
from sailplane.cloud.changes import PutVersion, Replace
from sailplane.cloud.committer import Committed, Committer, Result
from sailplane.cloud.firestore import CommitRequest, CommitResponse, Conflict, Firestore
from sailplane.model.errors import CorruptRecord, Unavailable
from sailplane.model.evolve import evolve

PATIENCE = 20


class CutOff(Blobs):
    """A bucket that no call comes through to."""

    def __init__(self, stage: Stage, error: Exception) -> None:
        super().__init__(stage.settings, stage.cloud.tally)
        self._error = error

    @property
    def _client(self) -> Any:
        raise self._error


class Gate(Firestore):
    """Holds the first commit until it is opened; then fails each call as told."""

    def __init__(self, stage: Stage, error: Exception | None = None) -> None:
        super().__init__(stage.settings, stage.cloud.tally)
        self.is_reached = threading.Event()
        self.is_open = threading.Event()
        self.error = error

    def commit(self, request: CommitRequest) -> CommitResponse | Conflict:
        if not self.is_open.is_set():
            self.is_reached.set()
            self.is_open.wait(PATIENCE)
        elif self.error is not None:
            raise self.error
        return super().commit(request)


@pytest.mark.parametrize(
    "error",
    [
        TransportError("the metadata server is away"),
        RefreshError("the metadata server answered 500"),
        ChunkedEncodingError("cut"),
        ProtocolError("cut"),
        IncompleteRead(b""),
        ConnectionResetError("reset"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_trouble_below_googles_client_is_told_as_unavailable(stage: Stage, error: Exception) -> None:
    with pytest.raises(Unavailable, match=type(error).__name__):
        CutOff(stage, error).read("logs/any")


def grouped(stage: Stage, gate: Gate, on_results: list[Callable[[Result], None] | None]) -> "list[Future[Result]]":
    """Commit a change to each of some task instances, all in one group behind a commit that is under way."""
    key = stage.start(dag(*(task(f"t{n}") for n in range(len(on_results) + 1))))
    committer = Committer(gate, shards=1)
    changes = [Replace(evolve(stage.instance(key, f"t{n}"), alarms=5)) for n in range(len(on_results) + 1)]
    queued = threading.Event()
    with ThreadPoolExecutor(len(changes)) as pool:
        first = pool.submit(committer.commit, [changes[0]])
        assert gate.is_reached.wait(PATIENCE)
        rest = [
            pool.submit(committer.commit, [change], on_result)
            for change, on_result in zip(changes[1:], on_results, strict=True)
        ]
        while len(committer._waiting) < len(rest):
            queued.wait(0.005)
        gate.is_open.set()
        assert isinstance(first.result(PATIENCE), Committed)
    gate.close()
    return rest


def test_an_error_that_nobody_foresaw_reaches_all_whose_changes_were_in_the_commit(stage: Stage) -> None:
    for commit in grouped(stage, Gate(stage, ValueError("the channel is closed")), [None, None, None]):
        with pytest.raises(ValueError, match="the channel is closed"):
            commit.result()


def test_a_failing_callback_is_the_trouble_of_its_own_commit_alone(stage: Stage) -> None:
    seen: list[Result] = []

    def fail(result: Result) -> None:
        raise KeyError("no such run")

    one, failing, two = grouped(stage, Gate(stage), [seen.append, fail, seen.append])
    assert [one.result(), two.result()] == seen
    with pytest.raises(KeyError, match="no such run"):
        failing.result()


def test_a_version_that_is_no_dag_is_told_by_its_name(stage: Stage) -> None:
    stage.push(chain(1))
    for number, serialized in ((2, b"{"), (3, b'{"dag_id": 7}')):
        stage.cloud.store.commit([PutVersion("flight", number, serialized, "", "bundle", stage.clock())])
        with pytest.raises(CorruptRecord, match=f"'flight' version {number} cannot be read"):
            stage.cloud.store.version("flight", number)


def test_the_oldest_versions_are_forgotten_and_read_again(stage: Stage) -> None:
    stage.push(chain(1))
    store = stage.cloud.store
    known = store.version("flight", 1)
    store._versions.update({("others", number): known for number in range(499)})
    again = partial(store.version, "flight", 1)
    assert again() is known
    stage.push(chain(2))
    store.version("flight", 2)
    assert len(store._versions) == 500
    assert again() is not known
    assert again() == known
