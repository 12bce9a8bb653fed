"""Fixtures of Pub/Sub's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pubsub_actors import Clients, Endpoint, Loop, Mail, Server


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, loop: Loop) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("pubsub") / "pubsub.db", loop)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def shared_clients(shared_server: Server) -> Iterator[Clients]:
    made = Clients(shared_server.port)
    yield made
    made.close()


@pytest.fixture
def mail(shared_server: Server, shared_clients: Clients) -> Iterator[Mail]:
    """Clients of a server that all tests share; every test makes resources of its own."""
    yield Mail(shared_server, shared_clients.publisher, shared_clients.subscriber)
    shared_server.faults.clear()


@pytest.fixture
def own_mail(tmp_path: Path, loop: Loop) -> Iterator[Callable[..., Mail]]:
    """Makes a server of the test's own, with options."""
    made: list[tuple[Server, Clients]] = []

    def make(**options: Any) -> Mail:
        server = Server(tmp_path / f"pubsub-{len(made)}.db", loop, **options)
        clients = Clients(server.port)
        made.append((server, clients))
        return Mail(server, clients.publisher, clients.subscriber)

    yield make
    for server, clients in made:
        clients.close()
        server.stop()


@pytest.fixture
def endpoint(loop: Loop) -> Iterator[Endpoint]:
    made = Endpoint(url="")

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 25)
        app.router.add_post("/push", made.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/push"
        return runner

    runner = loop.run(start())
    yield made
    loop.run(runner.cleanup())
