"""Assets as DAG files write them: names, URIs, references, conditions."""

import os
import warnings
from typing import Any

import pytest

from sailplane.authoring.asset_conditions import AssetAll, AssetAny
from sailplane.authoring.assets import Asset, AssetAccessControl, AssetAlias, AssetUniqueKey, Dataset, Model

# Recorded from Airflow 3.3.2, those of `gs` and `bigquery` from its Google provider.
URIS = [
    ("a", "a"),
    ("a:b", "a:b"),
    ("//host/path", "//host/path"),
    ("s3://bucket/key", "s3://bucket/key"),
    ("s3://bucket/key/", "s3://bucket/key"),
    ("S3://B/k/?b=2&a=1#frag", "s3://B/k?a=1&b=2"),
    ("file:///a/b/", "file:///a/b"),
    ("http://u@h/x", "http://u@h/x"),
    ("x-Own://A/b/", "x-Own://A/b/"),
    ("HTTP://host", "http://host/"),
    ("custom:/x//", "custom:/x"),
    ("test://a b/ü", "test://a b/ü"),
    ("gs://b", "gs://b/"),
    ("bigquery://p/d/t", "bigquery://p/d/t"),
]


@pytest.mark.parametrize(("written", "kept"), URIS)
def test_uris_are_kept_in_one_form(written: str, kept: str) -> None:
    asset = Asset(uri=written)
    assert (asset.name, asset.uri) == (written, kept)


def test_a_name_alone_is_the_uri_too_and_the_other_way_round() -> None:
    assert (Asset("orders").name, Asset("orders").uri) == ("orders", "orders")
    assert Asset("orders", "gs://lake/orders").uri == "gs://lake/orders"
    assert os.fspath(Asset("orders", uri="gs://lake/orders")) == "gs://lake/orders"


def test_a_password_in_a_uri_is_left_out_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="should not contain a password"):
        asset = Asset("x", "postgres://u:secret@host/db/t")
    assert asset.uri == "postgres://host/db/t"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"uri": "airflow://x"}, "'airflow'.* reserved"),
        ({"uri": "gs://"}, "must name a bucket: gs://BUCKET/OBJECT"),
        ({"uri": "bigquery://project"}, "bigquery://PROJECT/DATASET/TABLE"),
        ({"name": ""}, "Asset name cannot be empty"),
        ({"name": " "}, "Asset name cannot be just whitespace"),
        ({"name": 3}, "Asset name must be a string, not 3"),
        ({"name": "a" * 1501}, "cannot exceed 1500 characters"),
        ({"name": "self"}, "cannot have the name 'self'"),
        ({"name": "a", "uri": ""}, "Asset uri cannot be empty"),
        ({"name": "a", "group": " "}, "Asset group cannot be just whitespace"),
    ],
)
def test_a_wrong_asset_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Asset(**arguments)


def test_an_asset_needs_a_name_or_a_uri_and_its_extra_is_a_dict() -> None:
    with pytest.raises(TypeError, match="requires either 'name' or 'uri'"):
        Dataset()
    with pytest.raises(TypeError, match="the extra of Asset 'a' must be a dict"):
        Asset("a", extra=["x"])  # type: ignore[arg-type]
    assert Asset("a", extra=None).extra == {}


def test_assets_are_equal_by_what_defines_them() -> None:
    assert Asset("a") == Asset(uri="a")
    assert len({Asset("a"), Asset("a")}) == 1
    assert Asset("a") != Asset("a", extra={"k": 1})
    assert Asset("a") != Dataset("a")
    assert (Dataset("a").group, Model("a").group, Asset("a", group="g").group) == ("dataset", "model", "g")
    assert AssetUniqueKey.from_asset(Asset("a", "b")).to_asset() == Asset("a", "b")


def test_references_name_one_of_both() -> None:
    assert Asset.ref(name="a") == Asset.ref(name="a")
    assert Asset.ref(uri="a") != Asset.ref(name="a")
    with pytest.raises(TypeError, match="not both"):
        Asset.ref(name="a", uri="b")
    with pytest.raises(TypeError, match="requires either"):
        Asset.ref()


def test_conditions_grow_flat() -> None:
    a, b, c = Asset("a"), Asset("b"), AssetAlias("c")
    assert (a | b | c) == AssetAny(a, b, c)
    assert (a & b & Asset.ref(name="x")) == AssetAll(a, b, Asset.ref(name="x"))
    assert (a & (b | c)) == AssetAll(a, AssetAny(b, c))
    assert AssetAny(a, b) != AssetAll(a, b)
    assert len({a | b, AssetAny(a, b)}) == 1


@pytest.mark.parametrize("other", ["b", 1, None])
def test_only_assets_make_conditions(other: Any) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        Asset("a") | other
    with pytest.raises(TypeError, match="takes assets and conditions of assets"):
        AssetAny(Asset("a"), other)


def test_known_schemes_have_a_normalized_uri() -> None:
    with warnings.catch_warnings(action="error"):
        assert Asset(uri="gs://b/o").normalized_uri == "gs://b/o"
    assert Asset(uri="s3://b/o").normalized_uri is None


def test_teams_are_texts() -> None:
    assert AssetAccessControl(producer_teams=["a"]).producer_teams == ["a"]
    with pytest.raises(ValueError, match="must be non-empty texts"):
        AssetAccessControl(consumer_teams=[" "])
