"""Streaming pull, through the high-level client and bare."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1.types import StreamingPullRequest
from pubsub_actors import PATIENCE, Mail


class Conversation:
    """A bare stream: requests are said, answers read one by one."""

    def __init__(self, mail: Mail, subscription: str, **opening: Any) -> None:
        self._said: queue.Queue[StreamingPullRequest | None] = queue.Queue()
        self.say(subscription=subscription, **({"stream_ack_deadline_seconds": 10} | opening))
        self.answers: Iterator[Any] = iter(mail.subscriber.streaming_pull(requests=iter(self._said.get, None)))

    def say(self, **fields: Any) -> None:
        self._said.put(StreamingPullRequest(**fields))

    def hear(self, count: int) -> list[Any]:
        got: list[Any] = []
        while len(got) < count:
            got += next(self.answers).received_messages
        return got

    def hang_up(self) -> None:
        self._said.put(None)


def test_a_callback_gets_every_message_and_its_ack_counts(mail: Mail) -> None:
    topic, subscription = mail.pair()
    got: queue.Queue[bytes] = queue.Queue()

    def callback(message: Any) -> None:
        message.ack_with_response().add_done_callback(lambda _: got.put(message.data))

    mail.publish(topic, b"before")
    listening = mail.subscriber.subscribe(subscription, callback)
    assert got.get(timeout=PATIENCE) == b"before"
    mail.publish(topic, *[b"%d" % number for number in range(50)])
    assert {got.get(timeout=PATIENCE) for _ in range(50)} == {b"%d" % number for number in range(50)}
    listening.cancel()
    listening.result(PATIENCE)
    assert mail.peek(subscription) == []


def test_a_callback_that_nacks_gets_the_message_again(mail: Mail) -> None:
    topic, subscription = mail.pair()
    tries: list[str] = []
    done = threading.Event()

    def callback(message: Any) -> None:
        tries.append(message.message_id)
        if len(tries) < 3:
            message.nack()
        else:
            message.ack()
            done.set()

    mail.publish(topic, b"x")
    listening = mail.subscriber.subscribe(subscription, callback)
    assert done.wait(PATIENCE)
    listening.cancel()
    listening.result(PATIENCE)
    assert len(set(tries)) == 1


def test_flow_control_of_the_client_holds_messages_back(mail: Mail) -> None:
    topic, subscription = mail.pair()
    held: queue.Queue[Any] = queue.Queue()
    flow = pubsub_v1.types.FlowControl(max_messages=2)
    mail.publish(topic, *[b"%d" % number for number in range(5)])
    listening = mail.subscriber.subscribe(subscription, held.put, flow_control=flow)
    first = [held.get(timeout=PATIENCE) for _ in range(2)]
    with pytest.raises(queue.Empty):
        held.get(timeout=0.3)
    rest = []
    for message in first:
        message.ack()
    for _ in range(3):
        rest.append(held.get(timeout=PATIENCE))
        rest[-1].ack()
    assert {message.data for message in first + rest} == {b"%d" % number for number in range(5)}
    listening.cancel()
    listening.result(PATIENCE)


def test_ordered_messages_reach_the_callback_in_order(mail: Mail) -> None:
    topic, subscription = mail.pair(enable_message_ordering=True)
    got: queue.Queue[tuple[str, int]] = queue.Queue()

    def callback(message: Any) -> None:
        message.ack()
        got.put((message.ordering_key, int(message.data)))

    listening = mail.subscriber.subscribe(subscription, callback)
    for number in range(20):
        for key in ("a", "b"):
            mail.publish(topic, b"%d" % number, ordering_key=key)
    seen = [got.get(timeout=PATIENCE) for _ in range(40)]
    for key in ("a", "b"):
        assert [number for key_, number in seen if key_ == key] == list(range(20))
    listening.cancel()
    listening.result(PATIENCE)


def test_exactly_once_is_accepted(mail: Mail) -> None:
    topic, subscription = mail.pair(enable_exactly_once_delivery=True)
    acknowledged: queue.Queue[Any] = queue.Queue()
    listening = mail.subscriber.subscribe(subscription, lambda message: acknowledged.put(message.ack_with_response()))
    mail.publish(topic, b"x")
    assert acknowledged.get(timeout=PATIENCE).result(PATIENCE).name == "SUCCESS"
    listening.cancel()
    listening.result(PATIENCE)


def test_a_stream_sends_no_more_than_it_was_allowed(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"1", b"2", b"3", b"4")
    stream = Conversation(mail, subscription, max_outstanding_messages=2)
    first = stream.hear(2)
    assert mail.peek(subscription, 1) != []
    stream.say(ack_ids=[first[0].ack_id])
    [third] = stream.hear(1)
    assert third.message.data == b"4"
    stream.hang_up()


def test_a_stream_sends_no_more_bytes_than_it_was_allowed(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, *[b"x" * 1000] * 4)
    stream = Conversation(mail, subscription, max_outstanding_bytes=1500)
    first = stream.hear(1)
    rest = mail.peek(subscription)
    assert 1 <= len(first) + (4 - len(first) - len(rest)) <= 2
    stream.hang_up()


def test_a_nack_over_the_stream_brings_the_message_again(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"x")
    stream = Conversation(mail, subscription)
    [first] = stream.hear(1)
    stream.say(modify_deadline_ack_ids=[first.ack_id], modify_deadline_seconds=[0])
    [again] = stream.hear(1)
    assert again.message == first.message
    stream.say(ack_ids=[again.ack_id])
    stream.hang_up()


def test_a_deadline_moved_over_the_stream_counts(mail: Mail) -> None:
    topic, subscription = mail.pair()
    mail.publish(topic, b"x")
    stream = Conversation(mail, subscription, stream_ack_deadline_seconds=600)
    [first] = stream.hear(1)
    stream.say(modify_deadline_ack_ids=[first.ack_id], modify_deadline_seconds=[1])
    [again] = stream.hear(1)
    assert again.message == first.message
    stream.hang_up()


def test_two_streams_share_the_messages(mail: Mail) -> None:
    topic, subscription = mail.pair()
    streams = [Conversation(mail, subscription, max_outstanding_messages=3) for _ in range(2)]
    mail.publish(topic, *[b"%d" % number for number in range(6)])
    got = [one.message.data for stream in streams for one in stream.hear(3)]
    assert sorted(got) == [b"%d" % number for number in range(6)]
    for stream in streams:
        stream.hang_up()


def test_a_stream_ends_when_the_client_hangs_up(mail: Mail) -> None:
    _, subscription = mail.pair()
    stream = Conversation(mail, subscription)
    stream.hang_up()
    assert list(stream.answers) == []


def test_a_stream_ends_when_its_subscription_is_deleted(mail: Mail) -> None:
    topic, subscription = mail.pair()
    stream = Conversation(mail, subscription)
    mail.publish(topic, b"x")
    stream.hear(1)
    mail.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        stream.hear(1)
    stream.hang_up()


@pytest.mark.parametrize("opening", [{"stream_ack_deadline_seconds": 9}, {"stream_ack_deadline_seconds": 601}])
def test_a_stream_with_a_deadline_out_of_range_is_refused(mail: Mail, opening: dict[str, int]) -> None:
    _, subscription = mail.pair()
    stream = Conversation(mail, subscription, **opening)
    with pytest.raises(exceptions.InvalidArgument):
        stream.hear(1)
    stream.hang_up()


def test_a_made_up_ack_id_ends_the_stream(mail: Mail) -> None:
    _, subscription = mail.pair()
    stream = Conversation(mail, subscription)
    stream.say(ack_ids=["nonsense"])
    with pytest.raises(exceptions.InvalidArgument):
        stream.hear(1)
    stream.hang_up()


def test_a_stream_shows_delivery_attempts_with_a_dead_letter_policy(mail: Mail) -> None:
    letters = mail.topic()
    topic, subscription = mail.pair(dead_letter_policy={"dead_letter_topic": letters, "max_delivery_attempts": 5})
    mail.publish(topic, b"x")
    stream = Conversation(mail, subscription)
    assert stream.hear(1)[0].delivery_attempt == 1
    stream.hang_up()
