"""Who plays in Pub/Sub's tests: a service on a loop of its own, Google's clients, and an endpoint that takes pushes."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
import pytest
from aiohttp import web
from google.cloud import pubsub_v1

from localcloud.counters import Counters
from localcloud.faults import Faults
from localcloud.pubsub import PubSubService

PATIENCE = 20.0
PROJECT = "projects/test"

T = TypeVar("T")


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(PATIENCE)

    def call(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return self.run(called())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Server:
    """A service behind a gRPC port that stays the same over restarts."""

    def __init__(self, path: Path, loop: Loop, **options: Any) -> None:
        self.counters = Counters()
        self.faults = Faults()
        self.loop = loop
        self.port = 0
        self.path = path
        self._options = options
        self.start()

    def start(self) -> None:
        self.loop.run(self._start())

    def stop(self) -> None:
        self.loop.run(self._stop())

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(f"127.0.0.1:{self.port}")

    async def _start(self) -> None:
        self.service = PubSubService(self.path, counters=self.counters, faults=self.faults, **self._options)
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        self.service.register(self._server)
        await self.service.start()
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def _stop(self) -> None:
        stopping = asyncio.create_task(self._server.stop(5))
        await asyncio.sleep(0)
        await self.service.close()
        await stopping


@dataclass
class Push:
    """One request that the endpoint got."""

    at: float
    body: bytes
    headers: dict[str, str]

    @property
    def envelope(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def message_id(self) -> str:
        message_id: str = self.envelope["message"]["messageId"]
        return message_id


@dataclass
class Endpoint:
    """Takes pushes, answers the statuses it is told to, in order, and then 204."""

    url: str
    pushes: list[Push] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    gate: asyncio.Event | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        push = Push(time.monotonic(), await request.read(), dict(request.headers))
        with self._changed:
            self.pushes.append(push)
            status = self.statuses.pop(0) if self.statuses else 204
            self._changed.notify_all()
        if self.gate is not None:
            await self.gate.wait()
        return web.Response(status=status)

    def wait_for(self, count: int) -> list[Push]:
        """The pushes once there are at least `count`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.pushes) >= count, PATIENCE), f"{len(self.pushes)} of {count}"
            return list(self.pushes)


class Mail:
    """What Google's clients do, on topics and subscriptions of one test."""

    numbers = itertools.count(1)

    def __init__(self, server: Server, publisher: Any, subscriber: Any) -> None:
        self.server = server
        self.publisher = publisher
        self.subscriber = subscriber

    def name(self, kind: str) -> str:
        return f"{PROJECT}/{kind}/name-{next(self.numbers)}"

    def topic(self, **settings: Any) -> str:
        return str(self.publisher.create_topic(request={"name": self.name("topics"), **settings}).name)

    def subscription(self, topic: str, **settings: Any) -> str:
        request = {"name": self.name("subscriptions"), "topic": topic, **settings}
        return str(self.subscriber.create_subscription(request=request).name)

    def pair(self, **settings: Any) -> tuple[str, str]:
        topic = self.topic()
        return topic, self.subscription(topic, **settings)

    def publish(self, topic: str, *data: bytes, **fields: Any) -> list[str]:
        """Publish in one request; returns message ids."""
        messages = [{"data": item, **fields} for item in data]
        return list(self.publisher.plain.publish(topic=topic, messages=messages).message_ids)

    def pull(self, subscription: str, count: int = 1, *, timeout: float = PATIENCE) -> list[Any]:
        """Pull until `count` messages are there."""
        got: list[Any] = []
        while len(got) < count:
            answer = self.subscriber.pull(subscription=subscription, max_messages=count - len(got), timeout=timeout)
            got += answer.received_messages
        return got

    def peek(self, subscription: str, count: int = 100) -> list[Any]:
        """What is there right now."""
        request = {"subscription": subscription, "max_messages": count, "return_immediately": True}
        with pytest.warns(DeprecationWarning, match="return_immediately"):
            return list(self.subscriber.pull(request=request).received_messages)

    def ack(self, subscription: str, received: Sequence[Any]) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in received])

    def nack(self, subscription: str, received: Sequence[Any]) -> None:
        self.deadline(subscription, received, 0)

    def deadline(self, subscription: str, received: Sequence[Any], seconds: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[one.ack_id for one in received], ack_deadline_seconds=seconds
        )


def data_of(received: Sequence[Any]) -> list[bytes]:
    return [one.message.data for one in received]


class Clients:
    """Google's clients on one emulator address."""

    def __init__(self, port: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
            ordering = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
            self.publisher: Any = pubsub_v1.PublisherClient(publisher_options=ordering)
            self.subscriber: Any = pubsub_v1.SubscriberClient()
        self.publisher.plain = super(pubsub_v1.publisher.Client, self.publisher)

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()
