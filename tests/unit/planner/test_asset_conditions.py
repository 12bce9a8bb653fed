"""When updates of assets meet the condition of a schedule."""

from datetime import UTC, datetime

import pytest

from sailplane.model.assets import AssetKind, AssetNode, AssetQueue, asset_id
from sailplane.planner.assets import is_met

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def asset(name: str) -> AssetNode:
    return AssetNode(kind=AssetKind.ASSET, name=name, uri=name)


def every(*parts: AssetNode) -> AssetNode:
    return AssetNode(kind=AssetKind.ALL, parts=parts)


def some(*parts: AssetNode) -> AssetNode:
    return AssetNode(kind=AssetKind.ANY, parts=parts)


def queue(name: str, *aliases: str) -> AssetQueue:
    return AssetQueue(dag_id="d", name=name, uri=name, aliases=aliases, since=NOW, updated_at=NOW)


A, B, C = asset("a"), asset("b"), asset("c")
ALIAS = AssetNode(kind=AssetKind.ALIAS, name="x")
BY_NAME = AssetNode(kind=AssetKind.NAME_REF, name="a")
BY_URI = AssetNode(kind=AssetKind.URI_REF, uri="b")


@pytest.mark.parametrize(
    ("condition", "updated", "met"),
    [
        (A, "", False),
        (A, "a", True),
        (A, "b", False),
        (every(A, B), "a", False),
        (every(A, B), "ab", True),
        (some(A, B), "b", True),
        (some(A, every(B, C)), "b", False),
        (some(A, every(B, C)), "bc", True),
        (every(A, some(B, C)), "ac", True),
        (every(), "a", True),
        (BY_NAME, "a", True),
        (BY_NAME, "b", False),
        (BY_URI, "b", True),
        (BY_URI, "a", False),
    ],
)
def test_a_condition_is_met_by_updates(condition: AssetNode, updated: str, met: bool) -> None:
    assert is_met(condition, [queue(name) for name in updated], {}) is met


def test_an_alias_is_met_by_what_was_updated_through_it_now_or_before() -> None:
    assert is_met(ALIAS, [queue("a", "y", "x")], {})
    assert not is_met(ALIAS, [queue("x"), queue("a", "y")], {"y": (str(asset_id("a", "a")),)})
    assert is_met(ALIAS, [queue("a")], {"x": (str(asset_id("a", "a")),)})
