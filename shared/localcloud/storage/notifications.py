"""Object notifications: which change is told to which topic, and in what words."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

TOPIC_PREFIX = "//pubsub.googleapis.com/"


class EventType(StrEnum):
    """The kinds of change, as Cloud Storage names them."""

    FINALIZE = "OBJECT_FINALIZE"
    """New content: an object was created or overwritten."""
    DELETE = "OBJECT_DELETE"
    """An object was deleted, or its content replaced."""
    METADATA_UPDATE = "OBJECT_METADATA_UPDATE"


@dataclass(frozen=True, kw_only=True)
class BucketNotification:
    """A notification configuration to have from the start."""

    bucket: str
    topic: str
    """`projects/P/topics/T`."""
    event_types: tuple[EventType, ...] = ()
    """Empty: all."""
    object_name_prefix: str = ""
    custom_attributes: Mapping[str, str] = field(default_factory=dict)
    payload_format: str = "JSON_API_V1"

    def as_resource(self) -> dict[str, Any]:
        """The body of the request that would create it."""
        resource: dict[str, Any] = {"topic": TOPIC_PREFIX + self.topic, "payload_format": self.payload_format}
        if self.event_types:
            resource["event_types"] = [kind.value for kind in self.event_types]
        if self.object_name_prefix:
            resource["object_name_prefix"] = self.object_name_prefix
        if self.custom_attributes:
            resource["custom_attributes"] = dict(self.custom_attributes)
        return resource


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of one object; `resource` is its metadata, for a deletion the last."""

    kind: EventType
    resource: Mapping[str, Any]
    overwrote: str | None = None
    """The generation that this one replaced."""
    overwritten_by: str | None = None
    """The generation that replaced this one."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A message to publish."""

    topic: str
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str = ""


def notices(change: Change, configurations: Iterable[Mapping[str, Any]]) -> list[Notice]:
    """What to publish about a change, given its bucket's notification configurations."""
    return [_notice(change, each) for each in configurations if _concerns(change, each)]


def _concerns(change: Change, configuration: Mapping[str, Any]) -> bool:
    wanted = configuration.get("event_types")
    if wanted and change.kind.value not in wanted:
        return False
    return str(change.resource["name"]).startswith(configuration.get("object_name_prefix") or "")


def _notice(change: Change, configuration: Mapping[str, Any]) -> Notice:
    resource = change.resource
    payload_format = configuration.get("payload_format", "JSON_API_V1")
    attributes = {
        **(configuration.get("custom_attributes") or {}),
        "notificationConfig": f"projects/_/buckets/{resource['bucket']}/notificationConfigs/{configuration['id']}",
        "eventType": change.kind.value,
        "payloadFormat": payload_format,
        "bucketId": resource["bucket"],
        "objectId": resource["name"],
        "objectGeneration": resource["generation"],
        "eventTime": _event_time(change),
    }
    if change.overwrote is not None:
        attributes["overwroteGeneration"] = change.overwrote
    if change.overwritten_by is not None:
        attributes["overwrittenByGeneration"] = change.overwritten_by
    data = json.dumps(resource).encode() if payload_format == "JSON_API_V1" else b""
    topic = str(configuration["topic"]).removeprefix(TOPIC_PREFIX)
    return Notice(topic=topic, data=data, attributes=attributes)


def _event_time(change: Change) -> str:
    if change.kind is EventType.DELETE:
        return datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return str(change.resource["updated"])
