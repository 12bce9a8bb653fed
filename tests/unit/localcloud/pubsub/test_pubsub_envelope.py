"""The push request, byte for byte."""

import json

from localcloud.pubsub.deadletters import dead_letter
from localcloud.pubsub.envelope import seal
from localcloud.pubsub.wire import Pb, PubsubMessage, PushConfig

SUBSCRIPTION = "projects/p/subscriptions/sub"
PLAIN = PushConfig(push_endpoint="http://here/")


def message(**fields: object) -> Pb:
    made = PubsubMessage(message_id="17", **fields)
    made.publish_time.FromJsonString("2026-03-01T10:20:30.456Z")
    return made


def body(sealed_message: Pb, *, attempt: int = 0) -> object:
    return json.loads(seal(sealed_message, subscription=SUBSCRIPTION, push_config=PLAIN, attempt=attempt).body)


def test_the_envelope_is_the_one_that_google_sends() -> None:
    sealed = body(message(data=b"hello \xff", attributes={"b": "2", "a": "1"}, ordering_key="key"), attempt=3)
    assert sealed == {
        "deliveryAttempt": 3,
        "message": {
            "attributes": {"a": "1", "b": "2"},
            "data": "aGVsbG8g/w==",
            "messageId": "17",
            "message_id": "17",
            "orderingKey": "key",
            "publishTime": "2026-03-01T10:20:30.456Z",
            "publish_time": "2026-03-01T10:20:30.456Z",
        },
        "subscription": SUBSCRIPTION,
    }


def test_what_a_message_does_not_have_is_left_out() -> None:
    assert body(message(data=b"x")) == {
        "message": {
            "data": "eA==",
            "messageId": "17",
            "message_id": "17",
            "publishTime": "2026-03-01T10:20:30.456Z",
            "publish_time": "2026-03-01T10:20:30.456Z",
        },
        "subscription": SUBSCRIPTION,
    }


def test_without_a_wrapper_the_body_is_the_data() -> None:
    config = PushConfig(no_wrapper=PushConfig.NoWrapper(write_metadata=False))
    sealed = seal(message(data=b"raw", attributes={"a": "1"}), subscription=SUBSCRIPTION, push_config=config, attempt=0)
    assert sealed.body == b"raw"
    assert not any(name == "a" or name.startswith("x-goog") for name in sealed.headers)


def test_without_a_wrapper_metadata_goes_into_headers_when_asked_for() -> None:
    config = PushConfig(no_wrapper=PushConfig.NoWrapper(write_metadata=True))
    raw = message(data=b"raw", attributes={"a": "1"}, ordering_key="key")
    headers = seal(raw, subscription=SUBSCRIPTION, push_config=config, attempt=2).headers
    assert headers["a"] == "1"
    assert headers["x-goog-pubsub-subscription-name"] == SUBSCRIPTION
    assert headers["x-goog-pubsub-message-id"] == "17"
    assert headers["x-goog-pubsub-publish-time"] == "2026-03-01T10:20:30.456Z"
    assert headers["x-goog-pubsub-ordering-key"] == "key"
    assert headers["x-goog-pubsub-delivery-attempt"] == "2"


def test_a_dead_letter_says_where_it_comes_from_and_keeps_what_it_had() -> None:
    original = message(data=b"x", attributes={"mine": "1"}, ordering_key="key")
    letter = dead_letter(original, subscription=SUBSCRIPTION, attempts=5)
    assert letter.data == b"x"
    assert letter.ordering_key == "key"
    assert dict(letter.attributes) == {
        "mine": "1",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "sub",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-03-01T10:20:30.456+00:00",
    }
