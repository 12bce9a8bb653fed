"""Snapshots, and seeking to them or to an instant."""

import time
from collections.abc import Callable

from localcloud.pubsub.catalog import Catalog, SnapshotRecord, keeps_log
from localcloud.pubsub.errors import FailedPreconditionError, InvalidArgumentError
from localcloud.pubsub.feed import Feed
from localcloud.pubsub.filters import Predicate
from localcloud.pubsub.listing import page_of
from localcloud.pubsub.masks import merged
from localcloud.pubsub.names import Kind, check_name, check_project
from localcloud.pubsub.wire import Empty, ListSnapshotsResponse, Pb, PubsubMessage, SeekResponse, Snapshot

LIFETIME = 7 * 86400
_SHORTEST_LIFE = 3600
_FIXED_FIELDS = frozenset({"name", "topic"})
_EVER = 0.0


class Snapshots:
    """The methods of google.pubsub.v1.Subscriber about snapshots and seek."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._store = catalog.store

    def load(self) -> None:
        for holder, snapshot in self._catalog.stored_snapshots():
            self._catalog.snapshots[snapshot.name] = SnapshotRecord(holder=holder, pb=snapshot)

    def create(self, request: Pb) -> Pb:
        """Keep what the subscription has not acknowledged, and all that is published to its topic from now on."""
        check_name(Kind.SNAPSHOT, request.name)
        self._catalog.check_free(Kind.SNAPSHOT, request.name)
        feed = self._catalog.feed(request.subscription)
        now = time.time()
        expires = now + LIFETIME - (now - (self._store.oldest_unacked(feed.holder) or now))
        if expires < now + _SHORTEST_LIFE:
            raise FailedPreconditionError(
                f"The backlog of {feed.name} is too old: the snapshot would expire in less than an hour."
            )
        snapshot = Snapshot(name=request.name, topic=feed.pb.topic, labels=dict(request.labels))
        snapshot.expire_time.FromMilliseconds(int(expires * 1000))
        with self._store.transaction():
            holder = self._store.create(Kind.SNAPSHOT, snapshot.name, snapshot.SerializeToString())
            self._store.copy(feed.holder, holder, since=_EVER, passes=None, only_unacked=True)
        self._catalog.snapshots[snapshot.name] = SnapshotRecord(holder=holder, pb=snapshot)
        self._catalog.rewire(snapshot.topic)
        return snapshot

    def get(self, request: Pb) -> Pb:
        return self._catalog.snapshot(request.snapshot).pb

    def update(self, request: Pb) -> Pb:
        record = self._catalog.snapshot(request.snapshot.name)
        snapshot = merged(record.pb, request.snapshot, request.update_mask, fixed=_FIXED_FIELDS)
        self._store.update(record.holder, snapshot.SerializeToString())
        record.pb = snapshot
        return snapshot

    def list_snapshots(self, request: Pb) -> Pb:
        check_project(request.project)
        page = page_of([name for name in self._catalog.snapshots if name.startswith(request.project + "/")], request)
        return ListSnapshotsResponse(
            snapshots=[self._catalog.snapshots[name].pb for name in page.names], next_page_token=page.next_token
        )

    def delete(self, request: Pb) -> Pb:
        self.remove(self._catalog.snapshot(request.snapshot))
        return Empty()

    def remove(self, record: SnapshotRecord) -> None:
        """Delete a snapshot with all that it keeps."""
        self._store.delete(record.holder)
        del self._catalog.snapshots[record.pb.name]
        self._catalog.rewire(record.pb.topic)

    def seek(self, request: Pb) -> Pb:
        feed = self._catalog.feed(request.subscription)
        match request.WhichOneof("target"):
            case "time":
                self._seek_to_time(feed, request.time.ToNanoseconds() / 1e9)
            case "snapshot":
                self._seek_to_snapshot(feed, self._catalog.snapshot(request.snapshot))
            case _:
                raise InvalidArgumentError("A seek needs a time or a snapshot.")
        feed.reset()
        return SeekResponse()

    def _seek_to_time(self, feed: Feed, instant: float) -> None:
        topic = self._catalog.topics.get(feed.pb.topic)
        with self._store.transaction():
            self._store.seek_to_time(feed.holder, instant, keep=feed.pb.retain_acked_messages)
            if topic is not None and keeps_log(topic.pb):
                self._copy(topic.id, feed, since=instant)

    def _seek_to_snapshot(self, feed: Feed, record: SnapshotRecord) -> None:
        if record.pb.topic != feed.pb.topic:
            raise FailedPreconditionError(
                f"The snapshot {record.pb.name} is of the topic {record.pb.topic}, the subscription of {feed.pb.topic}."
            )
        with self._store.transaction():
            self._store.acknowledge_all(feed.holder, keep=feed.pb.retain_acked_messages)
            self._copy(record.holder, feed, since=_EVER)

    def _copy(self, source: int, feed: Feed, *, since: float) -> None:
        self._store.copy(source, feed.holder, since=since, passes=_of_bytes(feed.passes), only_unacked=False)


def _of_bytes(passes: Predicate | None) -> Callable[[bytes], bool] | None:
    if passes is None:
        return None
    return lambda body: passes(PubsubMessage.FromString(body).attributes)
