"""A Firestore server, in this process or elsewhere, and Google's own clients to talk to it."""

import asyncio
import threading
import time
import uuid
from concurrent.futures import Future
from pathlib import Path

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from localcloud.counters import Counters
from localcloud.faults import Faults
from localcloud.firestore import SERVER_OPTIONS, FirestoreService


class SettableClock:
    """The time of day, put forward at will."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Firestore:
    """A Firestore server that listens at `address`: any emulator."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._clients: list[firestore.Client] = []

    def client(self, project: str | None = None, database: str | None = None) -> firestore.Client:
        """A client with a project of its own, so that no two tests see each other's documents."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIRESTORE_EMULATOR_HOST", self.address)
            client = firestore.Client(
                project=project or f"p-{uuid.uuid4().hex[:12]}", database=database, credentials=AnonymousCredentials()
            )
            assert client._firestore_api is not None
        self._clients.append(client)
        return client

    def async_client(self, project: str) -> firestore.AsyncClient:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIRESTORE_EMULATOR_HOST", self.address)
            return firestore.AsyncClient(project=project, credentials=AnonymousCredentials())

    def close(self) -> None:
        for client in self._clients:
            client._firestore_api.transport.close()


class LocalFirestore(Firestore):
    """The local cloud's, on a thread of its own."""

    def __init__(self, path: Path, indexes: Path | None = None) -> None:
        self.counters = Counters()
        self.faults = Faults()
        self.clock = SettableClock()
        self._address: Future[str] = Future()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(path, indexes),))
        self._thread.start()
        super().__init__(self._address.result(10))

    async def _serve(self, path: Path, indexes: Path | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = grpc.aio.server(options=SERVER_OPTIONS)
        service = FirestoreService(path, counters=self.counters, faults=self.faults, indexes=indexes, clock=self.clock)
        service.register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._address.set_result(f"127.0.0.1:{port}")
        await self._stop.wait()
        await server.stop(0.2)
        await service.close()

    def close(self) -> None:
        super().close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
