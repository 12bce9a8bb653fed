"""Firestore's values and documents, as raw protobuf messages: writing and reading fields costs microseconds."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from sailplane.cloud.message_types import FIRESTORE, types_of
from sailplane.model.errors import CorruptRecord
from sailplane.model.runs import Token

_document = types_of(FIRESTORE, "document")
Document = _document.Document.pb()
Value = _document.Value.pb()
Fields = Any
"""A protobuf map of field name to Value."""
T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def put_text(fields: Fields, name: str, value: str | None) -> None:
    """Set a string; an empty one or None is left out."""
    if value:
        fields[name].string_value = value


def put_whole(fields: Fields, name: str, value: int) -> None:
    """Set an integer; 0 is left out."""
    if value:
        fields[name].integer_value = value


def put_json(fields: Fields, name: str, value: object | None) -> None:
    """Set a record as JSON; None is left out."""
    if value is not None:
        fields[name].string_value = msgspec.json.encode(value).decode()


def put_number(fields: Fields, name: str, value: float) -> None:
    """Set a float; 0 is left out."""
    if value:
        fields[name].double_value = value


def put_flag(fields: Fields, name: str, value: bool) -> None:
    """Set True; False is left out."""
    if value:
        fields[name].boolean_value = True


def put_instant(fields: Fields, name: str, value: datetime | None) -> None:
    """Set an instant, to the microsecond; None is left out."""
    if value is not None:
        put_moment(fields[name], value)


def put_moment(target: Any, value: datetime) -> None:
    """Make of the Firestore value `target` an instant, to the microsecond."""
    since = value - _EPOCH
    stamp = target.timestamp_value
    stamp.seconds = since.days * 86400 + since.seconds
    stamp.nanos = since.microseconds * 1000


def put_texts(fields: Fields, name: str, values: Sequence[str]) -> None:
    """Set an array of strings; an empty one is left out."""
    if values:
        array = fields[name].array_value.values
        for value in values:
            array.add().string_value = value


def put_text_map(fields: Fields, name: str, values: Mapping[str, str]) -> None:
    """Set a map of strings; an empty one is left out."""
    if values:
        inner = fields[name].map_value.fields
        for key, value in values.items():
            inner[key].string_value = value


def text(fields: Fields, name: str, default: str = "") -> str:
    return str(fields[name].string_value) if name in fields else default


def optional_text(fields: Fields, name: str) -> str | None:
    return str(fields[name].string_value) if name in fields else None


def whole(fields: Fields, name: str, default: int = 0) -> int:
    return int(fields[name].integer_value) if name in fields else default


def number(fields: Fields, name: str) -> float:
    return float(fields[name].double_value) if name in fields else 0.0


def flag(fields: Fields, name: str) -> bool:
    return bool(fields[name].boolean_value) if name in fields else False


def instant(fields: Fields, name: str) -> datetime | None:
    if name not in fields:
        return None
    stamp = fields[name].timestamp_value
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def required_instant(fields: Fields, name: str) -> datetime:
    value = instant(fields, name)
    if value is None:
        raise CorruptRecord(f"a stored document lacks its field {name}")
    return value


def texts(fields: Fields, name: str) -> tuple[str, ...]:
    return tuple(value.string_value for value in fields[name].array_value.values) if name in fields else ()


def text_map(fields: Fields, name: str) -> dict[str, str]:
    if name not in fields:
        return {}
    return {key: value.string_value for key, value in fields[name].map_value.fields.items()}


def token_of(stamp: Any) -> Token:
    """The fencing token of an update time."""
    return f"{stamp.seconds}.{stamp.nanos:09d}"


def moment_of(stamp: Any) -> datetime:
    """The instant of a protobuf Timestamp, to the microsecond."""
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def put_token(stamp: Any, token: Token) -> None:
    """Write `token` into a protobuf Timestamp."""
    seconds, _, nanos = token.partition(".")
    stamp.seconds = int(seconds)
    stamp.nanos = int(nanos)


def json_field(fields: Fields, name: str, kind: type[T]) -> T | None:
    """A record that was stored as JSON; None when there is none."""
    return msgspec.json.decode(fields[name].string_value, type=kind) if name in fields else None
