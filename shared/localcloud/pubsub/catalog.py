"""All topics, subscriptions and snapshots that exist, in memory and on file alike."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import NamedTuple

from localcloud.pubsub.errors import AlreadyExistsError, NotFoundError
from localcloud.pubsub.feed import Feed
from localcloud.pubsub.filters import Predicate
from localcloud.pubsub.names import DELETED_TOPIC, Kind
from localcloud.pubsub.store import Store
from localcloud.pubsub.wire import Pb, Snapshot, Subscription, Topic


class Holder(NamedTuple):
    """Someone who gets a copy of what is published to a topic."""

    id: int
    passes: Predicate | None
    feed: Feed | None


@dataclass(kw_only=True)
class TopicRecord:
    """A topic, and who holds its messages."""

    id: int
    pb: Pb
    holders: list[Holder] = field(default_factory=list)


@dataclass(kw_only=True)
class SnapshotRecord:
    """A snapshot, itself a holder of messages."""

    holder: int
    pb: Pb


class Catalog:
    """Finds resources by name and keeps each topic's holders up to date."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.topics: dict[str, TopicRecord] = {}
        self.feeds: dict[str, Feed] = {}
        self.snapshots: dict[str, SnapshotRecord] = {}

    def stored_topics(self) -> list[tuple[int, Pb]]:
        return [(id_, Topic.FromString(body)) for id_, body in self.store.resources(Kind.TOPIC)]

    def stored_subscriptions(self) -> list[tuple[int, Pb]]:
        return [(id_, Subscription.FromString(body)) for id_, body in self.store.resources(Kind.SUBSCRIPTION)]

    def stored_snapshots(self) -> list[tuple[int, Pb]]:
        return [(id_, Snapshot.FromString(body)) for id_, body in self.store.resources(Kind.SNAPSHOT)]

    def topic(self, name: str) -> TopicRecord:
        record = self.topics.get(name)
        if record is None:
            raise NotFoundError(f"Resource not found (resource={name}). Create the topic first.")
        return record

    def feed(self, name: str) -> Feed:
        feed = self.feeds.get(name)
        if feed is None:
            raise NotFoundError(f"Resource not found (resource={name}). Create the subscription first.")
        return feed

    def snapshot(self, name: str) -> SnapshotRecord:
        record = self.snapshots.get(name)
        if record is None:
            raise NotFoundError(f"Resource not found (resource={name}). Create the snapshot first.")
        return record

    def check_free(self, kind: Kind, name: str) -> None:
        """Raise AlreadyExistsError if the name is taken."""
        names: dict[Kind, Container[str]] = {
            Kind.TOPIC: self.topics,
            Kind.SUBSCRIPTION: self.feeds,
            Kind.SNAPSHOT: self.snapshots,
        }
        if name in names[kind]:
            raise AlreadyExistsError(f"Resource already exists in the project (resource={name}).")

    def feeds_of(self, topic: str) -> list[Feed]:
        return [feed for feed in self.feeds.values() if feed.pb.topic == topic]

    def snapshots_of(self, topic: str) -> list[SnapshotRecord]:
        return [record for record in self.snapshots.values() if record.pb.topic == topic]

    def rewire_all(self) -> None:
        for topic in self.topics:
            self.rewire(topic)

    def rewire(self, topic: str) -> None:
        """Work out anew who holds what is published to a topic; does nothing for a deleted one."""
        record = self.topics.get(topic)
        if record is None:
            return
        holders = [Holder(feed.holder, feed.passes, feed) for feed in self.feeds_of(topic) if not feed.pb.detached]
        holders += [Holder(snapshot.holder, None, None) for snapshot in self.snapshots_of(topic)]
        if keeps_log(record.pb):
            holders.append(Holder(record.id, None, None))
        record.holders = holders


def keeps_log(topic: Pb) -> bool:
    """Whether a topic itself retains what is published to it."""
    return topic.name != DELETED_TOPIC and bool(topic.HasField("message_retention_duration"))
