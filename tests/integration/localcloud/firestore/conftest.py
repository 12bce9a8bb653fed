"""A local Firestore in this process and clients of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from firestore_server import LocalFirestore
from google.cloud import firestore


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFirestore]:
    server = LocalFirestore(tmp_path_factory.mktemp("firestore") / "firestore.sqlite")
    yield server
    server.close()


@pytest.fixture
def db(shared_server: LocalFirestore) -> firestore.Client:
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
