"""Codecs for rarer values: classes of attrs, classes that serialize themselves, time zones, Arrow's other shapes.

Each has the form of those in `xcom_codecs`: what it matches, what of the value is written, how it is built again.
"""

import base64
import importlib
from collections.abc import Callable, Mapping
from datetime import timedelta, timezone, tzinfo
from typing import Any

from sailplane.model.named_classes import class_path, import_class

TYPE = "__type__"
Fields = dict[str, Any]


def is_attrs(value: Any) -> bool:
    """An instance of a class made by attrs."""
    return hasattr(type(value), "__attrs_attrs__") and class_path(value) is not None


def encode_attrs(value: Any) -> Fields:
    contents = {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}
    return {TYPE: "attrs", "class": class_path(value), "value": contents}


def _decode_attrs(fields: Fields) -> Any:
    kind = import_class(fields["class"])
    if not hasattr(kind, "__attrs_attrs__"):
        raise TypeError(f"{fields['class']} is not a class of attrs")
    contents = fields["value"]
    given = {field.alias: contents[field.name] for field in kind.__attrs_attrs__ if field.init}
    made = kind(**given)
    for field in kind.__attrs_attrs__:
        if not field.init and field.name in contents:
            object.__setattr__(made, field.name, contents[field.name])
    return made


def serializes_itself(value: Any) -> bool:
    """An instance of a class with Airflow's two methods, `serialize` and the static `deserialize(data, version)`."""
    kind = type(value)
    return callable(getattr(kind, "serialize", None)) and _deserializes(kind) and class_path(value) is not None


def _deserializes(kind: type) -> bool:
    return any(isinstance(vars(base).get("deserialize"), staticmethod | classmethod) for base in kind.__mro__)


def encode_own(value: Any) -> Fields:
    version = getattr(type(value), "__version__", 0)
    return {TYPE: "own", "class": class_path(value), "version": version, "value": value.serialize()}


def _decode_own(fields: Fields) -> Any:
    kind = import_class(fields["class"])
    if not (callable(getattr(kind, "serialize", None)) and _deserializes(kind)):
        raise TypeError(f"{fields['class']} has no serialize() and static deserialize(data, version)")
    return kind.deserialize(fields["value"], fields["version"])


def is_zone(value: Any) -> bool:
    """A time zone with a name or a fixed offset."""
    return isinstance(value, tzinfo) and (isinstance(value, timezone) or zone_name(value) is not None)


def zone_name(zone: tzinfo | None) -> str | None:
    """The IANA name of `zone`; None when its offset, which an ISO form has, says it all."""
    if zone is None or isinstance(zone, timezone):
        return None
    name = getattr(zone, "key", None) or getattr(zone, "name", None)
    return name if isinstance(name, str) and name[0] not in "+-" else None


def encode_zone(value: tzinfo) -> Fields:
    if isinstance(value, timezone):
        return {TYPE: "offset", "value": value.utcoffset(None).total_seconds()}
    package = "pendulum" if type(value).__module__.startswith("pendulum") else "zoneinfo"
    return {TYPE: "zone", "value": zone_name(value), "package": package}


def _decode_zone(fields: Fields) -> tzinfo:
    if fields["package"] == "pendulum":
        zone: tzinfo = importlib.import_module("pendulum").timezone(fields["value"])
        return zone
    from zoneinfo import ZoneInfo

    return ZoneInfo(fields["value"])


def is_arrow(value: Any) -> bool:
    """An array, batch or schema of Arrow; tables have a codec of their own."""
    if type(value).__module__.partition(".")[0] != "pyarrow":
        return False
    pa = importlib.import_module("pyarrow")
    return isinstance(value, pa.RecordBatch | pa.Array | pa.ChunkedArray | pa.Schema)


def encode_arrow(value: Any) -> Fields:
    pa = importlib.import_module("pyarrow")
    if isinstance(value, pa.Schema):
        return {TYPE: "arrow", "kind": "schema", "ipc": _text(value.serialize())}
    if isinstance(value, pa.RecordBatch):
        batches, kind = [value], "batch"
    else:
        kind = "chunked" if isinstance(value, pa.ChunkedArray) else "array"
        chunks = value.chunks if kind == "chunked" else [value]
        batches = [pa.record_batch([chunk], names=["0"]) for chunk in chunks]
    sink = pa.BufferOutputStream()
    schema = batches[0].schema if batches else pa.schema([("0", value.type)])
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return {TYPE: "arrow", "kind": kind, "ipc": _text(sink.getvalue())}


def _decode_arrow(fields: Fields) -> Any:
    pa = importlib.import_module("pyarrow")
    data = pa.py_buffer(base64.b64decode(fields["ipc"]))
    if fields["kind"] == "schema":
        return pa.ipc.read_schema(data)
    with pa.ipc.open_stream(data) as reader:
        batches = list(reader)
        schema = reader.schema
    if fields["kind"] == "batch":
        return batches[0]
    if fields["kind"] == "array":
        return batches[0].column(0)
    return pa.chunked_array([batch.column(0) for batch in batches], type=schema.field(0).type)


def _text(buffer: Any) -> str:
    return base64.b64encode(buffer.to_pybytes()).decode()


DECODERS: Mapping[str, Callable[[Fields], Any]] = {
    "attrs": _decode_attrs,
    "own": _decode_own,
    "offset": lambda fields: timezone(timedelta(seconds=fields["value"])),
    "zone": _decode_zone,
    "arrow": _decode_arrow,
}
