"""The HTTP request that delivers a message to a push endpoint."""

import json
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.pubsub.wire import Pb

ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})
"""The HTTP status codes that acknowledge: https://cloud.google.com/pubsub/docs/push#receive_push"""

_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "CloudPubSub-Google",
    "Accept": "application/json",
    "From": "noreply@google.com",
}
_BARE_HEADERS = {"User-Agent": "CloudPubSub-Google", "From": "noreply@google.com"}
_TO_JSON = json.JSONEncoder(separators=(",", ":")).encode
_METADATA = "x-goog-pubsub-"


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Body and headers of one push."""

    body: bytes
    headers: Mapping[str, str]


def seal(message: Pb, *, subscription: str, push_config: Pb, attempt: int) -> Envelope:
    """The request for one delivery; `attempt` 0 is not shown."""
    if push_config.HasField("no_wrapper"):
        headers = _bare_headers(message, subscription, attempt) if push_config.no_wrapper.write_metadata else {}
        return Envelope(body=message.data, headers=_BARE_HEADERS | headers)
    return Envelope(body=_wrapped(message, subscription, attempt), headers=_HEADERS)


def publish_time(message: Pb) -> str:
    """RFC 3339 in UTC to the millisecond, as Google writes it into pushes."""
    stamp: str = message.publish_time.ToJsonString()
    return stamp


def _wrapped(message: Pb, subscription: str, attempt: int) -> bytes:
    time = publish_time(message)
    inner: dict[str, object] = {"messageId": message.message_id, "message_id": message.message_id}
    if message.attributes:
        inner["attributes"] = dict(message.attributes)
    if message.data:
        inner["data"] = b2a_base64(message.data, newline=False).decode()
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    inner["publishTime"] = inner["publish_time"] = time
    outer: dict[str, object] = {"message": inner, "subscription": subscription}
    if attempt:
        outer["deliveryAttempt"] = attempt
    return _TO_JSON(outer).encode()


def _bare_headers(message: Pb, subscription: str, attempt: int) -> dict[str, str]:
    headers = dict(message.attributes)
    headers[_METADATA + "subscription-name"] = subscription
    headers[_METADATA + "message-id"] = message.message_id
    headers[_METADATA + "publish-time"] = publish_time(message)
    if message.ordering_key:
        headers[_METADATA + "ordering-key"] = message.ordering_key
    if attempt:
        headers[_METADATA + "delivery-attempt"] = str(attempt)
    return headers
