"""Publishes to a Pub/Sub emulator elsewhere: for the notifications of our buckets."""

import asyncio
import logging

import grpc
import grpc.aio

from localcloud.pubsub import wire
from localcloud.storage.notifications import Notice

_PUBLISH = "/google.pubsub.v1.Publisher/Publish"
_TIMEOUT_SECONDS = 20
log = logging.getLogger(__name__)


class ExternalPubSub:
    """One channel, opened with the first message."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._channel: grpc.aio.Channel | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def publish(self, notice: Notice) -> None:
        """Send it in the background; one that is refused is dropped, as in the cloud, and told in the log."""
        task = asyncio.get_running_loop().create_task(self._publish(notice))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _publish(self, notice: Notice) -> None:
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._host)
        call = self._channel.unary_unary(
            _PUBLISH,
            request_serializer=wire.PublishRequest.SerializeToString,
            response_deserializer=wire.PublishResponse.FromString,
        )
        message = wire.PubsubMessage(data=notice.data, attributes=dict(notice.attributes))
        try:
            await call(wire.PublishRequest(topic=notice.topic, messages=[message]), timeout=_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            log.warning("notification to %s dropped: %s", notice.topic, error.details())

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close(None)
