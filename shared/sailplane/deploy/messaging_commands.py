"""Commands for topics, subscriptions and the clock."""

from sailplane.deploy.command import Command
from sailplane.deploy.kit import Kit, number, owner_label, text
from sailplane.deploy.resource import Kind, Resource
from sailplane.deploy.verbs import Verbs


def _create_topic(kit: Kit, topic: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("pubsub", "topics", "create", topic.name, labels=owner_label(kit)),)


def _delete_topic(kit: Kit, topic: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("pubsub", "topics", "delete", topic.name),)


def _create_subscription(kit: Kit, subscription: Resource) -> tuple[Command, ...]:
    words = ("pubsub", "subscriptions", "create", subscription.name)
    made_once = {
        "topic": text(subscription, "topic"),
        "message_filter": text(subscription, "filter") or None,
        "labels": owner_label(kit),
    }
    return (kit.gcloud(*words, **made_once, **_subscription(subscription)),)


def _update_subscription(kit: Kit, subscription: Resource) -> tuple[Command, ...]:
    words = ("pubsub", "subscriptions", "update", subscription.name)
    # An empty endpoint makes a subscription one that is pulled.
    return (kit.gcloud(*words, **{"push_endpoint": "", **_subscription(subscription)}),)


def _delete_subscription(kit: Kit, subscription: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("pubsub", "subscriptions", "delete", subscription.name),)


def _subscription(subscription: Resource) -> dict[str, str | int | None]:
    """The flags that creating and updating share."""
    settings = subscription.settings
    flags: dict[str, str | int | None] = {
        "ack_deadline": number(subscription, "ack_deadline"),
        "expiration_period": "never",
    }
    if "push_endpoint" in settings:
        flags |= {
            "push_endpoint": text(subscription, "push_endpoint"),
            "push_auth_service_account": text(subscription, "push_account"),
            "push_auth_token_audience": text(subscription, "push_audience"),
        }
    if "dead_letter_topic" in settings:
        flags |= {
            "min_retry_delay": f"{number(subscription, 'least_backoff')}s",
            "max_retry_delay": f"{number(subscription, 'most_backoff')}s",
            "dead_letter_topic": text(subscription, "dead_letter_topic"),
            "max_delivery_attempts": number(subscription, "most_attempts"),
        }
    if "retention" in settings:
        flags["message_retention_duration"] = f"{number(subscription, 'retention')}s"
    return flags


def _create_clock(kit: Kit, clock: Resource) -> tuple[Command, ...]:
    return (_clock(kit, clock, "create"),)


def _update_clock(kit: Kit, clock: Resource) -> tuple[Command, ...]:
    return (_clock(kit, clock, "update"),)


def _clock(kit: Kit, clock: Resource, verb: str) -> Command:
    return kit.gcloud(
        "scheduler",
        "jobs",
        verb,
        "http",
        clock.name,
        location=text(clock, "location"),
        schedule=text(clock, "schedule"),
        time_zone=text(clock, "time_zone"),
        uri=text(clock, "url"),
        http_method=text(clock, "method"),
        oidc_service_account_email=text(clock, "account"),
        oidc_token_audience=text(clock, "audience"),
        attempt_deadline=f"{number(clock, 'attempt_deadline')}s",
        max_retry_attempts=number(clock, "most_retries"),
    )


def _delete_clock(kit: Kit, clock: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("scheduler", "jobs", "delete", clock.name, location=text(clock, "location")),)


VERBS = {
    Kind.TOPIC: Verbs(create=_create_topic, delete=_delete_topic),
    Kind.SUBSCRIPTION: Verbs(
        create=_create_subscription,
        update=_update_subscription,
        delete=_delete_subscription,
        fixed=frozenset({"topic", "filter"}),
    ),
    Kind.SCHEDULER_JOB: Verbs(create=_create_clock, update=_update_clock, delete=_delete_clock),
}
