"""Encoded values compare as Google's own client compares the values themselves."""

import datetime
from itertools import pairwise, product
from typing import Any

import pytest
from google.cloud.firestore_v1 import GeoPoint, _helpers
from google.cloud.firestore_v1.order import Order
from google.cloud.firestore_v1.vector import Vector
from hypothesis import given
from hypothesis import strategies as st

from localcloud.firestore.protos import Value
from localcloud.firestore.values import ABOVE, encode, invert, type_end, type_start

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(2**53 - 3, 2**53 + 3),
    st.floats(),
    st.floats(-4, 4).map(lambda number: number.__round__()),
    st.datetimes(timezones=st.just(datetime.UTC)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    st.binary(max_size=4),
    st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180)),
    st.lists(st.floats(-2, 2), min_size=1, max_size=3).map(Vector),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab\0", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


def raw(value: Any) -> Any:
    return _helpers.encode_value(value)._pb


def sign_of_bytes(left: bytes, right: bytes) -> int:
    return (left > right) - (left < right)


@given(VALUES, VALUES)
def test_bytes_compare_as_values_do(left: Any, right: Any) -> None:
    one, other = encode(raw(left)), encode(raw(right))
    wanted = sign(Order.compare(raw(left), raw(right)))
    assert sign_of_bytes(one, other) == wanted
    assert sign_of_bytes(invert(one), invert(other)) == -wanted


@given(VALUES, VALUES)
def test_no_encoding_begins_another_unless_they_are_equal(left: Any, right: Any) -> None:
    one, other = encode(raw(left)), encode(raw(right))
    assert one == other or not other.startswith(one)


@given(VALUES)
def test_an_encoding_lies_within_its_type_and_below_what_follows_it(value: Any) -> None:
    encoded = encode(raw(value))
    assert type_start(encoded) <= encoded < type_end(encoded)
    assert encoded < encoded + ABOVE < type_end(encoded)


def test_integers_and_doubles_stand_in_one_line_where_doubles_grow_coarse() -> None:
    line = [float(2**53), 2**53 + 1, 2**53 + 2, 2**53 + 3, float(2**53 + 4), 2**63 - 1, float(2**63)]
    encoded = [encode(raw(number)) for number in line]
    assert all(left < right for left, right in pairwise(encoded))
    assert encode(raw(2**53)) == encode(raw(float(2**53)))
    assert encode(raw(-0.0)) == encode(raw(0))


def test_references_compare_segment_by_segment() -> None:
    names = ["p/a", "p/a/b", "p/a0", "p/a\0", "p/b"]
    ordered = sorted(names, key=lambda name: encode(Value(reference_value=name)))
    assert ordered == sorted(names, key=lambda name: [part.encode() for part in name.split("/")])


@pytest.mark.parametrize(("left", "right"), list(product([1, "1", None], [b"1", True, [1]])))
def test_values_of_different_types_are_never_equal(left: Any, right: Any) -> None:
    assert encode(raw(left)) != encode(raw(right))
