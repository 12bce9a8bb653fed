"""Pub/Sub's hook, operators and sensor against an emulator."""

import base64
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sailplane import (
    DAG,
    PubSubCreateSubscriptionOperator,
    PubSubCreateTopicOperator,
    PubSubDeleteSubscriptionOperator,
    PubSubDeleteTopicOperator,
    PubSubHook,
    PubSubPublishMessageOperator,
    PubSubPullOperator,
    PubSubPullSensor,
)
from sailplane.authoring.exceptions import TaskDeferred
from sailplane.hooks.pubsub import PubSubException

NAMES: dict[str, str] = {"project_id": "gliders", "topic": f"lift-{uuid.uuid4().hex[:8]}"}


@pytest.fixture(autouse=True)
def subscription(emulators: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulators["PUBSUB_EMULATOR_HOST"])
    run(PubSubCreateTopicOperator, **NAMES)
    name: str = run(PubSubCreateSubscriptionOperator, **NAMES)
    yield name
    hook = PubSubHook()
    hook.delete_subscription(name, "gliders")
    hook.delete_topic(NAMES["topic"], "gliders")
    hook.publisher_client.transport.close()
    hook.subscriber_client.close()


def make(kind: Any, **arguments: Any) -> Any:
    with DAG("x"):
        return kind(task_id="t", **arguments)


def run(kind: Any, **arguments: Any) -> Any:
    return make(kind, **arguments).execute({"ds": "2024-05-01"})


def publish(*texts: str, **attributes: str) -> None:
    messages = [{"data": text.encode(), **({"attributes": attributes} if attributes else {})} for text in texts]
    run(PubSubPublishMessageOperator, **NAMES, messages=messages)


def pull(subscription: str, **arguments: Any) -> Any:
    return run(PubSubPullOperator, project_id="gliders", subscription=subscription, **arguments)


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return sorted(base64.b64decode(each["message"]["data"]).decode() for each in messages)


def test_messages_are_published_and_pulled_and_acknowledged(subscription: str) -> None:
    publish("far", "high", colour="blue")
    found = pull(subscription, ack_messages=True)
    assert texts(found) == ["far", "high"]
    assert found[0]["message"]["attributes"] == {"colour": "blue"}
    assert pull(subscription, return_immediately=True) == []


def test_a_callback_gets_messages_and_context(subscription: str) -> None:
    publish("far")

    def first(messages: list[Any], context: Mapping[str, Any]) -> str:
        return f"{messages[0].message.data.decode()} on {context['ds']}"

    assert pull(subscription, messages_callback=first) == "far on 2024-05-01"


def test_many_messages_keep_their_order_and_go_in_several_requests(subscription: str) -> None:
    hook = PubSubHook()
    heavy = b"x" * 4_000_000
    ids = hook.publish(NAMES["topic"], [{"data": heavy} for _ in range(5)], "gliders")
    assert len(set(ids)) == 5
    assert len(hook.publish(NAMES["topic"], ({"data": b"%d" % n} for n in range(1001)), "gliders")) == 1001
    hook.publisher_client.transport.close()


def test_an_ordering_key_is_the_messages_own(subscription: str) -> None:
    publish("far", ordering_key="k", colour="blue")
    (found,) = pull(subscription)
    assert (found["message"]["ordering_key"], found["message"]["attributes"]) == ("k", {"colour": "blue"})


def test_a_sensor_waits_for_messages(subscription: str) -> None:
    sensor = make(
        PubSubPullSensor,
        project_id="gliders",
        subscription=subscription,
        ack_messages=True,
        return_immediately=True,
        messages_callback=lambda messages, context: [each.message.data for each in messages],
    )
    assert not sensor.poke({})
    publish("far")
    found = sensor.poke({})
    assert (bool(found), found.xcom_value) == (True, [b"far"])
    assert not sensor.poke({})


def test_a_deferred_sensor_acknowledges_when_its_callback_has_succeeded(subscription: str) -> None:
    import asyncio

    results: list[Any] = [ValueError("not now")]

    def handle(messages: list[Any], context: Mapping[str, Any]) -> Any:
        if results:
            raise results.pop()
        return len(messages)

    sensor = make(
        PubSubPullSensor,
        project_id="gliders",
        subscription=subscription,
        ack_messages=True,
        messages_callback=handle,
        deferrable=True,
    )
    publish("far")
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    trigger = deferred.value.trigger
    again = type(trigger)(**trigger.serialize()[1])

    async def first() -> Any:
        async for event in again.run():
            return event.payload
        raise AssertionError("the trigger fired nothing")

    event = asyncio.run(first())
    with pytest.raises(ValueError, match="not now"):
        sensor.execute_complete({}, event)
    assert sensor.execute_complete({}, event) == 1
    assert pull(subscription, return_immediately=True) == []


def test_a_deferred_pull_takes_what_its_trigger_has_found(subscription: str) -> None:
    pulling = make(
        PubSubPullOperator, project_id="gliders", subscription=subscription, ack_messages=True, deferrable=True
    )
    with pytest.raises(TaskDeferred):
        pulling.execute({})
    publish("far")
    found = pull(subscription)
    assert texts(pulling.execute_complete({}, {"status": "success", "message": found})) == ["far"]
    assert pull(subscription, return_immediately=True) == []


def test_what_is_there_already_or_not_there_is_passed_over_unless_told_otherwise(subscription: str) -> None:
    run(PubSubCreateTopicOperator, **NAMES, timeout=20)
    run(PubSubCreateSubscriptionOperator, **NAMES, subscription=subscription)
    run(PubSubDeleteTopicOperator, project_id="gliders", topic="gone")
    run(PubSubDeleteSubscriptionOperator, project_id="gliders", subscription="gone")
    with pytest.raises(
        PubSubException, match=rf"the topic projects/gliders/topics/{NAMES['topic']} could not be created"
    ):
        run(PubSubCreateTopicOperator, **NAMES, fail_if_exists=True)
    with pytest.raises(
        PubSubException, match="the subscription projects/gliders/subscriptions/gone could not be deleted"
    ):
        run(PubSubDeleteSubscriptionOperator, project_id="gliders", subscription="gone", fail_if_not_exists=True)
    with pytest.raises(PubSubException, match="messages could not be published to projects/gliders/topics/gone"):
        run(PubSubPublishMessageOperator, project_id="gliders", topic="gone", messages=[{"data": b"x"}])


MISTAKES: list[tuple[Any, str]] = [
    ("far", "a message must be a dict, not str"),
    ({"data": "far"}, "the data of a message must be bytes, not str: encode it"),
    ({"attributes": ["x"]}, "the attributes of a message must be a dict of texts, not list"),
    ({}, "a message must have data or attributes, and this one has neither"),
]


@pytest.mark.parametrize(("message", "told"), MISTAKES, ids=[told[:30] for _, told in MISTAKES])
def test_what_is_no_message_is_refused(message: Any, told: str) -> None:
    with pytest.raises(PubSubException, match=told):
        PubSubHook().publish(NAMES["topic"], [message], "gliders")


def test_acknowledging_takes_ids_or_messages(subscription: str) -> None:
    with pytest.raises(ValueError, match="acknowledge takes ack_ids or messages: one, and not both"):
        PubSubHook().acknowledge(subscription, "gliders")
