"""What a deployment consists of by name: topics, subscriptions, and which function each calls. Google Cloud and the
local cloud are both set up after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sailplane.deploy.config import Function, QueueKind
from sailplane.model.dags import DEFAULT_QUEUE

ACK_DEADLINE = timedelta(seconds=600)
"""The longest that Pub/Sub allows: a worker holds its message until the wave is done. The message of a task that takes
longer comes again, finds the task running and is acknowledged."""
LEAST_BACKOFF = timedelta(seconds=1)
MOST_BACKOFF = timedelta(seconds=60)
MOST_ATTEMPTS = 20
"""After so many deliveries a message goes to the dead letters."""
DEAD_LETTER_RETENTION = timedelta(days=31)
"""The longest that Pub/Sub keeps messages."""
OWN_OBJECTS = ("logs/", "bundles/", "xcoms/", "versions/")
"""Begin the names of the objects that Sailplane writes itself: nobody waits for them, so nothing is woken by them."""
OTHERS_OBJECTS = " AND ".join(f'NOT hasPrefix(attributes.objectId, "{prefix}")' for prefix in OWN_OBJECTS)
"""The filter of the events' subscription."""
OBJECT_WRITTEN = "OBJECT_FINALIZE"
CLOCK = "* * * * *"
"""When the tick comes."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription, by short names. Pushed to the function `pushes_to`, or pulled when that is None."""

    name: str
    topic: str
    pushes_to: str | None = None
    dead_letter_topic: str | None = None
    filter: str = ""
    retention: timedelta | None = None
    """None: Pub/Sub's default."""
    ack_deadline: timedelta = ACK_DEADLINE


@dataclass(frozen=True, kw_only=True)
class Topology:
    """The names of one deployment in one project."""

    project: str
    name: str
    """Begins all other names."""

    def topic(self, queue: str) -> str:
        """The topic, and the subscription, of a queue."""
        return f"{self.name}-{queue}"

    @property
    def events_topic(self) -> str:
        return f"{self.name}-events"

    @property
    def dead_letter_topic(self) -> str:
        return f"{self.name}-dead-letters"

    def function(self, function: Function) -> str:
        return f"{self.name}-{function}"

    def worker(self, queue: str, kind: QueueKind = QueueKind.FUNCTION) -> str:
        """The function that the messages of a queue go to. Jobs are started by the deployment's worker."""
        shared = queue == DEFAULT_QUEUE or kind is QueueKind.JOB
        return self.function(Function.WORKER) if shared else f"{self.name}-worker-{queue}"

    def job(self, queue: str) -> str:
        """The Cloud Run job of a queue of kind job."""
        return f"{self.name}-{queue}"

    def account(self, role: str) -> str:
        """The name of a service account: the part of its email before the @."""
        return f"{self.name}-{role}"

    def account_email(self, role: str) -> str:
        return f"{self.account(role)}@{self.project}.iam.gserviceaccount.com"

    def topic_path(self, topic: str) -> str:
        return f"projects/{self.project}/topics/{topic}"

    def subscription_path(self, subscription: str) -> str:
        return f"projects/{self.project}/subscriptions/{subscription}"

    def push_path(self, topic: str) -> str:
        """The path under a function's URL that messages of `topic` are pushed to: the functions framework reads the
        topic of an event from its path."""
        return f"/{self.topic_path(topic)}"

    def topics(self, queues: Iterable[str]) -> tuple[str, ...]:
        return (*map(self.topic, queues), self.events_topic, self.dead_letter_topic)

    def queue_subscription(self, queue: str, kind: QueueKind) -> Subscription:
        name = self.topic(queue)
        return Subscription(
            name=name,
            topic=name,
            pushes_to=None if kind is QueueKind.PULL else self.worker(queue, kind),
            dead_letter_topic=self.dead_letter_topic,
        )

    def events_subscription(self) -> Subscription:
        return Subscription(
            name=self.events_topic,
            topic=self.events_topic,
            pushes_to=self.function(Function.EVENTS),
            dead_letter_topic=self.dead_letter_topic,
            filter=OTHERS_OBJECTS,
        )

    def dead_letter_subscription(self) -> Subscription:
        """Keeps what could not be worked off, for someone to look at."""
        return Subscription(
            name=self.dead_letter_topic,
            topic=self.dead_letter_topic,
            retention=DEAD_LETTER_RETENTION,
            ack_deadline=timedelta(seconds=60),
        )

    def subscriptions(self, queues: Iterable[tuple[str, QueueKind]]) -> tuple[Subscription, ...]:
        return (
            *(self.queue_subscription(queue, kind) for queue, kind in queues),
            self.events_subscription(),
            self.dead_letter_subscription(),
        )
