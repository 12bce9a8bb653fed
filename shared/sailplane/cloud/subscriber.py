"""Pulling: messages of one queue over Pub/Sub's StreamingPull, by raw stubs as everything else here."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import grpc

from sailplane.cloud.bus import open_channel
from sailplane.cloud.message_types import PUBSUB, types_of
from sailplane.cloud.settings import Settings
from sailplane.model.errors import NotFound, Unavailable

HOLD_SECONDS = 60
"""How long a message is this worker's without another word: after `kill -9` others get it so late at most."""
_HEARTBEAT_SECONDS = 30.0
"""Pub/Sub hangs up on a stream on which the subscriber says nothing for longer."""
_STREAM = "/google.pubsub.v1.Subscriber/StreamingPull"
_ACKNOWLEDGE = "/google.pubsub.v1.Subscriber/Acknowledge"
_MODIFY = "/google.pubsub.v1.Subscriber/ModifyAckDeadline"
_OPTIONS = (
    # A connection that died without a word is noticed, and a server that comes back is found, within seconds.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_receive_message_length", 20 * 1024 * 1024),
)
_MOST_ACK_IDS = 1000


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message, as long as this worker holds it."""

    ack_id: str
    data: bytes
    attempt: int
    """Counted where messages have a dead-letter topic; else 0."""


class Stream:
    """One StreamingPull call: iterate over what comes; `close` from any thread ends that."""

    def __init__(self, call: Any, ended: threading.Event) -> None:
        self._call = call
        self._ended = ended

    def __iter__(self) -> Iterator[list[Delivery]]:
        """Batches of messages until the stream is closed. Raises `Unavailable` when it broke, `NotFound` when there is
        no such subscription."""
        try:
            for answer in self._call:
                yield [
                    Delivery(ack_id=one.ack_id, data=one.message.data, attempt=one.delivery_attempt)
                    for one in answer.received_messages
                ]
        except grpc.RpcError as error:
            if self._ended.is_set():
                return
            raise _translated(error) from error
        finally:
            self._ended.set()

    def close(self) -> None:
        self._ended.set()
        self._call.cancel()


class Subscriber:
    """The subscription of one pull queue."""

    def __init__(self, settings: Settings, queue: str) -> None:
        self._settings = settings
        self._name = settings.subscription(queue)
        self._types = types_of(PUBSUB, "pubsub")

    @property
    def name(self) -> str:
        return self._name

    def open(self, most: int) -> Stream:
        """Have messages come, `most` at once without an answer to one. Nothing is sent before it is iterated over."""
        ended = threading.Event()
        call = self._stream(self._requests(most, ended), metadata=self._metadata)
        return Stream(call, ended)

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """These are done. Raises `Unavailable`: then they come again."""
        for part in _parts(ack_ids):
            self._send(_ACKNOWLEDGE, self._types.AcknowledgeRequest.pb()(subscription=self._name, ack_ids=part))

    def hold(self, ack_ids: Sequence[str], seconds: int = HOLD_SECONDS) -> None:
        """These are in hand for so long from now. Raises `Unavailable`."""
        request = self._types.ModifyAckDeadlineRequest.pb()
        for part in _parts(ack_ids):
            self._send(_MODIFY, request(subscription=self._name, ack_ids=part, ack_deadline_seconds=seconds))

    def give_back(self, ack_ids: Sequence[str]) -> None:
        """Have others get these. What is not given back for trouble comes to them later by itself."""
        with contextlib.suppress(Unavailable, NotFound):
            self.hold(ack_ids, 0)

    def close(self) -> None:
        if "_channel" in self.__dict__:
            self._channel.close()

    def _requests(self, most: int, ended: threading.Event) -> Iterator[Any]:
        request = self._types.StreamingPullRequest.pb()
        yield request(subscription=self._name, stream_ack_deadline_seconds=HOLD_SECONDS, max_outstanding_messages=most)
        while not ended.wait(_HEARTBEAT_SECONDS):
            yield request()

    def _send(self, method: str, request: Any) -> None:
        call = self._channel.unary_unary(
            method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=bytes,  # There is nothing in it.
        )
        try:
            call(
                request,
                timeout=self._settings.call_deadline.total_seconds(),
                metadata=self._metadata,
                wait_for_ready=True,
            )
        except grpc.RpcError as error:
            raise _translated(error) from error

    @property
    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-goog-request-params", f"subscription={self._name}"),)

    @cached_property
    def _channel(self) -> Any:
        return open_channel(self._settings, _OPTIONS)

    @cached_property
    def _stream(self) -> Any:
        return self._channel.stream_stream(
            _STREAM,
            request_serializer=self._types.StreamingPullRequest.pb().SerializeToString,
            response_deserializer=self._types.StreamingPullResponse.pb().FromString,
        )


def _parts(ack_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ack_ids[begin : begin + _MOST_ACK_IDS] for begin in range(0, len(ack_ids), _MOST_ACK_IDS))


def _translated(error: grpc.RpcError) -> NotFound | Unavailable:
    code, details = error.code(), error.details()
    if code is grpc.StatusCode.NOT_FOUND:
        return NotFound(f"Pub/Sub does not know the subscription: {details}")
    return Unavailable(f"Pub/Sub answered {code.name}: {details}")
