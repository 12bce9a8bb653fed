"""XComs as text: JSON in which values that JSON lacks stand in typed envelopes.

Plain JSON values stay what they are, so anyone can read and show them. Anything else is an object with `__type__`,
the name of a codec below. Nothing is ever pickled, and reading a value imports only classes that are plain records:
dataclasses, enums, named tuples and pydantic models.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from sailplane.model.errors import CorruptRecord, XComNotSerializable
from sailplane.model.xcom_codecs import DECODERS, TYPE, find_codec

MAX_DEPTH = 100
"""Levels of nesting that a value may have. It also ends a value that holds itself."""

_POINTER = "gcs"
_POINTER_START = f'{{"{TYPE}":"{_POINTER}"'


@dataclass(frozen=True, kw_only=True)
class XComPointer:
    """Where a value is kept that is too large for its task's document."""

    object: str
    """Name of the object in the deployment's bucket; its content is the value's envelope."""
    size: int
    """Bytes of that content."""


def dumps(value: Any, *, key: str = "return_value", where: str = "") -> str:
    """The JSON envelope of `value`.

    `where` says whose value it is, for the message of `XComNotSerializable`, which also names the type and the place
    inside `value`.
    """
    return _json(_Encoder(key, where).encode(value, "", 0))


def loads(envelope: str) -> Any:
    """The value in `envelope`. Raises `CorruptRecord` when it cannot be read here."""
    try:
        return _decode(json.loads(envelope))
    except (ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
        raise CorruptRecord(f"an XCom cannot be read: {error}; it begins {envelope[:80]!r}") from error


def make_pointer(object_name: str, size: int) -> str:
    """The envelope of a value that is kept in the object `object_name`."""
    return _json({TYPE: _POINTER, "object": object_name, "size": size})


def read_pointer(envelope: str) -> XComPointer | None:
    """The pointer in `envelope`; None when it holds the value itself."""
    if not envelope.startswith(_POINTER_START):
        return None
    fields = json.loads(envelope)
    return XComPointer(object=fields["object"], size=fields["size"])


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # Half a surrogate pair has no UTF-8 form; escaped it survives.
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


_ATOMS = frozenset({str, int, bool, type(None)})


class _Encoder:
    def __init__(self, key: str, where: str) -> None:
        self._subject = f"XCom {key!r}{f' of {where}' if where else ''}"

    def encode(self, value: Any, path: str, depth: int) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return value
        if depth > MAX_DEPTH:
            raise XComNotSerializable(f"{self._subject} is nested deeper than {MAX_DEPTH} levels, or holds itself")
        if kind is float:
            return value if math.isfinite(value) else {TYPE: "float", "value": repr(value)}
        if kind is list:
            return [self.encode(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        if kind is dict:
            return self._encode_dict(value, path, depth)
        return self._encode_typed(value, path, depth)

    def _encode_dict(self, value: dict[Any, Any], path: str, depth: int) -> Any:
        if TYPE not in value and all(type(key) is str for key in value):
            return {key: self.encode(item, f"{path}[{key!r}]", depth + 1) for key, item in value.items()}
        items = [
            [self.encode(key, f"a key of {path or 'it'}", depth + 1), self.encode(item, f"{path}[{key!r}]", depth + 1)]
            for key, item in value.items()
        ]
        return {TYPE: "dict", "items": items}

    def _encode_typed(self, value: Any, path: str, depth: int) -> Any:
        codec = find_codec(value)
        if codec is None:
            raise XComNotSerializable(self._refusal(value, path))
        try:
            fields = codec(value)
        except (ValueError, TypeError, ImportError) as error:  # What numpy and pyarrow raise for odd contents.
            raise XComNotSerializable(f"{self._refusal(value, path)}. {type(error).__name__}: {error}") from error
        if TYPE not in fields:  # A subclass of a plain type: kept as its base.
            return self.encode(fields["value"], path, depth)
        return {
            name: item if name == TYPE else self.encode(item, f"{path}.{name}" if name != "value" else path, depth + 1)
            for name, item in fields.items()
        }

    def _refusal(self, value: Any, path: str) -> str:
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        place = f" (at {path})" if path else ""
        return (
            f"{self._subject} cannot be stored: it holds a {kind}{place}. Return JSON values, dates, Decimals, bytes, "
            "sets, tuples, paths, enums, dataclasses, pydantic models, arrays or data frames; give its class Airflow's "
            "serialize() and static deserialize(data, version); or write the value to a file or bucket and return its "
            "name"
        )


def _decode(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_decode(item) for item in value]
    if kind is not dict:
        return value
    if TYPE not in value:
        return {key: _decode(item) for key, item in value.items()}
    if value[TYPE] == "dict":
        return {_decode(key): _decode(item) for key, item in value["items"]}
    decoder = DECODERS.get(value[TYPE])
    if decoder is None:
        raise ValueError(f"the type {value[TYPE]!r} is unknown to this version")
    return decoder({name: _decode(item) for name, item in value.items() if name != TYPE})
