"""Makes topics and subscriptions of a deployment, over the same calls that Google's clients make."""

from collections.abc import Iterable, Mapping

import grpc
import grpc.aio

from localcloud.pubsub import wire
from sailplane.deploy.config import QueueKind
from sailplane.deploy.topology import LEAST_BACKOFF, MOST_ATTEMPTS, MOST_BACKOFF, Subscription, Topology

_PUBLISHER = "/google.pubsub.v1.Publisher"
_SUBSCRIBER = "/google.pubsub.v1.Subscriber"
_TIMEOUT_SECONDS = 20


async def deploy(
    host: str, topology: Topology, queues: Iterable[tuple[str, QueueKind]], urls: Mapping[str, str]
) -> None:
    """Make what is missing, and point what is there at today's URLs: those of the functions, by name. A subscription
    that is pulled has none. A queue that is no longer wanted goes, so that its tasks fail instead of waiting for ever.
    """
    queues = tuple(queues)
    async with grpc.aio.insecure_channel(host) as channel:
        for topic in topology.topics(queue for queue, _ in queues):
            await _create(channel, f"{_PUBLISHER}/CreateTopic", wire.Topic(name=topology.topic_path(topic)))
        for subscription in topology.subscriptions(queues):
            request = _request(topology, subscription, urls)
            is_new = await _create(channel, f"{_SUBSCRIBER}/CreateSubscription", request)
            if not is_new:
                await _point_at(channel, request.name, request.push_config.push_endpoint)
        await _retire_others(channel, topology, {subscription.name for subscription in topology.subscriptions(queues)})


async def _retire_others(channel: grpc.aio.Channel, topology: Topology, wanted: set[str]) -> None:
    """Delete what an earlier start made for queues: the subscriptions that dead-letter as ours do, and their topics."""
    listing = wire.ListSubscriptionsRequest(project=f"projects/{topology.project}", page_size=1000)
    found = await _call(channel, f"{_SUBSCRIBER}/ListSubscriptions", listing, wire.ListSubscriptionsResponse)
    dead_letters = topology.topic_path(topology.dead_letter_topic)
    for each in found.subscriptions:
        is_ours = each.dead_letter_policy.dead_letter_topic == dead_letters
        if is_ours and each.name.rpartition("/")[2] not in wanted:
            subscription = wire.DeleteSubscriptionRequest(subscription=each.name)
            await _call(channel, f"{_SUBSCRIBER}/DeleteSubscription", subscription, wire.Empty)
            await _call(channel, f"{_PUBLISHER}/DeleteTopic", wire.DeleteTopicRequest(topic=each.topic), wire.Empty)


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


async def _call(channel: grpc.aio.Channel, method: str, request: wire.Pb, answer: wire.Pb) -> wire.Pb:
    call = channel.unary_unary(
        method, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
    )
    return await call(request, timeout=_TIMEOUT_SECONDS)


def _request(topology: Topology, subscription: Subscription, urls: Mapping[str, str]) -> wire.Pb:
    """Without the topology's retention: emulators keep messages as long as they live, and Google's takes no other."""
    request = wire.Subscription(
        name=topology.subscription_path(subscription.name),
        topic=topology.topic_path(subscription.topic),
        ack_deadline_seconds=int(subscription.ack_deadline.total_seconds()),
        filter=subscription.filter,
    )
    request.retry_policy.minimum_backoff.FromTimedelta(LEAST_BACKOFF)
    request.retry_policy.maximum_backoff.FromTimedelta(MOST_BACKOFF)
    request.expiration_policy.SetInParent()  # Never.
    if subscription.pushes_to:
        url = urls[subscription.pushes_to].rstrip("/")
        request.push_config.push_endpoint = url + topology.push_path(subscription.topic)
    if subscription.dead_letter_topic:
        request.dead_letter_policy.dead_letter_topic = topology.topic_path(subscription.dead_letter_topic)
        request.dead_letter_policy.max_delivery_attempts = MOST_ATTEMPTS
    return request
