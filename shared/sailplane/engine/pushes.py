"""What Pub/Sub pushes, as functions-framework hands it on: the data of a CloudEvent of the type `messagePublished`."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from sailplane.model.errors import CorruptRecord


@dataclass(frozen=True, kw_only=True)
class ObjectNotification:
    """What a bucket says of one of its objects."""

    bucket: str
    name: str
    event_type: str


def pushed_data(event_data: Any) -> bytes:
    """The data of the pushed message. Raises `CorruptRecord` for anything else, which is answered with 500.

    Pub/Sub then brings it again and gives it to the dead letters in the end, where somebody may look at it.
    """
    data = _message(event_data).get("data", "")
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise CorruptRecord(f"the data of a pushed Pub/Sub message is not base64: {_shortened(data)}") from error


def pushed_notification(event_data: Any) -> ObjectNotification:
    """What the bucket tells in the attributes of the pushed message. Raises `CorruptRecord` for anything else."""
    attributes = _message(event_data).get("attributes", {})
    try:
        return ObjectNotification(
            bucket=attributes["bucketId"], name=attributes["objectId"], event_type=attributes["eventType"]
        )
    except (TypeError, KeyError) as error:
        raise CorruptRecord(
            "a pushed Pub/Sub message is no notification of Cloud Storage, which has the attributes bucketId, objectId "
            f"and eventType: its attributes are {_shortened(attributes)}"
        ) from error


def _message(event_data: Any) -> Any:
    message = event_data.get("message") if isinstance(event_data, dict) else None
    if not isinstance(message, dict):
        raise CorruptRecord(f"not what Pub/Sub pushes, which has a `message`: {_shortened(event_data)}")
    return message


def _shortened(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 100 else f"{text[:100]}..."
