"""Firestore's order over values of all types, as bytes.

`encode` maps each value to a byte string so that comparing the strings compares the values; equal values (1 and 1.0)
get equal strings, and no string is the beginning of another, so that they can be put one after the other in an index
key.
"""

import math
import struct
from collections.abc import Callable
from enum import IntEnum
from itertools import islice

from .errors import invalid
from .paths import FieldPath
from .protos import FieldMap, ValueMessage


class Rank(IntEnum):
    """The first byte of an encoded value: the order of the types. The byte after each is left free to end its range."""

    END = 0x01
    """Ends an array or a map, below every element."""
    NULL = 0x02
    BOOLEAN = 0x04
    NUMBER = 0x06
    TIMESTAMP = 0x08
    STRING = 0x0A
    BYTES = 0x0C
    REFERENCE = 0x0E
    GEO_POINT = 0x10
    ARRAY = 0x12
    VECTOR = 0x14
    MAP = 0x16


NULL = bytes([Rank.NULL])
AFTER_NULL = bytes([Rank.NULL + 1])
ABOVE = b"\xff"
"""Appended to an encoded value: above everything that continues it."""
_NAN = b"\0" * 8
_EXACT_UNTIL = float(2**53)
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_INVERT = bytes(range(255, -1, -1))
_VECTOR_TYPE = "__vector__"
_double = struct.Struct(">d")
_long = struct.Struct(">Q")
_short = struct.Struct(">H")
_time = struct.Struct(">QI")
NAN = bytes([Rank.NUMBER]) + _NAN


def encode(value: ValueMessage) -> bytes:
    """The bytes that stand for `value` in Firestore's order."""
    return _ENCODERS[value.WhichOneof("value_type")](value)


def invert(encoded: bytes) -> bytes:
    """The bytes that sort the other way round."""
    return encoded.translate(_INVERT)


def type_start(encoded: bytes) -> bytes:
    """The least bytes of a value of the same type."""
    return encoded[:1]


def type_end(encoded: bytes) -> bytes:
    """Bytes above each value of the same type and below the next type."""
    return bytes([encoded[0] + 1])


def lookup(fields: FieldMap, path: FieldPath) -> ValueMessage | None:
    """The value at `path`, None where there is none."""
    for segment in islice(path, len(path) - 1):
        if segment not in fields:
            return None
        value = fields[segment]
        if value.WhichOneof("value_type") != "map_value":
            return None
        fields = value.map_value.fields
    last = path[-1]
    return fields.get(last)


def is_vector(value: ValueMessage) -> bool:
    fields = value.map_value.fields
    return "__type__" in fields and bool(fields["__type__"].string_value == _VECTOR_TYPE)


def encode_double(number: float) -> bytes:
    """Eight bytes, NaN below all others and both zeros alike."""
    if math.isnan(number):
        return _NAN
    bits: int = _long.unpack(_double.pack(number + 0.0))[0]
    return _long.pack(bits ^ _ALL if bits & _SIGN else bits | _SIGN)


def _encode_null(_value: ValueMessage) -> bytes:
    return NULL


def _encode_boolean(value: ValueMessage) -> bytes:
    return b"\x04\x02" if value.boolean_value else b"\x04\x01"


def _encode_integer(value: ValueMessage) -> bytes:
    number: int = value.integer_value
    nearest = float(number)
    encoded = b"\x06" + encode_double(nearest)
    if -_EXACT_UNTIL < nearest < _EXACT_UNTIL:
        return encoded
    return encoded + _short.pack(number - int(nearest) + 0x8000)


def _encode_double_value(value: ValueMessage) -> bytes:
    number: float = value.double_value
    encoded = b"\x06" + encode_double(number)
    if -_EXACT_UNTIL < number < _EXACT_UNTIL or math.isnan(number):
        return encoded
    return encoded + _short.pack(0x8000)


def _encode_timestamp(value: ValueMessage) -> bytes:
    time = value.timestamp_value
    return b"\x08" + _time.pack(time.seconds + _SIGN, time.nanos // 1000)


def _text(data: bytes) -> bytes:
    return data.replace(b"\0", b"\0\xff") + b"\0\x01" if b"\0" in data else data + b"\0\x01"


def _encode_string(value: ValueMessage) -> bytes:
    return b"\x0a" + _text(value.string_value.encode())


def _encode_bytes(value: ValueMessage) -> bytes:
    return b"\x0c" + _text(value.bytes_value)


def _encode_reference(value: ValueMessage) -> bytes:
    data: bytes = value.reference_value.encode()
    return b"\x0e" + data.replace(b"\0", b"\0\xff").replace(b"/", b"\0\x02") + b"\0\x01"


def _encode_geo_point(value: ValueMessage) -> bytes:
    point = value.geo_point_value
    return b"\x10" + encode_double(point.latitude) + encode_double(point.longitude)


def _encode_array(value: ValueMessage) -> bytes:
    return b"\x12" + b"".join(map(encode, value.array_value.values)) + b"\x01"


def _encode_map(value: ValueMessage) -> bytes:
    fields = value.map_value.fields
    if is_vector(value):
        numbers = fields["value"].array_value.values
        return b"\x14" + _long.pack(len(numbers)) + b"".join(map(encode, numbers))
    return b"\x16" + b"".join(b"\x0a" + _text(key) + encode(item) for key, item in _sorted_items(fields)) + b"\x01"


def _sorted_items(fields: FieldMap) -> list[tuple[bytes, ValueMessage]]:
    return sorted(((key.encode(), item) for key, item in fields.items()), key=lambda pair: pair[0])


def _refuse(_value: ValueMessage) -> bytes:
    raise invalid("A value of an unknown or unset type cannot be stored or compared.")


_ENCODERS: dict[str | None, Callable[[ValueMessage], bytes]] = {
    "null_value": _encode_null,
    "boolean_value": _encode_boolean,
    "integer_value": _encode_integer,
    "double_value": _encode_double_value,
    "timestamp_value": _encode_timestamp,
    "string_value": _encode_string,
    "bytes_value": _encode_bytes,
    "reference_value": _encode_reference,
    "geo_point_value": _encode_geo_point,
    "array_value": _encode_array,
    "map_value": _encode_map,
    None: _refuse,
    "field_reference_value": _refuse,
    "variable_reference_value": _refuse,
    "function_value": _refuse,
    "pipeline_value": _refuse,
}
