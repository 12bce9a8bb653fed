"""Documents as stored, and their limits.

The body is a serialized `Document` message of nothing but fields, its maps in sorted order: equal fields have equal
bodies, and an answer is made by putting the name before and the times behind it, without parsing.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from .errors import invalid
from .paths import MAX_ID_BYTES, FieldPath, field_path, field_text
from .protos import Document, DocumentMessage, FieldMap, Message, ValueMessage, timestamp
from .values import is_vector, lookup

MAX_DOCUMENT_BYTES = 1_048_576
MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 89
MAX_DEPTH = 20
_ARRAY_TAG = b"\x4a"
_MAP_TAG = b"\x32"
_ARRAY_IN_ARRAY = re.compile(rb"\x0a[\x80-\xff]*[\x00-\x7f]\x4a")
_VALUE_OVERHEAD = 5
"""Tag and length before a text or bytes of that length, serialized."""
_SURELY_SMALL = MAX_DOCUMENT_BYTES // 4
"""Firestore's measure of a document is less than four times its serialized length."""


class Stored(NamedTuple):
    """One version of a document. A named tuple: one is made for every row read."""

    key: bytes
    created: int
    """Microseconds since 1970."""
    updated: int
    body: bytes

    def parse(self) -> DocumentMessage:
        """A new message with the fields only."""
        return Document.FromString(self.body)

    def message(self, name: str, mask: tuple[FieldPath, ...] | None = None) -> DocumentMessage:
        """The document as clients get it."""
        found = self.parse() if mask is None else masked(self.parse(), mask)
        found.name = name
        found.create_time.CopyFrom(timestamp(self.created))
        found.update_time.CopyFrom(timestamp(self.updated))
        return found


def serialize(document: DocumentMessage) -> bytes:
    """The body of a document: fields only, in the one order that makes equal documents equal bytes."""
    document.ClearField("name")
    document.ClearField("create_time")
    document.ClearField("update_time")
    body: bytes = document.SerializeToString(deterministic=True)
    return body


def set_field(fields: FieldMap, path: FieldPath, value: ValueMessage) -> None:
    """Put `value` at `path`; whatever stands in the way and is no map is replaced by one."""
    for segment in path[:-1]:
        inner = fields[segment]
        inner.map_value.SetInParent()
        fields = inner.map_value.fields
    fields[path[-1]].CopyFrom(value)


def remove_field(fields: FieldMap, path: FieldPath) -> None:
    for segment in path[:-1]:
        if segment not in fields or fields[segment].WhichOneof("value_type") != "map_value":
            return
        fields = fields[segment].map_value.fields
    if path[-1] in fields:
        del fields[path[-1]]


def mask_paths(mask: Message) -> tuple[FieldPath, ...]:
    return tuple(field_path(text) for text in mask.field_paths)


def masked(document: DocumentMessage, mask: Iterable[FieldPath]) -> DocumentMessage:
    """The part of `document` that `mask` names; `__name__` names no field."""
    kept = Document()
    for path in mask:
        value = lookup(document.fields, path)
        if value is not None:
            set_field(kept.fields, path, value)
    return kept


def check_limits(fields: FieldMap, name: str, body: bytes) -> None:
    """Refuse what Firestore refuses: reserved names, deep nesting, arrays in arrays, anything too long or too big."""
    if _needs_a_look(body):
        _check_fields(fields, 1)
    if len(body) < _SURELY_SMALL:
        return
    _check_lengths(fields.values())
    size = measure_name(name) + measure_fields(fields) + 32
    if size > MAX_DOCUMENT_BYTES:
        raise invalid(
            f"Document '{name}' cannot be written because its size ({size:,} bytes) exceeds the maximum allowed "
            f"size of {MAX_DOCUMENT_BYTES:,} bytes."
        )


def _needs_a_look(body: bytes) -> bool:
    """False only if no field can break a rule, by what a serialized document that breaks one contains.

    A reserved name has underscores; an empty name or value is a length of nought; each level of nesting and each array
    has its tag, and an array in an array is the inner one's tag right after the outer one's element. Looking at the
    bytes costs a tenth of walking the fields.
    """
    return (
        len(body) > MAX_ID_BYTES
        or b"__" in body
        or b"\x0a\x00" in body
        or b"\x12\x00" in body
        or body.count(_ARRAY_TAG) + body.count(_MAP_TAG) > MAX_DEPTH
        or (body.count(_ARRAY_TAG) > 1 and _ARRAY_IN_ARRAY.search(body) is not None)
    )


def _check_fields(fields: FieldMap, depth: int) -> None:
    for name, value in fields.items():
        if name[:2] == "__" and not _acceptable_dunder(name, depth):
            raise invalid(
                f"Field name {field_text((name,))} is reserved: names of the form __.*__ are Firestore's own."
            )
        if not name:
            raise invalid("A field name must not be empty.")
        if len(name) > MAX_ID_BYTES // 4 and len(name.encode()) > MAX_ID_BYTES:
            raise invalid(f"Field name {name[:40]}... is longer than {MAX_ID_BYTES} bytes.")
        _check_value(value, depth)


def _acceptable_dunder(name: str, depth: int) -> bool:
    return not name.endswith("__") or len(name) < 4 or (depth > 1 and name == "__type__")


def _check_value(value: ValueMessage, depth: int) -> None:
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        _check_depth(depth)
        _check_fields(value.map_value.fields, depth + 1)
    elif kind == "array_value":
        _check_depth(depth)
        for item in value.array_value.values:
            if item.WhichOneof("value_type") == "array_value":
                raise invalid("Cannot convert an array value in an array value.")
            _check_value(item, depth + 1)
    elif kind is None:
        raise invalid("A field's value has no type set.")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise invalid(f"A value is nested deeper than the {MAX_DEPTH} levels that a document may have.")


def _check_lengths(values: Iterable[ValueMessage]) -> None:
    for value in values:
        kind = value.WhichOneof("value_type")
        if kind == "map_value":
            _check_lengths(value.map_value.fields.values())
        elif kind == "array_value":
            _check_lengths(value.array_value.values)
        elif kind in ("string_value", "bytes_value") and value.ByteSize() > MAX_VALUE_BYTES + _VALUE_OVERHEAD:
            raise invalid(f"A field's value is longer than {MAX_VALUE_BYTES:,} bytes.")


def measure_name(name: str) -> int:
    """The size of a document's name as Firestore reckons it."""
    path = name.partition("/documents/")[2]
    return 16 + sum(len(segment.encode()) + 1 for segment in path.split("/"))


def measure_fields(fields: FieldMap) -> int:
    return sum(len(name.encode()) + 1 + measure_value(value) for name, value in fields.items())


_FIXED_SIZES = {
    "null_value": 1,
    "boolean_value": 1,
    "integer_value": 8,
    "double_value": 8,
    "timestamp_value": 8,
    "geo_point_value": 16,
}


def measure_value(value: ValueMessage) -> int:
    """The size of one value as Firestore reckons it (see its page on storage size)."""
    kind = value.WhichOneof("value_type")
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind == "string_value":
        return len(value.string_value.encode()) + 1
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "reference_value":
        return measure_name(value.reference_value)
    if kind == "map_value" and not is_vector(value):
        return measure_fields(value.map_value.fields)
    return sum(measure_value(item) for item in _elements(value))


def _elements(value: ValueMessage) -> Iterable[ValueMessage]:
    if value.WhichOneof("value_type") == "map_value":
        value = value.map_value.fields["value"]
    items: Iterable[ValueMessage] = value.array_value.values
    return items
