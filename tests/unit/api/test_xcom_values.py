"""What tasks return, as the API shows it."""

import json
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath

import pytest

from sailplane.api.xcom_values import shown
from sailplane.model import xcom

Point = namedtuple("Point", "x y")


@dataclass
class Flight:
    name: str
    at: date


class Color(Enum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ({"a": [1, None, "x"]}, {"a": [1, None, "x"]}),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        ((1, (2, 3)), [1, [2, 3]]),
        ({1, 2}, [1, 2]),
        ({1: date(2026, 3, 1)}, {"1": "2026-03-01"}),
        (PurePosixPath("/a/b"), "/a/b"),
        (float("inf"), "inf"),
        (Color.RED, "RED"),
        (Point(1, 2), [1, 2]),
        ([Flight("one", date(2026, 3, 1))], [{"name": "one", "at": "2026-03-01"}]),
        ({"__type__": "mine"}, {"__type__": "mine"}),
        ({"\ud800é": "é\udcff"}, {"\\ud800é": "é\\udcff"}),
    ],
)
def test_a_value_is_shown_in_its_nearest_json_form(value, expected):
    assert shown(json.loads(xcom.dumps(value))) == expected


def test_what_has_no_json_form_stays_an_envelope():
    envelope = json.loads(xcom.dumps(timedelta(seconds=90)))
    assert shown(envelope) == envelope
