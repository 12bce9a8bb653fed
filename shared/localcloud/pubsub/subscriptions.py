"""Subscriptions: their life and settings."""

from localcloud.pubsub.catalog import Catalog
from localcloud.pubsub.errors import InvalidArgumentError, NotFoundError
from localcloud.pubsub.feed import Feed, Surroundings, detached_error, push_error
from localcloud.pubsub.filters import parse_filter
from localcloud.pubsub.listing import page_of
from localcloud.pubsub.masks import merged
from localcloud.pubsub.names import Kind, check_name, check_project
from localcloud.pubsub.policy import DEFAULT_MAX_ATTEMPTS
from localcloud.pubsub.unsupported import refuse_unsupported
from localcloud.pubsub.wire import Empty, ListSubscriptionsResponse, Pb, PushConfig, Subscription

DEFAULT_ACK_DEADLINE = 10
DEFAULT_RETENTION = 7 * 86400
DEFAULT_TTL = 31 * 86400
_LONGEST_RETENTION = 31 * 86400
_LONGEST_BACKOFF = 600
_FIXED_FIELDS = frozenset({"name", "topic", "filter", "enable_message_ordering", "detached", "state"})


class Subscriptions:
    """The methods of google.pubsub.v1.Subscriber about subscriptions themselves."""

    def __init__(self, catalog: Catalog, surroundings: Surroundings) -> None:
        self._catalog = catalog
        self._store = catalog.store
        self._surroundings = surroundings

    def load(self) -> None:
        """Bring all stored subscriptions to life. Their delivery starts with `pump_all`."""
        for holder, subscription in self._catalog.stored_subscriptions():
            self._catalog.feeds[subscription.name] = Feed(holder, subscription, self._surroundings)

    def pump_all(self) -> None:
        for feed in self._catalog.feeds.values():
            feed.pump()

    def create(self, subscription: Pb) -> Pb:
        check_name(Kind.SUBSCRIPTION, subscription.name)
        self._catalog.check_free(Kind.SUBSCRIPTION, subscription.name)
        self._catalog.topic(subscription.topic)
        _fill_in(subscription)
        self._check(subscription)
        parse_filter(subscription.filter)
        holder = self._store.create(Kind.SUBSCRIPTION, subscription.name, subscription.SerializeToString())
        self._catalog.feeds[subscription.name] = Feed(holder, subscription, self._surroundings)
        self._catalog.rewire(subscription.topic)
        return subscription

    def get(self, request: Pb) -> Pb:
        return self._catalog.feed(request.subscription).pb

    def update(self, request: Pb) -> Pb:
        feed = self._catalog.feed(request.subscription.name)
        wanted = merged(feed.pb, request.subscription, request.update_mask, fixed=_FIXED_FIELDS)
        _fill_in(wanted)
        self._check(wanted)
        self._change(feed, wanted)
        return wanted

    def modify_push_config(self, request: Pb) -> Pb:
        feed = self._catalog.feed(request.subscription)
        changed = Subscription()
        changed.CopyFrom(feed.pb)
        changed.push_config.CopyFrom(request.push_config)
        _check_push(changed)
        self._change(feed, changed)
        return Empty()

    def list_subscriptions(self, request: Pb) -> Pb:
        check_project(request.project)
        page = page_of([name for name in self._catalog.feeds if name.startswith(request.project + "/")], request)
        return ListSubscriptionsResponse(
            subscriptions=[self._catalog.feeds[name].pb for name in page.names], next_page_token=page.next_token
        )

    def delete(self, request: Pb) -> Pb:
        feed = self._catalog.feed(request.subscription)
        self._store.delete(feed.holder)
        del self._catalog.feeds[feed.name]
        self._catalog.rewire(feed.pb.topic)
        feed.end(NotFoundError(f"Resource not found (resource={feed.name}). The subscription was deleted."))
        return Empty()

    def pulled(self, name: str) -> Feed:
        """The feed to pull from; raises FailedPreconditionError if it is detached or pushed."""
        feed = self.answered(name)
        if feed.pb.push_config.push_endpoint:
            raise push_error(name)
        return feed

    def answered(self, name: str) -> Feed:
        """The feed to acknowledge on; raises FailedPreconditionError if it is detached."""
        feed = self._catalog.feed(name)
        if feed.pb.detached:
            raise detached_error(name)
        return feed

    def _change(self, feed: Feed, subscription: Pb) -> None:
        self._store.update(feed.holder, subscription.SerializeToString())
        feed.configure(subscription)

    def _check(self, subscription: Pb) -> None:
        _check_deadline(subscription)
        _check_retention(subscription)
        _check_retry(subscription)
        _check_push(subscription)
        refuse_unsupported(subscription)
        self._check_dead_letter(subscription)

    def _check_dead_letter(self, subscription: Pb) -> None:
        policy = subscription.dead_letter_policy
        if not subscription.HasField("dead_letter_policy") or not policy.dead_letter_topic:
            return
        check_name(Kind.TOPIC, policy.dead_letter_topic)
        if not 5 <= policy.max_delivery_attempts <= 100:
            raise InvalidArgumentError(
                f"Invalid max_delivery_attempts of {subscription.name}: {policy.max_delivery_attempts}. "
                "It must be between 5 and 100."
            )
        self._catalog.topic(policy.dead_letter_topic)


def _fill_in(subscription: Pb) -> None:
    """Give everything left open the value that Google gives it."""
    if not subscription.ack_deadline_seconds:
        subscription.ack_deadline_seconds = DEFAULT_ACK_DEADLINE
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = DEFAULT_RETENTION
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = DEFAULT_TTL
    if subscription.HasField("dead_letter_policy") and not subscription.dead_letter_policy.max_delivery_attempts:
        subscription.dead_letter_policy.max_delivery_attempts = DEFAULT_MAX_ATTEMPTS
    if not subscription.HasField("push_config"):
        subscription.push_config.CopyFrom(PushConfig())
    subscription.state = Subscription.State.ACTIVE
    subscription.detached = False


def _check_deadline(subscription: Pb) -> None:
    seconds = subscription.ack_deadline_seconds
    if not 10 <= seconds <= 600:
        raise InvalidArgumentError(
            f"Invalid ack_deadline_seconds of {subscription.name}: {seconds}. It must be between 10 and 600."
        )


def _check_retention(subscription: Pb) -> None:
    seconds = subscription.message_retention_duration.seconds
    if not 600 <= seconds <= _LONGEST_RETENTION:
        raise InvalidArgumentError(
            f"Invalid message_retention_duration of {subscription.name}: {seconds} s. "
            "It must be between 10 minutes and 31 days."
        )


def _check_retry(subscription: Pb) -> None:
    if not subscription.HasField("retry_policy"):
        return
    retry = subscription.retry_policy
    for backoff in (retry.minimum_backoff, retry.maximum_backoff):
        if not 0 <= backoff.seconds <= _LONGEST_BACKOFF:
            raise InvalidArgumentError(
                f"Invalid retry_policy of {subscription.name}: {backoff.seconds} s. It must be between 0 and 600 s."
            )
    minimum, maximum = retry.minimum_backoff.ToNanoseconds(), retry.maximum_backoff.ToNanoseconds()
    if retry.HasField("maximum_backoff") and maximum < minimum:
        raise InvalidArgumentError(
            f"Invalid retry_policy of {subscription.name}: maximum_backoff is shorter than minimum_backoff."
        )


def _check_push(subscription: Pb) -> None:
    endpoint = subscription.push_config.push_endpoint
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise InvalidArgumentError(
            f"Invalid push endpoint of {subscription.name}: {endpoint}. It must be an http or https address."
        )
