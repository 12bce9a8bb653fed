"""What Pub/Sub pushes, and what it does not."""

from typing import Any

import pytest

from sailplane.engine.pushes import ObjectNotification, pushed_data, pushed_notification
from sailplane.model.errors import CorruptRecord


def test_the_data_of_a_push_is_its_message_in_base64() -> None:
    assert pushed_data({"message": {"data": "aGVsbG8=", "messageId": "1"}}) == b"hello"


@pytest.mark.parametrize(
    ("event_data", "reason"),
    [
        (None, "not what Pub/Sub pushes"),
        (b"raw", "not what Pub/Sub pushes"),
        ({"bucket": "b"}, "not what Pub/Sub pushes"),
        ({"message": "text"}, "not what Pub/Sub pushes"),
        ({"message": {"data": "?"}}, "is not base64"),
        ({"message": {"data": 7}}, "is not base64"),
    ],
)
def test_what_is_no_push_is_told_as_such(event_data: Any, reason: str) -> None:
    with pytest.raises(CorruptRecord, match=reason):
        pushed_data(event_data)


def test_a_notification_is_read_from_the_attributes() -> None:
    attributes = {"bucketId": "b", "objectId": "o/1", "eventType": "OBJECT_FINALIZE", "generation": "5"}
    found = pushed_notification({"message": {"attributes": attributes, "data": ""}})
    assert found == ObjectNotification(bucket="b", name="o/1", event_type="OBJECT_FINALIZE")


@pytest.mark.parametrize("message", [{}, {"attributes": None}, {"attributes": {"bucketId": "b"}}])
def test_a_message_that_is_no_notification_is_told_as_such(message: Any) -> None:
    with pytest.raises(CorruptRecord, match="no notification of Cloud Storage"):
        pushed_notification({"message": message})
