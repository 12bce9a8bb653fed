"""Makes topics and push subscriptions, over the same calls that Google's clients make."""

from collections.abc import Iterable, Mapping

import grpc
import grpc.aio

from localcloud.pubsub import wire
from sailplane.standalone.deployment import ACK_DEADLINE_SECONDS, PushSubscription

_PUBLISHER = "/google.pubsub.v1.Publisher"
_SUBSCRIBER = "/google.pubsub.v1.Subscriber"
_MAX_ATTEMPTS = 20
_LONGEST_BACKOFF_SECONDS = 60


async def deploy(
    host: str, topics: Iterable[str], subscriptions: Iterable[PushSubscription], urls: Mapping[str, str]
) -> None:
    """Make what is missing, and point what is there at today's URLs."""
    async with grpc.aio.insecure_channel(host) as channel:
        for topic in topics:
            await _create(channel, f"{_PUBLISHER}/CreateTopic", wire.Topic(name=topic))
        for subscription in subscriptions:
            url = _endpoint(urls[subscription.function], subscription.topic)
            if not await _create(channel, f"{_SUBSCRIBER}/CreateSubscription", _request(subscription, url)):
                await _point_at(channel, subscription.name, url)


def _endpoint(url: str, topic: str) -> str:
    """The functions framework reads the topic of an event from its path."""
    return url + topic


async def _create(channel: grpc.aio.Channel, method: str, message: wire.Pb) -> bool:
    """Whether it was made now; False when it was there."""
    try:
        await _call(channel, method, message, type(message))
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
        return False
    return True


async def _point_at(channel: grpc.aio.Channel, name: str, url: str) -> None:
    request = wire.ModifyPushConfigRequest(subscription=name)
    request.push_config.push_endpoint = url
    await _call(channel, f"{_SUBSCRIBER}/ModifyPushConfig", request, wire.Empty)


async def _call(channel: grpc.aio.Channel, method: str, request: wire.Pb, answer: wire.Pb) -> None:
    call = channel.unary_unary(
        method, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
    )
    await call(request)


def _request(subscription: PushSubscription, url: str) -> wire.Pb:
    request = wire.Subscription(
        name=subscription.name,
        topic=subscription.topic,
        ack_deadline_seconds=ACK_DEADLINE_SECONDS,
        filter=subscription.filter,
    )
    request.push_config.push_endpoint = url
    request.retry_policy.minimum_backoff.seconds = 1
    request.retry_policy.maximum_backoff.seconds = _LONGEST_BACKOFF_SECONDS
    request.expiration_policy.SetInParent()  # Never.
    if subscription.dead_letter_topic:
        request.dead_letter_policy.dead_letter_topic = subscription.dead_letter_topic
        request.dead_letter_policy.max_delivery_attempts = _MAX_ATTEMPTS
    return request
