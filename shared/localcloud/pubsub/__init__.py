"""Google Cloud Pub/Sub on one machine."""

from localcloud.pubsub.errors import PubSubError
from localcloud.pubsub.push import PushTransport
from localcloud.pubsub.service import PubSubService

__all__ = ["PubSubError", "PubSubService", "PushTransport"]
