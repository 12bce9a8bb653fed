"""Push: what the endpoint gets, and what its answer means."""

import asyncio
import time
from collections.abc import Callable, Mapping

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from pubsub_actors import Endpoint, Loop, Mail

from localcloud.pubsub.push import HttpTransport


def pushed(mail: Mail, endpoint: Endpoint, **settings: object) -> tuple[str, str]:
    topic = mail.topic()
    return topic, mail.subscription(topic, push_config={"push_endpoint": endpoint.url}, **settings)


def test_a_message_is_posted_in_the_envelope_of_google(mail: Mail, endpoint: Endpoint) -> None:
    topic, subscription = pushed(mail, endpoint)
    [message_id] = mail.publish(topic, b"hello", attributes={"a": "1"})
    [push] = endpoint.wait_for(1)
    message = push.envelope["message"]
    assert push.envelope == {"message": message, "subscription": subscription}
    assert message.pop("publishTime") == message.pop("publish_time")
    assert message == {
        "data": "aGVsbG8=",
        "attributes": {"a": "1"},
        "messageId": message_id,
        "message_id": message_id,
    }
    assert push.headers["Content-Type"] == "application/json"
    assert push.headers["User-Agent"] == "CloudPubSub-Google"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_these_statuses_acknowledge(mail: Mail, endpoint: Endpoint, status: int) -> None:
    topic, _ = pushed(mail, endpoint, enable_message_ordering=True)
    endpoint.statuses = [status]
    ids = mail.publish(topic, b"1", b"2", ordering_key="k")
    assert [push.message_id for push in endpoint.wait_for(2)] == ids


@pytest.mark.parametrize("status", [203, 206, 302, 400, 404, 429, 500, 503])
def test_any_other_status_brings_the_message_again(mail: Mail, endpoint: Endpoint, status: int) -> None:
    topic, _ = pushed(mail, endpoint)
    endpoint.statuses = [status]
    [message_id] = mail.publish(topic, b"1")
    assert [push.message_id for push in endpoint.wait_for(2)] == [message_id] * 2


def test_a_retry_policy_delays_the_next_push(mail: Mail, endpoint: Endpoint) -> None:
    backoff = {"minimum_backoff": {"nanos": 150_000_000}, "maximum_backoff": {"nanos": 300_000_000}}
    topic, _ = pushed(mail, endpoint, retry_policy=backoff)
    endpoint.statuses = [500, 500]
    mail.publish(topic, b"1")
    first, second, third = (push.at for push in endpoint.wait_for(3))
    assert second - first >= 0.15
    assert third - second >= 0.3


def test_an_endpoint_that_keeps_failing_is_left_in_peace_for_a_while(mail: Mail, endpoint: Endpoint) -> None:
    topic, _ = pushed(mail, endpoint)
    endpoint.statuses = [500] * 5
    mail.publish(topic, b"1")
    times = [push.at for push in endpoint.wait_for(6)]
    assert times[4] - times[3] >= 0.1
    assert times[5] - times[4] >= 0.2


def test_the_delivery_attempt_is_in_the_envelope_and_the_dead_letter_is_pushed_too(
    mail: Mail, endpoint: Endpoint
) -> None:
    letters, letter_subscription = mail.pair()
    backoff = {"minimum_backoff": {"nanos": 1_000_000}, "maximum_backoff": {"nanos": 1_000_000}}
    policy = {"dead_letter_topic": letters, "max_delivery_attempts": 5}
    topic, _ = pushed(mail, endpoint, dead_letter_policy=policy, retry_policy=backoff)
    endpoint.statuses = [500] * 10
    mail.publish(topic, b"poison")
    assert mail.pull(letter_subscription)[0].message.data == b"poison"
    assert [push.envelope["deliveryAttempt"] for push in endpoint.wait_for(5)] == [1, 2, 3, 4, 5]


def test_nobody_listening_is_a_failed_push(mail: Mail, endpoint: Endpoint) -> None:
    topic = mail.topic()
    subscription = mail.subscription(
        topic,
        push_config={"push_endpoint": "http://127.0.0.1:9/"},
        retry_policy={"minimum_backoff": {"nanos": 10_000_000}, "maximum_backoff": {"nanos": 10_000_000}},
    )
    mail.publish(topic, b"1")
    mail.subscriber.modify_push_config(
        request={"subscription": subscription, "push_config": {"push_endpoint": endpoint.url}}
    )
    assert len(endpoint.wait_for(1)) == 1


def test_ordered_messages_are_pushed_one_at_a_time(mail: Mail, endpoint: Endpoint) -> None:
    topic, _ = pushed(mail, endpoint, enable_message_ordering=True)
    endpoint.statuses = [204, 500, 204]
    ids = mail.publish(topic, b"1", b"2", b"3", ordering_key="k")
    assert [push.message_id for push in endpoint.wait_for(4)] == [ids[0], ids[1], ids[1], ids[2]]
    assert endpoint.pushes[0].envelope["message"]["orderingKey"] == "k"


def test_a_key_that_is_stuck_does_not_hold_up_a_long_backlog_of_others(mail: Mail, endpoint: Endpoint) -> None:
    backoff = {"minimum_backoff": {"seconds": 600}, "maximum_backoff": {"seconds": 600}}
    topic, _ = pushed(mail, endpoint, enable_message_ordering=True, retry_policy=backoff)
    endpoint.statuses = [500]
    [stuck] = mail.publish(topic, b"x", ordering_key="stuck")
    for _ in range(4):
        mail.publish(topic, *[b"x"] * 1000, ordering_key="stuck")
    free = mail.publish(topic, b"1", b"2", ordering_key="free")
    assert [push.message_id for push in endpoint.wait_for(3)] == [stuck, *free]


def test_no_more_pushes_are_out_than_the_window_allows(
    own_mail: Callable[..., Mail], endpoint: Endpoint, loop: Loop
) -> None:
    mail = own_mail(max_outstanding_pushes=3)
    endpoint.gate = asyncio.Event()
    topic, _ = pushed(mail, endpoint)
    mail.publish(topic, *[b"%d" % number for number in range(10)])
    endpoint.wait_for(3)
    time.sleep(0.1)
    assert len(endpoint.pushes) == 3
    loop.call(endpoint.gate.set)
    assert len({push.message_id for push in endpoint.wait_for(10)}) == 10


def test_a_thousand_messages_are_pushed_at_once(mail: Mail, endpoint: Endpoint, loop: Loop) -> None:
    endpoint.gate = asyncio.Event()
    topic, _ = pushed(mail, endpoint)
    mail.publish(topic, *[b"x"] * 1000)
    assert len({push.message_id for push in endpoint.wait_for(1000)}) == 1000
    loop.call(endpoint.gate.set)


def test_without_a_wrapper_the_body_is_the_data(mail: Mail, endpoint: Endpoint) -> None:
    topic = mail.topic()
    config = {"push_endpoint": endpoint.url, "no_wrapper": {"write_metadata": True}}
    subscription = mail.subscription(topic, push_config=config)
    [message_id] = mail.publish(topic, b"\x00raw", attributes={"colour": "red"})
    [push] = endpoint.wait_for(1)
    assert push.body == b"\x00raw"
    assert push.headers["x-goog-pubsub-message-id"] == message_id
    assert push.headers["x-goog-pubsub-subscription-name"] == subscription
    assert push.headers["colour"] == "red"


def test_an_oidc_token_may_be_configured(mail: Mail, endpoint: Endpoint) -> None:
    topic = mail.topic()
    token = {"service_account_email": "me@test.iam.gserviceaccount.com", "audience": "here"}
    name = mail.subscription(topic, push_config={"push_endpoint": endpoint.url, "oidc_token": token})
    assert mail.subscriber.get_subscription(subscription=name).push_config.oidc_token.audience == "here"
    mail.publish(topic, b"x")
    assert len(endpoint.wait_for(1)) == 1


def test_a_pull_subscription_can_become_push_and_pull_again(mail: Mail, endpoint: Endpoint) -> None:
    topic, subscription = mail.pair()
    [waiting] = mail.publish(topic, b"waiting")
    push_config = {"push_endpoint": endpoint.url}
    mail.subscriber.modify_push_config(request={"subscription": subscription, "push_config": push_config})
    assert [push.message_id for push in endpoint.wait_for(1)] == [waiting]
    with pytest.raises(exceptions.FailedPrecondition):
        mail.pull(subscription)
    mail.subscriber.modify_push_config(request={"subscription": subscription, "push_config": {}})
    mail.publish(topic, b"pulled")
    assert mail.pull(subscription)[0].message.data == b"pulled"
    assert len(endpoint.pushes) == 1


def test_the_endpoint_can_be_changed_by_update(mail: Mail, endpoint: Endpoint) -> None:
    topic, subscription = mail.pair()
    updated = mail.subscriber.update_subscription(
        subscription={"name": subscription, "topic": topic, "push_config": {"push_endpoint": endpoint.url}},
        update_mask=FieldMask(paths=["push_config.push_endpoint"]),
    )
    assert updated.push_config.push_endpoint == endpoint.url
    mail.publish(topic, b"x")
    assert len(endpoint.wait_for(1)) == 1


def test_a_filter_also_holds_for_pushes(mail: Mail, endpoint: Endpoint) -> None:
    topic, _ = pushed(mail, endpoint, filter="attributes:wanted")
    mail.publish(topic, b"no")
    [wanted] = mail.publish(topic, b"yes", attributes={"wanted": ""})
    assert [push.message_id for push in endpoint.wait_for(1)] == [wanted]


def test_a_transport_of_ones_own_takes_the_pushes(own_mail: Callable[..., Mail], endpoint: Endpoint) -> None:
    calls: list[tuple[str, float]] = []
    answers: list[int | OSError] = [TimeoutError("too slow"), ConnectionResetError("gone"), 503, 204]

    async def transport(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
        calls.append((url, timeout))
        answer = answers[len(calls) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer

    mail = own_mail(push=transport)
    topic = mail.topic()
    mail.subscription(topic, push_config={"push_endpoint": "http://inside/"}, ack_deadline_seconds=33)
    mail.publish(topic, b"x")
    acknowledged(mail)
    assert calls == [("http://inside/", 33.0)] * 4


def acknowledged(mail: Mail, count: int = 1) -> None:
    """Wait until so many messages were acknowledged on a server of the test's own."""
    give_up_at = time.monotonic() + 20
    while mail.server.counters.snapshot().get("pubsub.acked", 0) < count:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_an_endpoint_that_does_not_answer_in_time_has_failed(endpoint: Endpoint, loop: Loop) -> None:
    endpoint.gate = asyncio.Event()
    transport = HttpTransport()

    async def post() -> int:
        try:
            return await transport(endpoint.url, b"{}", {}, 0.1)
        finally:
            await transport.close()

    with pytest.raises(TimeoutError):
        loop.run(post())
    loop.call(endpoint.gate.set)
