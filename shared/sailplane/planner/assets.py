"""Whether the updates that wait for a DAG meet the condition of its schedule."""

from collections.abc import Collection, Mapping, Sequence

from sailplane.model.assets import AssetKind, AssetNode, AssetQueue

Members = Mapping[str, Collection[str]]
"""Of aliases, by name, the ids of the assets that were updated through them."""


def is_met(condition: AssetNode, queued: Sequence[AssetQueue], members: Members) -> bool:
    """True when a run can start. An alias is met by any of its assets, as if they stood there with `|`."""
    match condition.kind:
        case AssetKind.ANY:
            return any(is_met(part, queued, members) for part in condition.parts)
        case AssetKind.ALL:
            return all(is_met(part, queued, members) for part in condition.parts)
        case AssetKind.ASSET:
            return any((each.name, each.uri) == (condition.name, condition.uri) for each in queued)
        case AssetKind.NAME_REF:
            return any(each.name == condition.name for each in queued)
        case AssetKind.URI_REF:
            return any(each.uri == condition.uri for each in queued)
        case AssetKind.ALIAS:
            known = members.get(condition.name, ())
            return any(condition.name in each.aliases or str(each.asset_id) in known for each in queued)
