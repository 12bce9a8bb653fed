"""Pulling, acknowledging, and what comes again."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core import exceptions
from pubsub_actors import Mail, data_of


def test_an_acknowledged_message_is_gone(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1", b"2")
    mail.ack(subscription, mail.pull(subscription, 2))
    assert mail.peek(subscription) == []


def test_a_pull_returns_no_more_than_asked_for(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1", b"2", b"3")
    assert data_of(mail.subscriber.pull(subscription=subscription, max_messages=2).received_messages) == [b"1", b"2"]


def test_a_pull_for_no_messages_is_refused(mail: Mail) -> None:
    _, subscription = mail.pair()
    with pytest.raises(exceptions.InvalidArgument):
        mail.subscriber.pull(subscription=subscription, max_messages=0)


def test_a_pull_waits_for_a_message(mail: Mail) -> None:
    topic, subscription = mail.pair()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(mail.pull, subscription)
        assert not waiting.done()
        mail.publish(topic, b"at last")
        assert data_of(waiting.result(20)) == [b"at last"]


def test_a_pull_that_may_not_wait_answers_at_once(mail: Mail) -> None:
    _, subscription = mail.pair()
    assert mail.peek(subscription) == []


def test_a_pull_given_up_by_its_client_takes_nothing_along(mail: Mail) -> None:
    topic, subscription = mail.pair()
    with pytest.raises(exceptions.DeadlineExceeded):
        mail.subscriber.pull(subscription=subscription, max_messages=1, timeout=0.1, retry=None)
    mail.publish(topic, b"for the next one")
    assert data_of(mail.pull(subscription)) == [b"for the next one"]


def test_a_waiting_pull_learns_that_its_subscription_is_deleted(mail: Mail) -> None:
    _, subscription = mail.pair()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(mail.pull, subscription)
        time.sleep(0.1)
        mail.subscriber.delete_subscription(subscription=subscription)
        with pytest.raises(exceptions.NotFound):
            waiting.result(20)


def test_a_leased_message_is_not_given_to_others(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    mail.pull(subscription)
    assert mail.peek(subscription) == []


def test_a_nacked_message_comes_again_at_once(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    first = mail.pull(subscription)
    mail.nack(subscription, first)
    again = mail.pull(subscription)
    assert again[0].message == first[0].message
    assert again[0].ack_id != first[0].ack_id


def test_a_message_comes_again_when_its_deadline_has_passed(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    first = mail.pull(subscription)
    mail.deadline(subscription, first, 1)
    asked_at = time.monotonic()
    again = mail.pull(subscription)
    assert again[0].message == first[0].message
    assert time.monotonic() - asked_at > 0.5


def test_an_extended_deadline_keeps_the_message(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    received = mail.pull(subscription)
    mail.deadline(subscription, received, 1)
    mail.deadline(subscription, received, 600)
    with pytest.raises(exceptions.DeadlineExceeded):
        mail.subscriber.pull(subscription=subscription, max_messages=1, timeout=1.5, retry=None)
    mail.ack(subscription, received)


def test_an_ack_after_the_deadline_still_counts(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    first = mail.pull(subscription)
    mail.nack(subscription, first)
    mail.ack(subscription, first)
    assert mail.peek(subscription) == []


def test_an_outdated_ack_id_has_no_say_about_the_deadline(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1")
    first = mail.pull(subscription)
    mail.nack(subscription, first)
    second = mail.pull(subscription)
    mail.nack(subscription, first)
    assert mail.peek(subscription) == []
    mail.nack(subscription, second)
    assert len(mail.peek(subscription)) == 1


@pytest.mark.parametrize("ack_id", ["nonsense", "1-", "-1", ""])
def test_a_made_up_ack_id_is_refused(mail: Mail, ack_id: str) -> None:
    _, subscription = mail.pair()
    with pytest.raises(exceptions.InvalidArgument):
        mail.subscriber.acknowledge(subscription=subscription, ack_ids=[ack_id])
    with pytest.raises(exceptions.InvalidArgument):
        mail.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[ack_id], ack_deadline_seconds=0)


def test_a_retry_policy_delays_a_nacked_message_longer_each_time(mail: Mail) -> None:
    backoff = {"minimum_backoff": {"nanos": 150_000_000}, "maximum_backoff": {"nanos": 450_000_000}}
    topic, subscription = mail.pair(retry_policy=backoff)
    mail.publish(topic, b"1")
    received = mail.pull(subscription)
    for seconds in (0.15, 0.3, 0.45, 0.45):
        nacked_at = time.monotonic()
        mail.nack(subscription, received)
        received = mail.pull(subscription)
        assert time.monotonic() - nacked_at >= seconds


def test_a_dead_letter_policy_counts_attempts_and_forwards(mail: Mail) -> None:
    letters, letter_subscription = mail.pair()
    policy = {"dead_letter_topic": letters, "max_delivery_attempts": 5}
    topic, subscription = mail.pair(dead_letter_policy=policy)
    [message_id] = mail.publish(topic, b"poison", attributes={"mine": "1"})
    attempts = []
    for _ in range(5):
        [received] = mail.pull(subscription)
        attempts.append(received.delivery_attempt)
        mail.nack(subscription, [received])
    assert attempts == [1, 2, 3, 4, 5]
    [letter] = mail.pull(letter_subscription)
    attributes = dict(letter.message.attributes)
    assert letter.message.data == b"poison"
    assert letter.message.message_id != message_id
    assert attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime").endswith("+00:00")
    assert attributes == {
        "mine": "1",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": subscription.rsplit("/", 1)[1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": "test",
    }
    assert mail.peek(subscription) == []


def test_a_dead_letter_may_exceed_the_limit_of_attributes(mail: Mail) -> None:
    letters, letter_subscription = mail.pair()
    topic, subscription = mail.pair(dead_letter_policy={"dead_letter_topic": letters, "max_delivery_attempts": 5})
    mail.publish(topic, b"poison", attributes={f"a{number}": "" for number in range(100)})
    for _ in range(5):
        mail.nack(subscription, mail.pull(subscription))
    assert len(mail.pull(letter_subscription)[0].message.attributes) == 104


def test_a_message_stays_when_its_dead_letter_topic_is_gone(mail: Mail) -> None:
    letters = mail.topic()
    topic, subscription = mail.pair(dead_letter_policy={"dead_letter_topic": letters, "max_delivery_attempts": 5})
    mail.publisher.delete_topic(topic=letters)
    mail.publish(topic, b"poison")
    for attempt in range(1, 8):
        [received] = mail.pull(subscription)
        assert received.delivery_attempt == attempt
        mail.nack(subscription, [received])


def test_messages_of_a_key_come_in_order_and_a_nack_brings_the_rest_again(mail: Mail) -> None:
    topic, subscription = mail.pair(enable_message_ordering=True)
    mail.publish(topic, b"1", b"2", b"3", b"4", ordering_key="k")
    first = mail.pull(subscription, 3)
    assert data_of(first) == [b"1", b"2", b"3"]
    assert mail.peek(subscription) == []
    mail.nack(subscription, first[1:2])
    assert mail.peek(subscription) == []
    mail.ack(subscription, first[:1])
    assert data_of(mail.pull(subscription, 3)) == [b"2", b"3", b"4"]


def test_other_keys_go_on_while_one_waits(mail: Mail) -> None:
    topic, subscription = mail.pair(enable_message_ordering=True)
    mail.publish(topic, b"a1", b"a2", ordering_key="a")
    mail.publish(topic, b"b1", ordering_key="b")
    mail.publish(topic, b"free")
    assert data_of(mail.pull(subscription)) == [b"a1"]
    assert data_of(mail.pull(subscription, 2)) == [b"b1", b"free"]


@pytest.mark.parametrize("key", ["", "k"])
def test_a_backlog_larger_than_the_cache_comes_whole_and_in_order(mail: Mail, key: str) -> None:
    topic, subscription = mail.pair(enable_message_ordering=bool(key))
    count = 5000
    for start in range(0, count, 1000):
        mail.publish(topic, *[b"%d" % number for number in range(start, start + 1000)], ordering_key=key)
    numbers: list[int] = []
    while len(numbers) < count:
        received = mail.pull(subscription, 500)
        numbers += [int(data) for data in data_of(received)]
        mail.ack(subscription, received)
    assert numbers == list(range(count))
    assert mail.peek(subscription) == []


def test_many_pullers_share_a_backlog_without_overlap(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, *[b"%d" % number for number in range(200)])
    got: list[bytes] = []
    lock = threading.Lock()

    def drain() -> None:
        for _ in range(10):
            received = mail.pull(subscription, 5)
            mail.ack(subscription, received)
            with lock:
                got.extend(data_of(received))

    with ThreadPoolExecutor(4) as pool:
        for running in [pool.submit(drain) for _ in range(4)]:
            running.result(30)
    assert sorted(map(int, got)) == list(range(200))
