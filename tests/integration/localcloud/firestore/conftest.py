"""A Firestore server and clients of it: the local cloud's, or the emulator that FIRESTORE_CONFORMANCE_HOST names, so
that what these tests take for Firestore's ways can be held against Google's own emulator."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conformance import ELSEWHERE
from firestore_server import Firestore, LocalFirestore
from google.cloud import firestore


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firestore]:
    server = (
        Firestore(ELSEWHERE) if ELSEWHERE else LocalFirestore(tmp_path_factory.mktemp("firestore") / "firestore.sqlite")
    )
    yield server
    server.close()


@pytest.fixture
def db(shared_server: Firestore) -> firestore.Client:
    """A client of an empty database."""
    return shared_server.client()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., LocalFirestore]]:
    """Starts servers that end with the test; on one file unless told otherwise."""
    servers: list[LocalFirestore] = []

    def start(indexes: Path | None = None) -> LocalFirestore:
        servers.append(LocalFirestore(tmp_path / "firestore.sqlite", indexes))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
