"""Bad days on demand."""

import time

import pytest
from google.api_core import exceptions
from pubsub_actors import Endpoint, Mail, data_of

from localcloud.faults import Fault, FaultKind


def inject(mail: Mail, point: str, kind: FaultKind, **fields: object) -> None:
    mail.server.faults.inject(Fault(point=point, kind=kind, **fields))  # type: ignore[arg-type]


def pushed(mail: Mail, endpoint: Endpoint, **settings: object) -> tuple[str, str]:
    topic = mail.topic()
    return topic, mail.subscription(topic, push_config={"push_endpoint": endpoint.url}, **settings)


def test_an_error_comes_before_the_work(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.Publish", FaultKind.ERROR, status="PERMISSION_DENIED")
    with pytest.raises(exceptions.PermissionDenied):
        mail.publish(topic, b"x")
    assert mail.peek(subscription) == []


def test_a_lost_answer_comes_after_the_work(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.Publish", FaultKind.LOST_ANSWER, status="INTERNAL")
    with pytest.raises(exceptions.InternalServerError):
        mail.publisher.plain.publish(topic=topic, messages=[{"data": b"x"}], retry=None)
    assert data_of(mail.pull(subscription)) == [b"x"]


def test_latency_comes_first_and_then_the_work(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.Pull", FaultKind.LATENCY, seconds=0.2)
    mail.publish(topic, b"x")
    asked_at = time.monotonic()
    assert data_of(mail.pull(subscription)) == [b"x"]
    assert time.monotonic() - asked_at >= 0.2


def test_a_stream_can_be_refused(mail: Mail) -> None:
    _, subscription = mail.pair()
    inject(mail, "pubsub.StreamingPull", FaultKind.ERROR, status="PERMISSION_DENIED")
    listening = mail.subscriber.subscribe(subscription, lambda message: message.ack())
    with pytest.raises(exceptions.PermissionDenied):
        listening.result(20)


def test_a_duplicated_delivery_comes_twice(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.deliver", FaultKind.DUPLICATE)
    mail.publish(topic, b"1", b"2")
    assert data_of(mail.pull(subscription, 3)) == [b"1", b"1", b"2"]


def test_a_reordered_delivery_comes_after_the_next(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.deliver", FaultKind.REORDER)
    mail.publish(topic, b"1", b"2", b"3")
    assert data_of(mail.pull(subscription, 3)) == [b"2", b"1", b"3"]


def test_a_reordered_delivery_with_nothing_behind_it_comes_all_the_same(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.deliver", FaultKind.REORDER)
    mail.publish(topic, b"1")
    assert data_of(mail.pull(subscription)) == [b"1"]


@pytest.mark.slow
def test_a_dropped_delivery_comes_again_after_the_deadline(mail: Mail) -> None:
    topic, subscription = mail.pair(ack_deadline_seconds=10)
    inject(mail, "pubsub.deliver", FaultKind.DROP)
    mail.publish(topic, b"1", b"2")
    assert data_of(mail.pull(subscription)) == [b"2"]
    assert data_of(mail.pull(subscription)) == [b"1"]


def test_a_failed_delivery_is_made_again(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.deliver", FaultKind.ERROR)
    mail.publish(topic, b"1")
    assert data_of(mail.pull(subscription)) == [b"1"]


def test_a_late_delivery_comes_late(mail: Mail) -> None:
    topic, subscription = mail.pair()
    inject(mail, "pubsub.deliver", FaultKind.LATENCY, seconds=0.2)
    mail.publish(topic, b"1")
    asked_at = time.monotonic()
    assert data_of(mail.pull(subscription)) == [b"1"]
    assert time.monotonic() - asked_at >= 0.15


@pytest.mark.parametrize("point", ["pubsub.push", "pubsub.deliver"])
@pytest.mark.parametrize("kind", [FaultKind.DUPLICATE, FaultKind.LOST_ANSWER])
def test_a_push_can_come_twice(mail: Mail, endpoint: Endpoint, point: str, kind: FaultKind) -> None:
    topic, _ = pushed(mail, endpoint)
    inject(mail, point, kind)
    [message_id] = mail.publish(topic, b"1")
    assert [push.message_id for push in endpoint.wait_for(2)] == [message_id] * 2


def test_a_push_can_be_overtaken(mail: Mail, endpoint: Endpoint) -> None:
    topic, _ = pushed(mail, endpoint)
    inject(mail, "pubsub.push", FaultKind.REORDER)
    first, second = mail.publish(topic, b"1", b"2")
    assert [push.message_id for push in endpoint.wait_for(2)] == [second, first]


def test_a_push_can_fail_without_a_request(mail: Mail, endpoint: Endpoint) -> None:
    letters = mail.topic()
    policy = {"dead_letter_topic": letters, "max_delivery_attempts": 5}
    topic, _ = pushed(mail, endpoint, dead_letter_policy=policy)
    inject(mail, "pubsub.push", FaultKind.ERROR, times=2, status="503")
    mail.publish(topic, b"1")
    assert [push.envelope["deliveryAttempt"] for push in endpoint.wait_for(1)] == [3]


@pytest.mark.slow
def test_a_push_can_vanish_until_the_deadline(mail: Mail, endpoint: Endpoint) -> None:
    topic, _ = pushed(mail, endpoint, ack_deadline_seconds=10)
    inject(mail, "pubsub.push", FaultKind.DROP)
    published_at = time.monotonic()
    mail.publish(topic, b"1")
    [push] = endpoint.wait_for(1)
    assert push.at - published_at >= 9.9
