"""Makes topics and push subscriptions, over the same calls that Google's clients make."""

from collections.abc import Iterable, Mapping

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from sailplane.standalone.deployment import ACK_DEADLINE_SECONDS, PushSubscription

_PUBLISHER = "/google.pubsub.v1.Publisher"
_SUBSCRIBER = "/google.pubsub.v1.Subscriber"
_MAX_ATTEMPTS = 20


async def deploy(
    host: str, topics: Iterable[str], subscriptions: Iterable[PushSubscription], urls: Mapping[str, str]
) -> None:
    """Make what is missing, and point what is there at today's URLs."""
    async with grpc.aio.insecure_channel(host) as channel:
        for topic in topics:
            await _create(channel, f"{_PUBLISHER}/CreateTopic", types.Topic(name=topic))
        for subscription in subscriptions:
            url = _endpoint(urls[subscription.function], subscription.topic)
            if not await _create(channel, f"{_SUBSCRIBER}/CreateSubscription", _request(subscription, url)):
                await _point_at(channel, subscription.name, url)


def _endpoint(url: str, topic: str) -> str:
    """The functions framework reads the topic of an event from its path."""
    return url + topic


async def _create(channel: grpc.aio.Channel, method: str, message: types.Topic | types.Subscription) -> bool:
    """Whether it was made now; False when it was there."""
    call = channel.unary_unary(
        method,
        request_serializer=type(message).serialize,
        response_deserializer=type(message).deserialize,
    )
    try:
        await call(message)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
        return False
    return True


async def _point_at(channel: grpc.aio.Channel, name: str, url: str) -> None:
    call = channel.unary_unary(
        f"{_SUBSCRIBER}/ModifyPushConfig",
        request_serializer=types.ModifyPushConfigRequest.serialize,
        response_deserializer=empty_pb2.Empty.FromString,
    )
    await call(types.ModifyPushConfigRequest(subscription=name, push_config={"push_endpoint": url}))


def _request(subscription: PushSubscription, url: str) -> types.Subscription:
    dead_letters = (
        {"dead_letter_topic": subscription.dead_letter_topic, "max_delivery_attempts": _MAX_ATTEMPTS}
        if subscription.dead_letter_topic
        else None
    )
    return types.Subscription(
        name=subscription.name,
        topic=subscription.topic,
        ack_deadline_seconds=ACK_DEADLINE_SECONDS,
        push_config={"push_endpoint": url},
        retry_policy={"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 60}},
        dead_letter_policy=dead_letters,
        filter=subscription.filter,
        expiration_policy={},
    )
