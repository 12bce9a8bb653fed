"""Topics and subscriptions."""

from collections.abc import Iterator
from datetime import timedelta

from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Resource, Setting
from sailplane.deploy.topology import LEAST_BACKOFF, MOST_ATTEMPTS, MOST_BACKOFF, Subscription


def topics(design: Design) -> Iterator[Resource]:
    for topic in design.topology.topics(design.config.queues):
        yield Resource(kind=Kind.TOPIC, name=topic)


def subscriptions(design: Design) -> Iterator[Resource]:
    for subscription in design_subscriptions(design):
        yield Resource(kind=Kind.SUBSCRIPTION, name=subscription.name, settings=_settings(design, subscription))


def design_subscriptions(design: Design) -> tuple[Subscription, ...]:
    """The subscriptions of all queues, of events and of the dead letters."""
    return design.topology.subscriptions((queue.name, queue.kind) for queue in design.config.queues.values())


def _settings(design: Design, subscription: Subscription) -> dict[str, Setting]:
    settings: dict[str, Setting] = {
        "topic": subscription.topic,
        "ack_deadline": _seconds(subscription.ack_deadline),
        "expires": False,
        "filter": subscription.filter,
    }
    if subscription.pushes_to is not None:
        url = design.place.url(subscription.pushes_to)
        settings |= {
            "push_endpoint": url + design.topology.push_path(subscription.topic),
            "push_account": design.topology.account_email("push"),
            "push_audience": url,
        }
    if subscription.dead_letter_topic is not None:
        settings |= {
            "least_backoff": _seconds(LEAST_BACKOFF),
            "most_backoff": _seconds(MOST_BACKOFF),
            "dead_letter_topic": subscription.dead_letter_topic,
            "most_attempts": MOST_ATTEMPTS,
        }
    if subscription.retention is not None:
        settings["retention"] = _seconds(subscription.retention)
    return settings


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
