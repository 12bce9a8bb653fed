"""Forwarding of messages that were delivered too often."""

from localcloud.pubsub.envelope import publish_time
from localcloud.pubsub.names import project_of
from localcloud.pubsub.wire import Pb, PubsubMessage

_PREFIX = "CloudPubSubDeadLetterSource"


def dead_letter(message: Pb, *, subscription: str, attempts: int) -> Pb:
    """The message to publish to the dead-letter topic: the same with where it comes from among its attributes.

    https://cloud.google.com/pubsub/docs/dead-letter-topics#track-delivery-attempts
    """
    attributes = dict(message.attributes)
    attributes[_PREFIX + "DeliveryCount"] = str(attempts)
    attributes[_PREFIX + "Subscription"] = subscription.rsplit("/", 1)[1]
    attributes[_PREFIX + "SubscriptionProject"] = project_of(subscription)
    attributes[_PREFIX + "TopicPublishTime"] = publish_time(message).replace("Z", "+00:00")
    return PubsubMessage(data=message.data, attributes=attributes, ordering_key=message.ordering_key)
