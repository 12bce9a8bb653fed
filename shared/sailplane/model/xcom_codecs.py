"""One codec for each type that JSON lacks: what of a value is written, and how it is built again.

An encoder returns the envelope's fields, with `__type__` first; the caller encodes what is in them. Packages that may
not be there (numpy, pandas, pyarrow, pendulum, pydantic) are only touched for a value that came from them.
"""

import base64
import dataclasses
import importlib
import io
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from sailplane.model import xcom_objects
from sailplane.model.named_classes import class_path, import_class
from sailplane.model.xcom_objects import zone_name

TYPE = "__type__"

Fields = dict[str, Any]
Encode = Callable[[Any], Fields]
Decode = Callable[[Fields], Any]


def find_codec(value: Any) -> Encode | None:
    """The encoder for `value`, whose exact type is none of JSON's; None when there is none."""
    if isinstance(value, type):
        return None
    for matches, encode in _CODECS:
        if matches(value):
            return encode
    return None


def _of(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types)


def _from_package(*packages: str) -> Callable[[Any], bool]:
    return lambda value: type(value).__module__.partition(".")[0] in packages


# --- instants and lengths of time


def _encode_datetime(value: datetime) -> Fields:
    kind = "pendulum" if type(value).__module__.startswith("pendulum") else "datetime"
    fields = {TYPE: kind, "value": value.isoformat()}
    zone = zone_name(value.tzinfo)
    return fields | {"zone": zone} if zone else fields


def _decode_datetime(fields: Fields) -> datetime:
    value = datetime.fromisoformat(fields["value"])
    if zone := fields.get("zone"):
        from zoneinfo import ZoneInfo

        return value.astimezone(ZoneInfo(zone))
    return value


def _decode_pendulum(fields: Fields) -> datetime:
    import pendulum

    value = pendulum.instance(datetime.fromisoformat(fields["value"]), tz=None)
    zone = fields.get("zone")
    return value.in_timezone(zone) if zone else value


def _encode_timedelta(value: timedelta) -> Fields:
    return {TYPE: "timedelta", "days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}


# --- records by the import path of their class


def _is_record(base: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: base(value) and class_path(value) is not None


def _is_dataclass(value: Any) -> bool:
    return dataclasses.is_dataclass(value)


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _is_pydantic(value: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(value, pydantic.BaseModel)


def _encode_enum(value: Enum) -> Fields:
    return {TYPE: "enum", "class": class_path(value), "name": value.name}


def _decode_enum(fields: Fields) -> Enum:
    kind = import_class(fields["class"])
    if not issubclass(kind, Enum):
        raise TypeError(f"{fields['class']} is not an enum")
    member: Enum = kind[fields["name"]]
    return member


def _encode_dataclass(value: Any) -> Fields:
    contents = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {TYPE: "dataclass", "class": class_path(value), "value": contents}


def _callable(kind: Any) -> Callable[..., Any]:
    made: Callable[..., Any] = kind
    return made


def _decode_dataclass(fields: Fields) -> Any:
    kind = import_class(fields["class"])
    if not dataclasses.is_dataclass(kind):
        raise TypeError(f"{fields['class']} is not a dataclass")
    contents, make = fields["value"], _callable(kind)
    made = make(**{f.name: contents[f.name] for f in dataclasses.fields(kind) if f.init and f.name in contents})
    for field in dataclasses.fields(kind):
        if not field.init and field.name in contents:
            object.__setattr__(made, field.name, contents[field.name])
    return made


def _encode_named_tuple(value: Any) -> Fields:
    return {TYPE: "namedtuple", "class": class_path(value), "value": list(value)}


def _decode_named_tuple(fields: Fields) -> Any:
    kind = import_class(fields["class"])
    if not (issubclass(kind, tuple) and hasattr(kind, "_make")):
        raise TypeError(f"{fields['class']} is not a named tuple")
    return kind._make(fields["value"])


def _encode_pydantic(value: Any) -> Fields:
    return {TYPE: "pydantic", "class": class_path(value), "value": value.model_dump()}


def _decode_pydantic(fields: Fields) -> Any:
    kind = import_class(fields["class"])
    if not hasattr(kind, "model_validate"):
        raise TypeError(f"{fields['class']} is not a pydantic model")
    return kind.model_validate(fields["value"])


# --- numbers and tables


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _encode_numpy(value: Any) -> Fields:
    np = importlib.import_module("numpy")
    if isinstance(value, np.generic) and type(value.item()) in (bool, int, float, str):
        return {TYPE: "numpy", "dtype": value.dtype.str, "value": value.item()}
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    return {TYPE: "ndarray", "scalar": isinstance(value, np.generic), "npy": _text(buffer.getvalue())}


def _decode_numpy(fields: Fields) -> Any:
    np = importlib.import_module("numpy")
    return np.dtype(fields["dtype"]).type(fields["value"])


def _decode_ndarray(fields: Fields) -> Any:
    np = importlib.import_module("numpy")
    array = np.load(io.BytesIO(base64.b64decode(fields["npy"])), allow_pickle=False)
    return array[()] if fields["scalar"] else array


def _encode_table(value: Any) -> Fields:
    pa, pq = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    kind, name = _type_name(value), None
    if kind == "pandas.Series":
        value, name = value.to_frame(name="0"), value.name
    table = value if isinstance(value, pa.Table) else pa.Table.from_pandas(value)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return {TYPE: "table", "kind": kind, "name": name, "parquet": _text(buffer.getvalue())}


def _decode_table(fields: Fields) -> Any:
    pq = importlib.import_module("pyarrow.parquet")
    table = pq.read_table(io.BytesIO(base64.b64decode(fields["parquet"])))
    if fields["kind"] == "pyarrow.Table":
        return table
    frame = table.to_pandas()
    return frame.iloc[:, 0].rename(fields["name"]) if fields["kind"] == "pandas.Series" else frame


def _encode_pandas_moment(value: Any) -> Fields:
    """A Timestamp, Timedelta or NaT: they look like Python's, but count nanoseconds."""
    return {TYPE: _type_name(value), "value": value.isoformat(), "zone": zone_name(getattr(value, "tzinfo", None))}


def _decode_timestamp(fields: Fields) -> Any:
    moment = importlib.import_module("pandas").Timestamp(fields["value"])
    return moment.tz_convert(fields["zone"]) if fields["zone"] else moment


def _type_name(value: Any) -> str:
    """The package and class of `value`: where in the package the class stands differs between versions."""
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"


def _is_one_of(*names: str) -> Callable[[Any], bool]:
    return lambda value: _type_name(value) in names


_CODECS: tuple[tuple[Callable[[Any], bool], Encode], ...] = (
    (_is_record(_of(Enum)), _encode_enum),
    (xcom_objects.serializes_itself, xcom_objects.encode_own),
    (_is_one_of("pandas.Timestamp", "pandas.Timedelta", "pandas.NaTType"), _encode_pandas_moment),
    (_of(datetime), _encode_datetime),
    (_of(date), lambda value: {TYPE: "date", "value": value.isoformat()}),
    (_of(time), lambda value: {TYPE: "time", "value": value.isoformat()}),
    (_of(timedelta), _encode_timedelta),
    (_of(Decimal), lambda value: {TYPE: "decimal", "value": str(value)}),
    (_of(UUID), lambda value: {TYPE: "uuid", "value": str(value)}),
    (_of(bytes, bytearray, memoryview), lambda value: {TYPE: "bytes", "value": _text(bytes(value))}),
    (_of(PurePath), lambda value: {TYPE: "path", "value": str(value)}),
    (_of(complex), lambda value: {TYPE: "complex", "value": [value.real, value.imag]}),
    (_is_record(_is_named_tuple), _encode_named_tuple),
    (_is_record(_is_pydantic), _encode_pydantic),
    (_is_record(_is_dataclass), _encode_dataclass),
    (xcom_objects.is_attrs, xcom_objects.encode_attrs),
    (xcom_objects.is_zone, xcom_objects.encode_zone),
    (xcom_objects.is_arrow, xcom_objects.encode_arrow),
    (_from_package("numpy"), _encode_numpy),
    (_is_one_of("pandas.DataFrame", "pandas.Series", "pyarrow.Table"), _encode_table),
    (lambda value: type(value) is tuple, lambda value: {TYPE: "tuple", "value": list(value)}),
    (_of(set), lambda value: {TYPE: "set", "value": _ordered(value)}),
    (_of(frozenset), lambda value: {TYPE: "frozenset", "value": _ordered(value)}),
    (_of(str), lambda value: {"value": str.__str__(value)}),
    (_of(int), lambda value: {"value": int(value)}),
    (_of(float), lambda value: {"value": float(value)}),
    (_of(list), lambda value: {"value": list(value)}),
    (_of(dict), lambda value: {"value": dict(value)}),
)
"""First match wins. The last rows keep a subclass of a plain type as that plain type."""


def _ordered(values: Any) -> list[Any]:
    """The members of a set in an order that does not change from one process to the next, where they have one."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _path(fields: Fields) -> PurePath:
    from pathlib import Path

    return Path(fields["value"])


DECODERS: Mapping[str, Decode] = {
    **xcom_objects.DECODERS,
    "float": lambda fields: float(fields["value"]),
    "datetime": _decode_datetime,
    "pendulum": _decode_pendulum,
    "date": lambda fields: date.fromisoformat(fields["value"]),
    "time": lambda fields: time.fromisoformat(fields["value"]),
    "timedelta": lambda fields: timedelta(**fields),
    "decimal": lambda fields: Decimal(fields["value"]),
    "uuid": lambda fields: UUID(fields["value"]),
    "bytes": lambda fields: base64.b64decode(fields["value"]),
    "path": _path,
    "complex": lambda fields: complex(*fields["value"]),
    "enum": _decode_enum,
    "namedtuple": _decode_named_tuple,
    "pydantic": _decode_pydantic,
    "dataclass": _decode_dataclass,
    "numpy": _decode_numpy,
    "ndarray": _decode_ndarray,
    "table": _decode_table,
    "pandas.Timestamp": _decode_timestamp,
    "pandas.Timedelta": lambda fields: importlib.import_module("pandas").Timedelta(fields["value"]),
    "pandas.NaTType": lambda fields: importlib.import_module("pandas").NaT,
    "tuple": lambda fields: tuple(fields["value"]),
    "set": lambda fields: set(fields["value"]),
    "frozenset": lambda fields: frozenset(fields["value"]),
}
