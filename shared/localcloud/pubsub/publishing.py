"""The limits of a publish: https://cloud.google.com/pubsub/quotas#resource_limits"""

from collections.abc import Sequence

from localcloud.pubsub.errors import InvalidArgumentError
from localcloud.pubsub.wire import Pb

MAX_REQUEST_BYTES = 10_000_000
MAX_MESSAGES = 1000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024


def check_request(request: Pb) -> None:
    """Raise InvalidArgumentError if a publish request as a whole is too large."""
    if request.ByteSize() > MAX_REQUEST_BYTES:
        raise InvalidArgumentError(
            f"Request payload size exceeds the limit: {MAX_REQUEST_BYTES} bytes, got {request.ByteSize()} bytes."
        )


def check_messages(messages: Sequence[Pb]) -> None:
    """Raise InvalidArgumentError unless these may be published together."""
    if not messages:
        raise InvalidArgumentError("The value for message_count is too small. You must pass at least 1 message.")
    if len(messages) > MAX_MESSAGES:
        raise InvalidArgumentError(
            f"The value for message_count is too large. You passed {len(messages)} in the request, "
            f"but the maximum value is {MAX_MESSAGES}."
        )
    for message in messages:
        _check_message(message)


def _check_message(message: Pb) -> None:
    if not message.data and not message.attributes:
        raise InvalidArgumentError(
            "Some messages in the batch failed validation: "
            "a message must contain either non-empty data or at least one attribute."
        )
    if len(message.ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
        raise InvalidArgumentError(f"An ordering key is longer than {MAX_ORDERING_KEY_BYTES} bytes.")
    if message.attributes:
        _check_attributes(message.attributes)


def _check_attributes(attributes: Pb) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidArgumentError(f"A message has {len(attributes)} attributes; the maximum is {MAX_ATTRIBUTES}.")
    for key, value in attributes.items():
        if not key or len(key.encode()) > MAX_ATTRIBUTE_KEY_BYTES or key.startswith("goog"):
            raise InvalidArgumentError(
                f"Invalid attribute key {key!r}: "
                f"it must have 1 to {MAX_ATTRIBUTE_KEY_BYTES} bytes and not begin with goog."
            )
        if len(value.encode()) > MAX_ATTRIBUTE_VALUE_BYTES:
            raise InvalidArgumentError(
                f"The value of attribute {key!r} is longer than {MAX_ATTRIBUTE_VALUE_BYTES} bytes."
            )
