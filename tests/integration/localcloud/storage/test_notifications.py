"""Object notifications, through Google's own clients."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import storage
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from localcloud import BucketNotification, EventType, LocalCloudConfig, LocalCloudThread

TOPIC = "projects/airport/topics/objects"
SUBSCRIPTION = "projects/airport/subscriptions/objects"


@pytest.fixture
def subscriber(cloud: LocalCloudThread) -> Iterator[SubscriberClient]:
    channel = grpc.insecure_channel(cloud.endpoints.pubsub)
    PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=TOPIC)
    client = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    client.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    yield client
    channel.close()


def pull(subscriber: SubscriberClient, wanted: int) -> list[Any]:
    messages: list[Any] = []
    deadline = time.monotonic() + 20
    while len(messages) < wanted and time.monotonic() < deadline:
        answer = subscriber.pull(subscription=SUBSCRIPTION, max_messages=100)
        messages += [received.message for received in answer.received_messages]
        subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[r.ack_id for r in answer.received_messages])
    return messages


def test_creating_overwriting_changing_and_deleting_are_told(
    bucket: storage.Bucket, subscriber: SubscriberClient
) -> None:
    bucket.notification(topic_name="objects", topic_project="airport", payload_format="JSON_API_V1").create()
    blob = bucket.blob("in/weather.csv")
    blob.upload_from_string(b"one", content_type="text/csv")
    first = str(blob.generation)
    blob.upload_from_string(b"second", content_type="text/csv")
    second = str(blob.generation)
    blob.metadata = {"checked": "yes"}
    blob.patch()
    blob.delete()
    messages = pull(subscriber, 5)
    assert [message.attributes["eventType"] for message in messages] == [
        "OBJECT_FINALIZE",
        "OBJECT_DELETE",
        "OBJECT_FINALIZE",
        "OBJECT_METADATA_UPDATE",
        "OBJECT_DELETE",
    ]
    created, replaced, overwrote = messages[:3]
    assert (
        dict(created.attributes).items()
        >= {
            "bucketId": "flights",
            "objectId": "in/weather.csv",
            "objectGeneration": first,
            "payloadFormat": "JSON_API_V1",
            "notificationConfig": "projects/_/buckets/flights/notificationConfigs/1",
        }.items()
    )
    assert created.attributes["eventTime"].endswith("Z")
    payload = json.loads(created.data)
    assert (payload["kind"], payload["name"], payload["size"]) == ("storage#object", "in/weather.csv", "3")
    assert replaced.attributes["overwrittenByGeneration"] == second
    assert overwrote.attributes["overwroteGeneration"] == first
    assert json.loads(messages[3].data)["metadata"] == {"checked": "yes"}


def test_only_what_was_asked_for_is_told(bucket: storage.Bucket, subscriber: SubscriberClient) -> None:
    bucket.notification(
        topic_name="objects",
        topic_project="airport",
        event_types=["OBJECT_FINALIZE"],
        blob_name_prefix="in/",
        custom_attributes={"team": "ops"},
        payload_format="NONE",
    ).create()
    for name in ("out/a", "in/b"):
        bucket.blob(name).upload_from_string(b"x")
        bucket.blob(name).delete()
    [message] = pull(subscriber, 1)
    assert (message.attributes["objectId"], message.attributes["team"], message.data) == ("in/b", "ops", b"")


def test_notifications_are_listed_found_and_deleted(bucket: storage.Bucket) -> None:
    made = bucket.notification(topic_name="objects", topic_project="airport", event_types=["OBJECT_DELETE"])
    made.create()
    [listed] = bucket.list_notifications()
    assert (listed.notification_id, listed.topic_name, listed.event_types) == ("1", "objects", ["OBJECT_DELETE"])
    assert bucket.get_notification("1").payload_format == made.payload_format
    made.delete()
    assert list(bucket.list_notifications()) == []
    assert not made.exists()


def test_a_write_stands_when_the_topic_of_its_notification_is_gone(bucket: storage.Bucket) -> None:
    bucket.notification(topic_name="nowhere", topic_project="airport").create()
    bucket.blob("a").upload_from_string(b"x")
    assert bucket.blob("a").exists()


def test_configured_notifications_are_made_once(tmp_path: Path) -> None:
    wanted = BucketNotification(bucket="flights", topic=TOPIC, event_types=(EventType.FINALIZE,))
    config = LocalCloudConfig(data_dir=tmp_path, notifications=(wanted,))
    for _ in range(2):
        with LocalCloudThread(config) as cloud:
            present = cloud.cloud.storage.notifications("flights")
            assert [each["event_types"] for each in present] == [["OBJECT_FINALIZE"]]
