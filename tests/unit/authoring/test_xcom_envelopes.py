import math
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sailplane.model import xcom
from sailplane.model.errors import CorruptRecord, XComNotSerializable


class Colour(Enum):
    RED = "r"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int
    when: datetime
    norm: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.norm = float(abs(self.x))


class Pair(NamedTuple):
    left: int
    right: set[str]


class Model(BaseModel):
    price: Decimal
    on: date


PARIS = ZoneInfo("Europe/Paris")

VALUES: dict[str, Any] = {
    "a plain tree": {"a": [1, 2.5, "x", None, True], "b": {}},
    "a big int": 2**100,
    "text of many scripts": "é漢字🛩",
    "half a surrogate pair": "\ud800",
    "a datetime in UTC": datetime(2024, 1, 2, 3, 4, 5, 6, UTC),
    "a naive datetime": datetime(2024, 1, 2),  # noqa: DTZ001
    "a datetime at an offset": datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "a datetime in a zone": datetime(2024, 7, 2, tzinfo=PARIS),
    "the later of two equal wall times": datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1),
    "a date": date(2024, 2, 29),
    "a time": time(3, 4),
    "a timedelta": timedelta(days=-1, microseconds=7),
    "a Decimal": Decimal("1.10"),
    "a UUID": UUID(int=7),
    "bytes": b"\x00\xff",
    "a set": {1, 2},
    "a frozenset": frozenset("ab"),
    "a tuple in a list": [(1, (2,))],
    "a path": Path("/tmp/x"),
    "a complex number": 1 + 2j,
    "infinity": -math.inf,
    "a dict with keys that are no texts": {1: "a", (1, 2): "b", None: "c", date(2024, 1, 1): "d"},
    "a dict that looks like an envelope": {"__type__": "datetime", "value": "x"},
    "an enum": Colour.RED,
    "an int enum": Level.HIGH,
    "a dataclass": Point(-2, datetime(2024, 1, 1, tzinfo=UTC)),
    "a named tuple": Pair(1, {"a"}),
    "a pydantic model": Model(price=Decimal("1.50"), on=date(2024, 1, 1)),
    "all in one": {"deep": [{"set": {(1, 2)}, "points": [Point(1, datetime(2024, 1, 1, tzinfo=UTC))]}]},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_value_comes_back_as_it_went_in(value: Any) -> None:
    back = xcom.loads(xcom.dumps(value))
    assert back == value
    assert type(back) is type(value)


def test_not_a_number_comes_back() -> None:
    assert math.isnan(xcom.loads(xcom.dumps(math.nan)))


def test_a_zone_keeps_its_name() -> None:
    back = xcom.loads(xcom.dumps(datetime(2024, 7, 2, tzinfo=PARIS)))
    assert back.tzinfo == PARIS


def test_a_pendulum_datetime_comes_back_as_one() -> None:
    moment = pendulum.datetime(2024, 7, 2, 12, tz="Europe/Paris")
    back = xcom.loads(xcom.dumps(moment))
    assert isinstance(back, pendulum.DateTime)
    assert (back, back.timezone_name) == (moment, "Europe/Paris")


def test_plain_values_stay_plain_json() -> None:
    assert xcom.dumps({"a": [1, "é", None]}) == '{"a":[1,"é",null]}'


def test_equal_sets_have_equal_envelopes() -> None:
    assert xcom.dumps({"b", "a", "c"}) == '{"__type__":"set","value":["a","b","c"]}'


@pytest.mark.parametrize(
    ("value", "plain"),
    [(OrderedDict(a=1), {"a": 1}), (defaultdict(int, a=1), {"a": 1}), (type("S", (str,), {})("x"), "x")],
)
def test_a_subclass_of_a_plain_type_is_kept_as_that_type(value: Any, plain: Any) -> None:
    back = xcom.loads(xcom.dumps(value))
    assert back == plain
    assert type(back) is type(plain)


def test_any_pure_path_comes_back_as_a_path() -> None:
    assert xcom.loads(xcom.dumps(PurePosixPath("a/b"))) == Path("a/b")


def test_a_value_that_cannot_be_stored_is_named_by_key_type_and_place() -> None:
    with pytest.raises(
        XComNotSerializable, match=r"XCom 'rows' of task 'load' cannot be stored: it holds a object \(at \['a'\]\[1\]\)"
    ):
        xcom.dumps({"a": [1, object()]}, key="rows", where="task 'load'")


def test_a_class_that_cannot_be_imported_is_refused() -> None:
    @dataclass
    class Hidden:
        x: int

    with pytest.raises(XComNotSerializable, match="Hidden"):
        xcom.dumps(Hidden(1))


@pytest.mark.parametrize("value", [(i for i in range(3)), print, int, open], ids=["generator", "function", "type", "f"])
def test_what_is_no_value_is_refused(value: Any) -> None:
    with pytest.raises(XComNotSerializable):
        xcom.dumps(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(XComNotSerializable, match="nested deeper than 100 levels, or holds itself"):
        xcom.dumps(value)


@pytest.mark.parametrize(
    "envelope",
    [
        "not json",
        '{"__type__":"unheard-of"}',
        '{"__type__":"datetime"}',
        '{"__type__":"dataclass","class":"os:system","value":{}}',
        '{"__type__":"dataclass","class":"pathlib:Path","value":{}}',
        '{"__type__":"enum","class":"no_such_module:X","name":"a"}',
        '{"__type__":"namedtuple","class":"builtins:tuple","value":[1]}',
        '{"__type__":"pydantic","class":"builtins:dict","value":{}}',
    ],
)
def test_an_envelope_that_cannot_be_read_is_a_corrupt_record(envelope: str) -> None:
    with pytest.raises(CorruptRecord, match="an XCom cannot be read"):
        xcom.loads(envelope)


def test_a_pointer_is_told_from_a_value() -> None:
    pointer = xcom.make_pointer("xcoms/d/r/t/1/return_value", 123456)
    assert xcom.read_pointer(pointer) == xcom.XComPointer(object="xcoms/d/r/t/1/return_value", size=123456)
    for value in ({"__type__": "gcs", "object": "x", "size": 1}, "gcs", {"object": "x"}):
        assert xcom.read_pointer(xcom.dumps(value)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.just("__type__"), inner),
    max_leaves=20,
)


@given(JSON)
def test_any_tree_comes_back(value: Any) -> None:
    assert xcom.loads(xcom.dumps(value)) == value


@given(st.binary() | st.decimals(allow_nan=False) | st.datetimes() | st.timedeltas() | st.sets(st.integers()))
def test_any_typed_value_comes_back(value: Any) -> None:
    assert xcom.loads(xcom.dumps(value)) == value


def test_arrays_and_frames_come_back() -> None:
    np = pytest.importorskip("numpy")
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2], "when": pd.to_datetime(["2024-01-01", "2024-01-02"])}, index=["x", "y"])
    assert xcom.loads(xcom.dumps(frame)).equals(frame)
    for series in (frame["a"], pd.Series([1.5, None])):
        back = xcom.loads(xcom.dumps(series))
        assert (back.equals(series), back.name) == (True, series.name)
    for value in (np.float32(1.5), np.int64(3), pd.Timestamp("2024-01-01T00:00:00.000000001", tz="Europe/Paris")):
        back = xcom.loads(xcom.dumps(value))
        assert (type(back), back) == (type(value), value)
    assert xcom.loads(xcom.dumps(pd.NaT)) is pd.NaT
    assert xcom.loads(xcom.dumps(pd.Timedelta(5, "ns"))) == pd.Timedelta(5, "ns")
    assert (xcom.loads(xcom.dumps(np.arange(6).reshape(2, 3))) == np.arange(6).reshape(2, 3)).all()


def test_an_array_of_objects_is_refused() -> None:
    np = pytest.importorskip("numpy")
    with pytest.raises(XComNotSerializable, match=r"it holds a numpy\.ndarray"):
        xcom.dumps(np.array([1, "a"], dtype=object))
