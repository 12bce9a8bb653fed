"""Going back and forth in time."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from pubsub_actors import PROJECT, Mail, data_of

PAST = datetime(2001, 1, 1, tzinfo=UTC)
FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


def test_a_seek_to_the_future_acknowledges_everything(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1", b"2")
    mail.pull(subscription)
    mail.subscriber.seek(request={"subscription": subscription, "time": FUTURE})
    assert mail.peek(subscription) == []


def test_a_seek_to_the_past_brings_retained_messages_again(mail: Mail) -> None:
    topic, subscription = mail.pair(retain_acked_messages=True)
    mail.publish(topic, b"1", b"2")
    mail.ack(subscription, mail.pull(subscription, 2))
    assert mail.peek(subscription) == []
    mail.subscriber.seek(request={"subscription": subscription, "time": PAST})
    assert data_of(mail.pull(subscription, 2)) == [b"1", b"2"]


def test_a_seek_to_the_past_brings_nothing_that_was_not_retained(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    mail.ack(subscription, mail.pull(subscription))
    mail.subscriber.seek(request={"subscription": subscription, "time": PAST})
    assert mail.peek(subscription) == []


def test_a_seek_brings_only_what_was_published_since(mail: Mail) -> None:
    topic, subscription = mail.pair(retain_acked_messages=True)
    mail.publish(topic, b"1")
    [first] = mail.pull(subscription)
    while mail.publish(topic, b"2") and mail.peek(subscription)[-1].message.publish_time <= first.message.publish_time:
        mail.subscriber.seek(request={"subscription": subscription, "time": PAST})
    after = first.message.publish_time + timedelta(milliseconds=1)
    mail.subscriber.seek(request={"subscription": subscription, "time": after})
    assert b"1" not in data_of(mail.peek(subscription))


def test_a_topic_that_retains_lets_a_new_subscription_read_the_past(mail: Mail) -> None:
    topic = mail.topic(message_retention_duration={"seconds": 3600})
    mail.publish(topic, b"1")
    mail.publish(topic, b"2", attributes={"wanted": ""})
    subscription = mail.subscription(topic)
    filtered = mail.subscription(topic, filter="attributes:wanted")
    for name in (subscription, filtered):
        assert mail.peek(name) == []
        mail.subscriber.seek(request={"subscription": name, "time": PAST})
    assert data_of(mail.pull(subscription, 2)) == [b"1", b"2"]
    assert data_of(mail.pull(filtered)) == [b"2"]
    assert mail.peek(filtered) == []


def test_a_seek_to_a_snapshot_brings_back_what_was_open_then(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"done", b"open")
    mail.ack(subscription, mail.pull(subscription, 1))
    snapshot = mail.name("snapshots")
    mail.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    mail.publish(topic, b"later")
    mail.ack(subscription, mail.pull(subscription, 1))
    mail.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert data_of(mail.pull(subscription, 2)) == [b"open", b"later"]
    assert mail.peek(subscription) == []


def test_another_subscription_of_the_topic_can_seek_to_the_snapshot(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    snapshot = mail.name("snapshots")
    mail.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    other = mail.subscription(topic)
    mail.subscriber.seek(request={"subscription": other, "snapshot": snapshot})
    assert data_of(mail.pull(other)) == [b"1"]
    _, stranger = mail.pair()
    with pytest.raises(exceptions.FailedPrecondition):
        mail.subscriber.seek(request={"subscription": stranger, "snapshot": snapshot})


def test_a_seek_to_nothing_is_refused(mail: Mail) -> None:
    _, subscription = mail.pair()
    with pytest.raises(exceptions.InvalidArgument):
        mail.subscriber.seek(request={"subscription": subscription})
    with pytest.raises(exceptions.NotFound):
        mail.subscriber.seek(request={"subscription": subscription, "snapshot": f"{PROJECT}/snapshots/nowhere"})


def test_an_ack_of_before_the_seek_does_not_hold_a_lease_of_after(mail: Mail) -> None:
    topic, subscription = mail.pair(retain_acked_messages=True)
    mail.publish(topic, b"1")
    before = mail.pull(subscription)
    mail.subscriber.seek(request={"subscription": subscription, "time": PAST})
    after = mail.pull(subscription)
    mail.nack(subscription, before)
    mail.ack(subscription, after)
    assert mail.peek(subscription) == []
