"""Whether the updates that wait for a DAG meet the condition of its schedule."""

from collections.abc import Sequence

from sailplane.model.assets import AssetKind, AssetNode, AssetQueue


def is_met(condition: AssetNode, queued: Sequence[AssetQueue]) -> bool:
    """True when a run can start. An alias is met by an update that was made through it."""
    match condition.kind:
        case AssetKind.ANY:
            return any(is_met(part, queued) for part in condition.parts)
        case AssetKind.ALL:
            return all(is_met(part, queued) for part in condition.parts)
        case AssetKind.ASSET:
            return any((each.name, each.uri) == (condition.name, condition.uri) for each in queued)
        case AssetKind.NAME_REF:
            return any(each.name == condition.name for each in queued)
        case AssetKind.URI_REF:
            return any(each.uri == condition.uri for each in queued)
        case AssetKind.ALIAS:
            return any(condition.name in each.aliases for each in queued)
