"""Topics, subscriptions and snapshots come, change and go as Google's do."""

from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.services.schema_service import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from pubsub_actors import PROJECT, Mail, data_of


def test_a_topic_can_be_made_read_and_deleted(mail: Mail) -> None:
    topic = mail.topic(labels={"team": "a"})
    assert mail.publisher.get_topic(topic=topic).labels == {"team": "a"}
    mail.publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        mail.publisher.get_topic(topic=topic)


def test_a_name_can_be_taken_once(mail: Mail) -> None:
    topic, subscription = mail.pair()
    with pytest.raises(exceptions.AlreadyExists):
        mail.publisher.create_topic(name=topic)
    with pytest.raises(exceptions.AlreadyExists):
        mail.subscriber.create_subscription(name=subscription, topic=topic)


@pytest.mark.parametrize(
    "name", ["topic", "projects/p/topics/ab", "projects/p/topics/1abc", "projects/p/topics/googly"]
)
def test_a_malformed_topic_name_is_refused(mail: Mail, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        mail.publisher.create_topic(name=name)


def test_lists_come_in_pages(mail: Mail) -> None:
    topic = mail.topic()
    made = sorted(mail.subscription(topic) for _ in range(5))
    listed = mail.publisher.list_topic_subscriptions(request={"topic": topic, "page_size": 2})
    assert [len(page.subscriptions) for page in listed.pages] == [2, 2, 1]
    assert list(mail.publisher.list_topic_subscriptions(topic=topic)) == made
    everything = [one.name for one in mail.subscriber.list_subscriptions(request={"project": PROJECT, "page_size": 3})]
    assert set(made) <= set(everything)
    assert topic in [one.name for one in mail.publisher.list_topics(project=PROJECT)]
    assert list(mail.publisher.list_topics(project="projects/nobody")) == []


def test_a_subscription_gets_the_defaults_of_google(mail: Mail) -> None:
    topic, name = mail.pair()
    subscription = mail.subscriber.get_subscription(subscription=name)
    assert subscription.topic == topic
    assert subscription.ack_deadline_seconds == 10
    assert subscription.message_retention_duration == timedelta(days=7)
    assert subscription.expiration_policy.ttl == timedelta(days=31)
    assert subscription.state.name == "ACTIVE"


def test_a_subscription_needs_its_topic(mail: Mail) -> None:
    with pytest.raises(exceptions.NotFound):
        mail.subscription(f"{PROJECT}/topics/nowhere")


@pytest.mark.parametrize(
    "settings",
    [
        {"ack_deadline_seconds": 5},
        {"ack_deadline_seconds": 601},
        {"message_retention_duration": {"seconds": 10}},
        {"retry_policy": {"minimum_backoff": {"seconds": 20}, "maximum_backoff": {"seconds": 10}}},
        {"retry_policy": {"maximum_backoff": {"seconds": 601}}},
        {"filter": "nonsense"},
        {"push_config": {"push_endpoint": "somewhere"}},
        {"dead_letter_policy": {"dead_letter_topic": f"{PROJECT}/topics/letters", "max_delivery_attempts": 4}},
    ],
)
def test_settings_out_of_range_are_refused(mail: Mail, settings: dict[str, object]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        mail.pair(**settings)


def test_an_update_changes_what_its_mask_names_and_nothing_else(mail: Mail) -> None:
    topic, name = mail.pair(labels={"a": "1"})
    updated = mail.subscriber.update_subscription(
        subscription={"name": name, "topic": topic, "ack_deadline_seconds": 60, "labels": {"b": "2"}},
        update_mask=FieldMask(paths=["ack_deadline_seconds"]),
    )
    assert updated.ack_deadline_seconds == 60
    assert updated.labels == {"a": "1"}
    replaced = mail.subscriber.update_subscription(
        subscription={"name": name, "topic": topic, "labels": {"b": "2"}}, update_mask=FieldMask(paths=["labels"])
    )
    assert replaced.labels == {"b": "2"}
    assert mail.subscriber.get_subscription(subscription=name) == replaced


def test_an_update_can_take_a_policy_away(mail: Mail) -> None:
    topic, name = mail.pair(retry_policy={"minimum_backoff": {"seconds": 1}})
    updated = mail.subscriber.update_subscription(
        subscription={"name": name, "topic": topic}, update_mask=FieldMask(paths=["retry_policy"])
    )
    assert not updated._pb.HasField("retry_policy")


@pytest.mark.parametrize("path", ["topic", "filter", "enable_message_ordering", "nonsense"])
def test_an_update_of_what_is_fixed_or_unknown_is_refused(mail: Mail, path: str) -> None:
    topic, name = mail.pair()
    with pytest.raises(exceptions.InvalidArgument):
        mail.subscriber.update_subscription(
            subscription={"name": name, "topic": topic}, update_mask=FieldMask(paths=[path])
        )


def test_a_topic_can_be_updated(mail: Mail) -> None:
    topic = mail.topic()
    wanted = {"name": topic, "labels": {"a": "1"}, "message_retention_duration": {"seconds": 3600}}
    mask = FieldMask(paths=["labels", "message_retention_duration"])
    mail.publisher.update_topic(topic=wanted, update_mask=mask)
    got = mail.publisher.get_topic(topic=topic)
    assert (got.labels, got.message_retention_duration) == ({"a": "1"}, timedelta(hours=1))


def test_subscriptions_of_a_deleted_topic_keep_their_messages(mail: Mail) -> None:
    topic, name = mail.pair()
    mail.publish(topic, b"left over")
    mail.publisher.delete_topic(topic=topic)
    assert mail.subscriber.get_subscription(subscription=name).topic == "_deleted-topic_"
    assert data_of(mail.pull(name)) == [b"left over"]
    mail.publisher.create_topic(name=topic)
    mail.publish(topic, b"of a new topic")
    assert mail.peek(name) == []


def test_a_detached_subscription_gives_nothing_any_more(mail: Mail) -> None:
    topic, name = mail.pair()
    mail.publish(topic, b"x")
    mail.publisher.detach_subscription(request={"subscription": name})
    assert mail.subscriber.get_subscription(subscription=name).detached
    assert list(mail.publisher.list_topic_subscriptions(topic=topic)) == []
    with pytest.raises(exceptions.FailedPrecondition):
        mail.pull(name)
    mail.publish(topic, b"to nobody")


def test_a_deleted_subscription_is_gone(mail: Mail) -> None:
    topic, name = mail.pair()
    mail.subscriber.delete_subscription(subscription=name)
    for call in (mail.subscriber.get_subscription, mail.subscriber.delete_subscription):
        with pytest.raises(exceptions.NotFound):
            call(subscription=name)
    mail.publish(topic, b"to nobody")


def test_a_snapshot_can_be_made_read_listed_updated_and_deleted(mail: Mail) -> None:
    topic, subscription = mail.pair()
    name = mail.name("snapshots")
    mail.subscriber.create_snapshot(request={"name": name, "subscription": subscription, "labels": {"a": "1"}})
    assert list(mail.publisher.plain.list_topic_snapshots(topic=topic)) == [name]
    assert name in [one.name for one in mail.subscriber.list_snapshots(project=PROJECT)]
    changed = mail.subscriber.update_snapshot(
        request={"snapshot": {"name": name, "labels": {"b": "2"}}, "update_mask": FieldMask(paths=["labels"])}
    )
    assert changed == mail.subscriber.get_snapshot(snapshot=name)
    assert (changed.topic, changed.labels) == (topic, {"b": "2"})
    mail.subscriber.delete_snapshot(snapshot=name)
    with pytest.raises(exceptions.NotFound):
        mail.subscriber.get_snapshot(snapshot=name)


def test_what_the_local_cloud_does_not_have_is_refused(mail: Mail) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="bigquery_config"):
        mail.pair(bigquery_config={"table": "p.d.t"})
    with pytest.raises(exceptions.MethodNotImplemented, match="schema_settings"):
        mail.topic(schema_settings={"schema": "projects/p/schemas/s"})


def test_a_subscription_may_say_how_long_it_lives_and_keeps(mail: Mail) -> None:
    _, name = mail.pair(
        expiration_policy={"ttl": {"seconds": 86400 * 90}},
        message_retention_duration={"seconds": 86400},
        retain_acked_messages=True,
    )
    subscription = mail.subscriber.get_subscription(subscription=name)
    assert subscription.expiration_policy.ttl == timedelta(days=90)
    assert subscription.message_retention_duration == timedelta(days=1)


def test_schemas_are_not_implemented(mail: Mail) -> None:
    transport = SchemaServiceGrpcTransport(channel=mail.server.channel())
    with SchemaServiceClient(transport=transport) as schemas, pytest.raises(exceptions.MethodNotImplemented):
        schemas.list_schemas(parent=PROJECT)
