"""What one write makes of a document: preconditions, field masks and transforms. No I/O."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from .documents import (
    Stored,
    check_limits,
    mask_paths,
    remove_field,
    serialize,
    set_field,
)
from .errors import already_exists, failed_precondition, invalid, not_found
from .paths import DocumentName, document_name, field_path
from .protos import (
    Document,
    DocumentMessage,
    FieldMap,
    Message,
    Value,
    ValueMessage,
    WriteMessage,
    micros_of,
    timestamp,
)
from .values import encode, lookup

_NUMBERS = {"integer_value", "double_value"}
_INT64 = range(-(2**63), 2**63)


class Effect(NamedTuple):
    """The outcome of one write."""

    after: Stored | None
    """None: the document is gone."""
    results: tuple[ValueMessage, ...]
    """One value for each transform."""


def target(write: WriteMessage) -> DocumentName:
    """The document that a write is about."""
    kind = write.WhichOneof("operation")
    if kind == "update":
        return document_name(write.update.name)
    if kind == "delete":
        return document_name(write.delete)
    if kind == "transform":
        return document_name(write.transform.document)
    raise invalid("A write must hold one of update, delete and transform.")


def apply(write: WriteMessage, name: DocumentName, key: bytes, before: Stored | None, now: int) -> Effect:
    """What becomes of `before` when `write` is committed at `now`; raises where Firestore refuses."""
    if write.HasField("current_document"):
        check_precondition(write.current_document, name, before)
    if write.WhichOneof("operation") == "delete":
        return Effect(None, ())
    document = _updated(write, before)
    transforms = write.transform.field_transforms or write.update_transforms
    results = tuple(_transform(item, document.fields, now) for item in transforms) if transforms else ()
    body = serialize(document)
    check_limits(document.fields, name.text, body)
    if before is None:
        return Effect(Stored(key, now, now, body), results)
    if body == before.body:
        return Effect(before, results)
    return Effect(Stored(key, before.created, now, body), results)


def check_precondition(condition: Message, name: DocumentName, before: Stored | None) -> None:
    kind = condition.WhichOneof("condition_type")
    if kind == "exists":
        if condition.exists and before is None:
            raise not_found(f"No document to update: {name.text}")
        if not condition.exists and before is not None:
            raise already_exists(f"Document already exists: {name.text}")
    elif kind == "update_time":
        required = micros_of(condition.update_time)
        stored = before.updated if before else 0
        if stored != required or before is None:
            raise failed_precondition(
                f"the stored version ({stored}) does not match the required base version ({required}): {name.text}"
            )


def _updated(write: WriteMessage, before: Stored | None) -> DocumentMessage:
    """The document after the write's own fields, before its transforms."""
    is_update = write.WhichOneof("operation") == "update"
    if is_update and not write.HasField("update_mask"):
        return write.update
    document = before.parse() if before else Document()
    if is_update:
        _merge(document.fields, write.update.fields, mask_paths(write.update_mask))
    return document


def _merge(fields: FieldMap, given: FieldMap, paths: Iterable[tuple[str, ...]]) -> None:
    for path in paths:
        value = lookup(given, path)
        if value is None:
            remove_field(fields, path)
        else:
            set_field(fields, path, value)


def _transform(transform: Message, fields: FieldMap, now: int) -> ValueMessage:
    kind = transform.WhichOneof("transform_type")
    if kind is None:
        raise invalid("A field transform must say what to do.")
    path = field_path(transform.field_path)
    value, result = _TRANSFORMS[kind](transform, lookup(fields, path), now)
    set_field(fields, path, value)
    return result


_Transformed = tuple[ValueMessage, ValueMessage]


def _server_value(transform: Message, _current: ValueMessage | None, now: int) -> _Transformed:
    if transform.set_to_server_value != 1:
        raise invalid("The only server value is REQUEST_TIME.")
    value = Value(timestamp_value=timestamp(now - now % 1000))  # Its precision is documented: milliseconds.
    return value, value


def _number(value: ValueMessage | None) -> int | float | None:
    if value is None:
        return None
    kind = value.WhichOneof("value_type")
    if kind not in _NUMBERS:
        return None
    number: int | float = getattr(value, kind)
    return number


def _operand(value: ValueMessage, what: str) -> int | float:
    number = _number(value)
    if number is None:
        raise invalid(f"The operand of {what} must be an integer or a double.")
    return number


def _increment(transform: Message, current: ValueMessage | None, _now: int) -> _Transformed:
    delta = _operand(transform.increment, "increment")
    base = _number(current)
    if base is None:
        return transform.increment, transform.increment
    total = base + delta
    if isinstance(total, int):
        value = Value(integer_value=min(max(total, _INT64.start), _INT64.stop - 1))
    else:
        value = Value(double_value=total)
    return value, value


def _extreme(kind: str, pick_operand: Callable[[bytes, bytes], bool]) -> Callable[..., _Transformed]:
    def transform_to_extreme(transform: Message, current: ValueMessage | None, _now: int) -> _Transformed:
        operand = getattr(transform, kind)
        _operand(operand, kind)
        if current is None or _number(current) is None or pick_operand(encode(operand), encode(current)):
            return operand, operand
        return Value.FromString(current.SerializeToString()), current

    return transform_to_extreme


def _array(current: ValueMessage | None) -> ValueMessage:
    value = Value()
    value.array_value.SetInParent()
    if current is not None and current.WhichOneof("value_type") == "array_value":
        value.CopyFrom(current)
    return value


_NULL = Value(null_value=0)


def _append_missing(transform: Message, current: ValueMessage | None, _now: int) -> _Transformed:
    value = _array(current)
    present = {encode(item) for item in value.array_value.values}
    for item in transform.append_missing_elements.values:
        encoded = encode(item)
        if encoded not in present:
            present.add(encoded)
            value.array_value.values.append(item)
    return value, _NULL


def _remove_all(transform: Message, current: ValueMessage | None, _now: int) -> _Transformed:
    value = _array(current)
    unwanted = {encode(item) for item in transform.remove_all_from_array.values}
    kept = [item for item in value.array_value.values if encode(item) not in unwanted]
    result = Value()
    result.array_value.SetInParent()
    result.array_value.values.extend(kept)
    return result, _NULL


_TRANSFORMS: dict[str, Callable[[Message, ValueMessage | None, int], _Transformed]] = {
    "set_to_server_value": _server_value,
    "increment": _increment,
    "maximum": _extreme("maximum", lambda operand, current: operand > current),
    "minimum": _extreme("minimum", lambda operand, current: operand < current),
    "append_missing_elements": _append_missing,
    "remove_all_from_array": _remove_all,
}
