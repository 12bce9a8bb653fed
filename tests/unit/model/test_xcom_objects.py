"""XComs of rarer types come back as what they were."""

from collections.abc import Callable
from datetime import UTC, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import attrs
import pendulum
import pytest

from sailplane.model import xcom
from sailplane.model.errors import CorruptRecord, XComNotSerializable


def again(value: Any) -> Any:
    return xcom.loads(xcom.dumps(value))


@attrs.define
class Wing:
    span: Decimal
    _tip: str = "round"
    area: float = attrs.field(init=False, default=0.0)


class Canopy:
    """As Airflow's documentation has it."""

    __version__: ClassVar[int] = 2

    def __init__(self, colour: str) -> None:
        self.colour = colour

    def serialize(self) -> dict[str, Any]:
        return {"colour": self.colour, "paid": Decimal("9.50")}

    @staticmethod
    def deserialize(data: dict[str, Any], version: int) -> "Canopy":
        assert version <= 2
        assert data["paid"] == Decimal("9.50")
        return Canopy(data["colour"])


class HalfWay:
    def serialize(self) -> dict[str, Any]:
        return {}


def test_an_attrs_class_keeps_its_fields_private_and_computed_ones_too() -> None:
    wing = Wing(span=Decimal("12.1"), tip="square")
    wing.area = 24.5
    assert again(wing) == wing


def test_a_class_that_serializes_itself_is_built_by_its_own_method() -> None:
    found = again([Canopy("red")])[0]
    assert isinstance(found, Canopy)
    assert found.colour == "red"


def test_a_class_that_only_serializes_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(XComNotSerializable, match=r"HalfWay.*deserialize\(data, version\)"):
        xcom.dumps(HalfWay())


@pytest.mark.parametrize("kind", ["own", "attrs"])
def test_reading_imports_no_class_that_is_something_else(kind: str) -> None:
    with pytest.raises(CorruptRecord, match="subprocess:Popen"):
        xcom.loads(f'{{"__type__":"{kind}","class":"subprocess:Popen","version":1,"value":{{}}}}')


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=-3, minutes=-30)), ZoneInfo("Europe/Paris"), pendulum.timezone("Asia/Tokyo")]
)
def test_time_zones(zone: tzinfo) -> None:
    found = again(zone)
    assert found == zone
    assert type(found) is type(zone)


@pytest.mark.parametrize(
    "make",
    [
        lambda pa: pa.record_batch({"a": [1, 2], "b": ["x", None]}),
        lambda pa: pa.array([1, None, 3]),
        lambda pa: pa.chunked_array([["a"], ["b", "c"]]),
        lambda pa: pa.chunked_array([], type=pa.int8()),
        lambda pa: pa.schema([("a", pa.timestamp("us", tz="UTC"))]),
    ],
)
def test_arrows_batches_arrays_and_schemas(make: Callable[[Any], Any]) -> None:
    value = make(pytest.importorskip("pyarrow"))
    found = again(value)
    assert found.equals(value)
    assert type(found) is type(value)
