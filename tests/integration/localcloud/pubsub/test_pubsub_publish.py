"""What may be published, and what becomes of it."""

import time
from datetime import UTC, datetime

import pytest
from google.api_core import exceptions
from google.pubsub_v1.types import PubsubMessage
from pubsub_actors import PROJECT, Endpoint, Mail, data_of


def test_a_message_arrives_with_all_that_it_had(mail: Mail) -> None:
    topic, subscription = mail.pair()
    before = datetime.now(UTC)
    message_id = mail.publisher.publish(topic, b"\x00\xff", ordering_key="key", colour="red", empty="").result(20)
    [received] = mail.pull(subscription)
    assert received.message.message_id == message_id
    assert received.message.data == b"\x00\xff"
    assert dict(received.message.attributes) == {"colour": "red", "empty": ""}
    assert received.message.ordering_key == "key"
    assert abs((received.message.publish_time - before).total_seconds()) < 20
    assert received.delivery_attempt == 0


def test_every_subscription_gets_every_message(mail: Mail) -> None:
    topic, first = mail.pair()
    second = mail.subscription(topic)
    mail.publish(topic, b"1", b"2")
    assert data_of(mail.pull(first, 2)) == data_of(mail.pull(second, 2)) == [b"1", b"2"]


def test_a_subscription_gets_nothing_of_before_its_time(mail: Mail) -> None:
    topic = mail.topic()
    mail.publish(topic, b"early")
    subscription = mail.subscription(topic)
    mail.publish(topic, b"late")
    assert data_of(mail.pull(subscription)) == [b"late"]


def test_the_batching_client_gets_an_id_for_each_message(mail: Mail) -> None:
    topic, subscription = mail.pair()
    futures = [mail.publisher.publish(topic, b"%d" % number) for number in range(250)]
    ids = [future.result(20) for future in futures]
    assert len(set(ids)) == 250
    received = mail.pull(subscription, 250)
    assert {one.message.message_id for one in received} == set(ids)


def test_a_publish_to_no_topic_is_not_found(mail: Mail) -> None:
    with pytest.raises(exceptions.NotFound):
        mail.publish(f"{PROJECT}/topics/nowhere", b"x")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"data": b""}],
        [{"data": b"fine"}, {"ordering_key": "only"}],
        [{"data": b"x"}] * 1001,
        [{"data": b"x" * 10_000_001}],
        [{"data": b"x" * 5_000_001}] * 2,
        [{"data": b"x", "ordering_key": "k" * 1025}],
        [{"data": b"x", "attributes": {"k" * 257: "v"}}],
        [{"data": b"x", "attributes": {"k": "v" * 1025}}],
        [{"data": b"x", "attributes": {"google": "v"}}],
        [{"data": b"x", "attributes": {str(number): "" for number in range(101)}}],
    ],
    ids=[
        "nothing",
        "empty message",
        "one empty message",
        "1001 messages",
        "large message",
        "large request",
        "long ordering key",
        "long attribute key",
        "long attribute value",
        "reserved attribute",
        "101 attributes",
    ],
)
def test_a_publish_over_the_limits_is_refused_as_a_whole(mail: Mail, messages: list[dict[str, object]]) -> None:
    topic, subscription = mail.pair()
    with pytest.raises(exceptions.InvalidArgument):
        mail.publisher.plain.publish(topic=topic, messages=messages)
    assert mail.peek(subscription) == []


def test_a_message_near_ten_megabytes_goes_through(mail: Mail, endpoint: Endpoint) -> None:
    topic = mail.topic()
    mail.subscription(topic, push_config={"push_endpoint": endpoint.url})
    mail.publish(topic, b"x" * 9_900_000)
    [push] = endpoint.wait_for(1)
    assert push.envelope["message"]["data"] == "eHh4" * 3_300_000


def test_a_backlog_larger_than_a_client_can_receive_comes_in_parts(mail: Mail) -> None:
    topic, subscription = mail.pair()
    for _ in range(2):
        mail.publish(topic, *[b"x" * 2_000_000] * 3)
    answer = mail.subscriber.pull(subscription=subscription, max_messages=100)
    assert len(answer.received_messages) == 1
    assert len(mail.pull(subscription, 5)) == 5


def test_attributes_without_data_are_a_message(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publisher.plain.publish(topic=topic, messages=[{"attributes": {"a": "1"}}])
    assert mail.pull(subscription)[0].message.attributes == {"a": "1"}


def test_a_filter_lets_only_its_messages_through(mail: Mail) -> None:
    topic = mail.topic()
    filtered = mail.subscription(topic, filter='attributes.lang = "en" AND NOT hasPrefix(attributes.path, "tmp/")')
    everything = mail.subscription(topic)
    for attributes in ({"lang": "en"}, {"lang": "de"}, {"lang": "en", "path": "tmp/x"}, {"lang": "en", "path": "a"}):
        mail.publisher.plain.publish(topic=topic, messages=[{"data": b"x", "attributes": attributes}])
    assert [dict(one.message.attributes) for one in mail.pull(filtered, 2)] == [
        {"lang": "en"},
        {"lang": "en", "path": "a"},
    ]
    assert mail.peek(filtered) == []
    assert len(mail.pull(everything, 4)) == 4


def test_publishing_from_within_the_process_is_publishing(mail: Mail) -> None:
    topic, subscription = mail.pair()
    message = PubsubMessage(data=b"inside", attributes={"a": "1"})
    [message_id] = mail.server.loop.call(lambda: mail.server.service.publish(topic, [message]))
    [received] = mail.pull(subscription)
    assert (received.message.message_id, received.message.data) == (message_id, b"inside")


def test_operations_are_counted(mail: Mail) -> None:
    topic, subscription = mail.pair()
    before = mail.server.counters.snapshot()
    mail.publish(topic, b"1", b"2", b"3")
    mail.ack(subscription, mail.pull(subscription, 3))
    after = mail.server.counters.snapshot()
    difference = {name: after[name] - before.get(name, 0) for name in after}
    assert difference["pubsub.published"] == 3
    assert difference["pubsub.publish_calls"] == 1
    assert difference["pubsub.delivered"] == 3
    assert difference["pubsub.acked"] == 3
    assert difference["pubsub.bytes"] > 3


def test_message_ids_keep_growing(mail: Mail) -> None:
    topic = mail.topic()
    ids = [int(mail.publish(topic, b"x")[0]) for _ in range(3)]
    assert ids == sorted(set(ids))
    assert ids[0] <= time.time_ns() // 1000
