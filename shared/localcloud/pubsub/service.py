"""Pub/Sub v1 over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import grpc
import grpc.aio

from localcloud.counters import Counters
from localcloud.faults import Faults
from localcloud.pubsub import wire
from localcloud.pubsub.calls import Calls, Context
from localcloud.pubsub.catalog import Catalog
from localcloud.pubsub.deadletters import dead_letter
from localcloud.pubsub.delivery import Entry
from localcloud.pubsub.errors import InvalidArgumentError, NotFoundError, UnavailableError
from localcloud.pubsub.feed import Feed, Surroundings
from localcloud.pubsub.pulls import ANSWER_MESSAGES, LONGEST_WAIT, Stream, WaitingPull, modify_deadlines, parse_ack_id
from localcloud.pubsub.push import HttpTransport, PushTransport
from localcloud.pubsub.retention import Retention
from localcloud.pubsub.snapshots import Snapshots
from localcloud.pubsub.store import Store
from localcloud.pubsub.subscriptions import Subscriptions
from localcloud.pubsub.topics import Topics
from localcloud.pubsub.wire import Empty, Pb

DEFAULT_PUSH_WINDOW = 1000
_LONGEST_EXTENSION = 600


class MessageLike(Protocol):
    """What `publish` needs of a message: google's own types have it."""

    @property
    def data(self) -> bytes: ...

    @property
    def attributes(self) -> Mapping[str, str]: ...

    @property
    def ordering_key(self) -> str: ...


class PubSubService:
    """Google Cloud Pub/Sub on one SQLite file. Make it, `start` it and use it on one event loop."""

    def __init__(
        self,
        path: Path,
        *,
        counters: Counters,
        faults: Faults,
        push: PushTransport | None = None,
        max_outstanding_pushes: int = DEFAULT_PUSH_WINDOW,
    ) -> None:
        self._calls = Calls(faults)
        self._http = HttpTransport()
        self._store = Store(path)
        self._catalog = Catalog(self._store)
        self._topics = Topics(self._catalog, counters)
        self._subscriptions = Subscriptions(
            self._catalog,
            Surroundings(
                store=self._store,
                counters=counters,
                faults=faults,
                transport=push or self._http,
                push_window=max_outstanding_pushes,
                dead_letters=self._forward,
            ),
        )
        self._snapshots = Snapshots(self._catalog)
        self._retention = Retention(self._catalog, self._snapshots)

    async def start(self) -> None:
        """Open the file and take up deliveries where the last process left them."""
        self._calls.closed = False
        self._store.open(call_soon=asyncio.get_running_loop().call_soon)
        self._topics.load()
        self._subscriptions.load()
        self._snapshots.load()
        self._catalog.rewire_all()
        self._retention.start()
        self._subscriptions.pump_all()

    async def close(self) -> None:
        """End streams and pushes, refuse calls from now on and close the file.

        First start stopping the gRPC server with a grace of seconds (it will need milliseconds), then close this while
        it waits: a streaming client that is let in once more and cut off takes it for the end and does not come back.
        """
        self._calls.closed = True
        self._retention.stop()
        feeds = list(self._catalog.feeds.values())
        for feed in feeds:
            feed.end(UnavailableError("The local Pub/Sub is shutting down."))
        await asyncio.gather(*(feed.close() for feed in feeds))
        await self._http.close()
        self._store.close()

    def sweep(self, now: float) -> None:
        """Drop what has come of age by `now`, in seconds since 1970; it happens by itself at the right times."""
        self._retention.sweep(now)

    def publish(self, topic: str, messages: Sequence[MessageLike]) -> list[str]:
        """Publish from within this process; returns message ids. Raises PubSubError. Call it on the service's loop."""
        return self._topics.publish(
            topic,
            [
                wire.PubsubMessage(data=item.data, attributes=dict(item.attributes), ordering_key=item.ordering_key)
                for item in messages
            ],
        )

    def register(self, server: grpc.aio.Server) -> None:
        """Add Publisher and Subscriber to a server. Its `grpc.max_receive_message_length` must allow 10 MB."""
        calls = self._calls
        server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", self._publisher(calls)),
                grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", self._subscriber(calls)),
            )
        )

    def _publisher(self, calls: Calls) -> dict[str, Any]:
        methods = {
            "CreateTopic": (wire.Topic, self._topics.create),
            "UpdateTopic": (wire.UpdateTopicRequest, self._topics.update),
            "Publish": (wire.PublishRequest, self._topics.publish_request),
            "GetTopic": (wire.GetTopicRequest, self._topics.get),
            "ListTopics": (wire.ListTopicsRequest, self._topics.list_topics),
            "ListTopicSubscriptions": (
                wire.ListTopicSubscriptionsRequest,
                self._topics.list_subscriptions,
            ),
            "ListTopicSnapshots": (
                wire.ListTopicSnapshotsRequest,
                self._topics.list_snapshots,
            ),
            "DeleteTopic": (wire.DeleteTopicRequest, self._topics.delete),
            "DetachSubscription": (wire.DetachSubscriptionRequest, self._topics.detach),
        }
        return {name: calls.quick(name, request, method) for name, (request, method) in methods.items()}

    def _subscriber(self, calls: Calls) -> dict[str, Any]:
        methods = {
            "CreateSubscription": (wire.Subscription, self._subscriptions.create),
            "GetSubscription": (wire.GetSubscriptionRequest, self._subscriptions.get),
            "UpdateSubscription": (wire.UpdateSubscriptionRequest, self._subscriptions.update),
            "ListSubscriptions": (wire.ListSubscriptionsRequest, self._subscriptions.list_subscriptions),
            "DeleteSubscription": (wire.DeleteSubscriptionRequest, self._subscriptions.delete),
            "ModifyPushConfig": (
                wire.ModifyPushConfigRequest,
                self._subscriptions.modify_push_config,
            ),
            "ModifyAckDeadline": (wire.ModifyAckDeadlineRequest, self._modify_ack_deadline),
            "Acknowledge": (wire.AcknowledgeRequest, self._acknowledge),
            "CreateSnapshot": (wire.CreateSnapshotRequest, self._snapshots.create),
            "GetSnapshot": (wire.GetSnapshotRequest, self._snapshots.get),
            "UpdateSnapshot": (wire.UpdateSnapshotRequest, self._snapshots.update),
            "ListSnapshots": (wire.ListSnapshotsRequest, self._snapshots.list_snapshots),
            "DeleteSnapshot": (wire.DeleteSnapshotRequest, self._snapshots.delete),
            "Seek": (wire.SeekRequest, self._snapshots.seek),
        }
        handlers = {name: calls.quick(name, request, method) for name, (request, method) in methods.items()}
        handlers["Pull"] = calls.slow("Pull", wire.PullRequest, self._pull)
        handlers["StreamingPull"] = calls.stream("StreamingPull", wire.StreamingPullRequest, self._streaming_pull)
        return handlers

    async def _pull(self, request: Pb, context: Context) -> Pb:
        if request.max_messages <= 0:
            raise InvalidArgumentError(f"Invalid max_messages: {request.max_messages}. It must be at least 1.")
        feed = self._subscriptions.pulled(request.subscription)
        wait = 0.0 if request.return_immediately else LONGEST_WAIT
        return await WaitingPull(feed, min(request.max_messages, ANSWER_MESSAGES)).run(wait)

    async def _streaming_pull(self, requests: AsyncIterator[Pb], context: Context) -> None:
        opening = await anext(requests, None)
        if opening is None:
            raise InvalidArgumentError("The first request of a streaming pull must name a subscription.")
        await Stream(self._subscriptions.pulled(opening.subscription), opening).run(requests, context)

    def _acknowledge(self, request: Pb) -> Pb:
        feed = self._subscriptions.answered(request.subscription)
        feed.acknowledge([parse_ack_id(ack_id)[0] for ack_id in request.ack_ids])
        return Empty()

    def _modify_ack_deadline(self, request: Pb) -> Pb:
        feed = self._subscriptions.answered(request.subscription)
        seconds = request.ack_deadline_seconds
        if not 0 <= seconds <= _LONGEST_EXTENSION:
            raise InvalidArgumentError(
                f"Invalid ack_deadline_seconds: {seconds}. It must be between 0 and {_LONGEST_EXTENSION}."
            )
        modify_deadlines(feed, ((ack_id, seconds) for ack_id in request.ack_ids))
        return Empty()

    def _forward(self, feed: Feed, entry: Entry, message: Pb) -> bool:
        letter = dead_letter(message, subscription=feed.name, attempts=entry.attempts)
        try:
            self._topics.accept(feed.delivery.policy.dead_letter_topic, [letter])
        except NotFoundError:
            return False
        return True
