"""The bus: messages to worker queues over Pub/Sub."""

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import grpc

from sailplane.cloud.channels import google_channel
from sailplane.cloud.message_types import PUBSUB, types_of
from sailplane.cloud.settings import Settings
from sailplane.model import messages
from sailplane.model.errors import Unavailable, UnknownQueue
from sailplane.model.messages import Message

_MOST_MESSAGES = 1000
_MOST_BYTES = 9 * 1024 * 1024
_PUBLISH = "/google.pubsub.v1.Publisher/Publish"
_HOST = "pubsub.googleapis.com:443"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/pubsub")


class Bus:
    """Publishes messages. A publish that is lost is covered by the alarm of the document it was about."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    def publish(self, queue: str, batch: Sequence[Message]) -> None:
        """Hand `batch` to the workers of `queue`. Raises `Unavailable`; `UnknownQueue` for one without a topic."""
        topic = self._settings.topic(queue)
        request = self._request_type(topic=topic)
        size = 0
        for data in map(messages.encode, batch):
            if request.messages and (len(request.messages) == _MOST_MESSAGES or size + len(data) > _MOST_BYTES):
                self._send(request, queue)
                request = self._request_type(topic=topic)
                size = 0
            request.messages.add().data = data
            size += len(data)
        if request.messages:
            self._send(request, queue)

    def _send(self, request: Any, queue: str) -> None:
        try:
            self._call(request)
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.NOT_FOUND:
                raise UnknownQueue(
                    f"nobody serves the queue {queue!r}: there is no topic {request.topic}; "
                    "deploy the queue, or correct the task's `queue`"
                ) from error
            raise Unavailable(f"Pub/Sub did not take messages for queue {queue!r}: {code.name}") from error

    def _call(self, request: Any) -> None:
        self._stub(
            request,
            timeout=self._settings.call_deadline.total_seconds(),
            metadata=(("x-goog-request-params", f"topic={request.topic}"),),
            wait_for_ready=True,
        )

    @cached_property
    def _request_type(self) -> Any:
        return types_of(PUBSUB, "pubsub").PublishRequest.pb()

    @cached_property
    def _stub(self) -> Any:
        response = types_of(PUBSUB, "pubsub").PublishResponse.pb()
        with self._lock:
            return open_channel(self._settings).unary_unary(
                _PUBLISH,
                request_serializer=self._request_type.SerializeToString,
                response_deserializer=response.FromString,
            )


def open_channel(settings: Settings, options: Sequence[tuple[str, int]] = ()) -> Any:
    """The channel that Google's own client would use: plain to an emulator, else with the default credentials."""
    if settings.pubsub_host:
        return grpc.insecure_channel(settings.pubsub_host, options=list(options))
    return google_channel(_HOST, _SCOPES, options)
