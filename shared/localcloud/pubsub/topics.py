"""Topics: their life, and publishing to them."""

import time
from collections.abc import Sequence

from localcloud.counters import Counters
from localcloud.pubsub.catalog import Catalog, SnapshotRecord, TopicRecord, keeps_log
from localcloud.pubsub.errors import InvalidArgumentError
from localcloud.pubsub.feed import Feed
from localcloud.pubsub.listing import page_of
from localcloud.pubsub.masks import merged
from localcloud.pubsub.names import DELETED_TOPIC, Kind, check_name, check_project
from localcloud.pubsub.publishing import check_messages, check_request
from localcloud.pubsub.store import Row
from localcloud.pubsub.unsupported import refuse_unsupported
from localcloud.pubsub.wire import (
    DetachSubscriptionResponse,
    Empty,
    ListTopicSnapshotsResponse,
    ListTopicsResponse,
    ListTopicSubscriptionsResponse,
    Pb,
    PublishResponse,
)

_MINIMUM_RETENTION = 600
_MAXIMUM_RETENTION = 31 * 86400
_FIXED_FIELDS = frozenset({"name"})


class Topics:
    """The methods of google.pubsub.v1.Publisher."""

    def __init__(self, catalog: Catalog, counters: Counters) -> None:
        self._catalog = catalog
        self._store = catalog.store
        self._counters = counters
        self._last_id = 0

    def load(self) -> None:
        for id_, topic in self._catalog.stored_topics():
            self._catalog.topics[topic.name] = TopicRecord(id=id_, pb=topic)
        self._last_id = max(self._store.newest_message(), time.time_ns() // 1000)

    def create(self, topic: Pb) -> Pb:
        check_name(Kind.TOPIC, topic.name)
        self._catalog.check_free(Kind.TOPIC, topic.name)
        _check_retention(topic)
        refuse_unsupported(topic)
        id_ = self._store.create(Kind.TOPIC, topic.name, topic.SerializeToString())
        self._catalog.topics[topic.name] = TopicRecord(id=id_, pb=topic)
        self._catalog.rewire(topic.name)
        return topic

    def get(self, request: Pb) -> Pb:
        return self._catalog.topic(request.topic).pb

    def update(self, request: Pb) -> Pb:
        record = self._catalog.topic(request.topic.name)
        topic = merged(record.pb, request.topic, request.update_mask, fixed=_FIXED_FIELDS)
        _check_retention(topic)
        refuse_unsupported(topic)
        self._store.update(record.id, topic.SerializeToString())
        if not keeps_log(topic):
            self._store.clear(record.id)
        record.pb = topic
        self._catalog.rewire(topic.name)
        return topic

    def list_topics(self, request: Pb) -> Pb:
        check_project(request.project)
        names = [name for name in self._catalog.topics if name.startswith(request.project + "/")]
        page = page_of(names, request)
        return ListTopicsResponse(
            topics=[self._catalog.topics[name].pb for name in page.names], next_page_token=page.next_token
        )

    def list_subscriptions(self, request: Pb) -> Pb:
        self._catalog.topic(request.topic)
        page = page_of([feed.name for feed in self._catalog.feeds_of(request.topic) if not feed.pb.detached], request)
        return ListTopicSubscriptionsResponse(subscriptions=page.names, next_page_token=page.next_token)

    def list_snapshots(self, request: Pb) -> Pb:
        self._catalog.topic(request.topic)
        page = page_of([record.pb.name for record in self._catalog.snapshots_of(request.topic)], request)
        return ListTopicSnapshotsResponse(snapshots=page.names, next_page_token=page.next_token)

    def delete(self, request: Pb) -> Pb:
        """Its subscriptions and snapshots stay with what they have, and show `_deleted-topic_` from now on."""
        record = self._catalog.topic(request.topic)
        orphans: list[Feed | SnapshotRecord] = [
            *self._catalog.feeds_of(request.topic),
            *self._catalog.snapshots_of(request.topic),
        ]
        with self._store.transaction():
            for orphan in orphans:
                orphan.pb.topic = DELETED_TOPIC
                self._store.update(orphan.holder, orphan.pb.SerializeToString())
            self._store.delete(record.id)
        del self._catalog.topics[request.topic]
        return Empty()

    def detach(self, request: Pb) -> Pb:
        """The subscription stays, without its messages, and refuses pulls from now on."""
        feed = self._catalog.feed(request.subscription)
        feed.pb.detached = True
        with self._store.transaction():
            self._store.update(feed.holder, feed.pb.SerializeToString())
            self._store.clear(feed.holder)
        self._catalog.rewire(feed.pb.topic)
        feed.detach()
        return DetachSubscriptionResponse()

    def publish_request(self, request: Pb) -> Pb:
        check_request(request)
        return PublishResponse(message_ids=self.publish(request.topic, request.messages))

    def publish(self, name: str, messages: Sequence[Pb]) -> list[str]:
        """Check messages, commit them to all backlogs, start their delivery and return their ids.

        The messages get their id and time written into them.
        """
        self._catalog.topic(name)
        check_messages(messages)
        return self.accept(name, messages)

    def accept(self, name: str, messages: Sequence[Pb]) -> list[str]:
        """Publish without checking limits, as a dead letter is, whose additional attributes may exceed them."""
        record = self._catalog.topic(name)
        now_ms = time.time_ns() // 1_000_000
        sizes = [self._stamp(message, now_ms) for message in messages]
        self._store.add(self._rows(record, messages, now_ms / 1000))
        self._counters.add("pubsub.publish_calls")
        self._counters.add("pubsub.published", len(messages))
        self._counters.add("pubsub.bytes", sum(sizes))
        self._offer(record, messages, sizes)
        return [message.message_id for message in messages]

    def _stamp(self, message: Pb, now_ms: int) -> int:
        self._last_id += 1
        message.message_id = str(self._last_id)
        message.publish_time.FromMilliseconds(now_ms)
        return int(message.ByteSize())

    @staticmethod
    def _rows(record: TopicRecord, messages: Sequence[Pb], published: float) -> list[Row]:
        bodies = [(int(message.message_id), message.attributes, message.SerializeToString()) for message in messages]
        return [
            Row(holder.id, id_, published, body)
            for holder in record.holders
            for id_, attributes, body in bodies
            if holder.passes is None or holder.passes(attributes)
        ]

    @staticmethod
    def _offer(record: TopicRecord, messages: Sequence[Pb], sizes: Sequence[int]) -> None:
        for holder in record.holders:
            if holder.feed is None:
                continue
            for message, size in zip(messages, sizes, strict=True):
                if holder.passes is None or holder.passes(message.attributes):
                    holder.feed.offer(int(message.message_id), message, size)
            holder.feed.pump()


def _check_retention(topic: Pb) -> None:
    if not keeps_log(topic):
        return
    seconds = topic.message_retention_duration.seconds
    if not _MINIMUM_RETENTION <= seconds <= _MAXIMUM_RETENTION:
        raise InvalidArgumentError(
            f"Invalid message_retention_duration of {topic.name}: {seconds} s. "
            "It must be between 10 minutes and 31 days."
        )
