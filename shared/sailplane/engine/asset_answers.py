"""What tasks ask about assets, answered from the store."""

from collections.abc import Iterable

from sailplane.cloud.wiring import Cloud
from sailplane.model.assets import (
    AssetAnswer,
    AssetEvent,
    AssetKind,
    AssetNode,
    AssetQuery,
    AssetRecord,
    AssetVerb,
    alias_id,
)
from sailplane.model.assets import asset_id as id_of
from sailplane.model.ids import RunKey


def answer(cloud: Cloud, run: RunKey, query: AssetQuery) -> AssetAnswer:
    """What a task of `run` asked for."""
    match query.verb:
        case AssetVerb.FIND:
            return AssetAnswer(assets=tuple(map(_node, _find(cloud, query))))
        case AssetVerb.EVENTS:
            return AssetAnswer(events=tuple(_events(cloud, query)))
        case AssetVerb.TRIGGERING:
            return AssetAnswer(events=tuple(triggering(cloud, run)))


def triggering(cloud: Cloud, run: RunKey) -> list[AssetEvent]:
    """The events that `run` was started by, in the order in which they came."""
    stored = cloud.store.run(run)
    if stored is None or not stored.asset_events:
        return []
    return sorted(cloud.store.assets.events_by(stored.asset_events), key=lambda event: event.timestamp)


def _find(cloud: Cloud, query: AssetQuery) -> list[AssetRecord]:
    """Active ones first: of several with one name the others are no longer in any DAG."""
    store = cloud.store.assets
    if query.alias is not None:
        alias = store.alias(alias_id(query.alias))
        found = list(store.get(map(int, alias.assets)).values()) if alias is not None else []
    else:
        found = store.named(name=query.name, uri=query.uri)
    return sorted(found, key=lambda record: (not record.is_active, record.name, record.uri))


def _events(cloud: Cloud, query: AssetQuery) -> Iterable[AssetEvent]:
    store = cloud.store.assets
    if query.alias is None:
        if query.name is not None and query.uri is not None:
            asset: int | None = id_of(query.name, query.uri)
        else:
            asset = next((record.id for record in _find(cloud, query)), None)
        if asset is None:
            return ()
        span = {"after": query.after, "before": query.before}
        return store.events(asset, **span, ascending=query.ascending, limit=query.limit)
    found = [event for event in store.events_through(query.alias) if _is_between(event, query)]
    found = found if query.ascending else found[::-1]
    return found if query.limit is None else found[: query.limit]


def _is_between(event: AssetEvent, query: AssetQuery) -> bool:
    is_early = query.after is not None and event.timestamp < query.after
    return not is_early and (query.before is None or event.timestamp <= query.before)


def _node(record: AssetRecord) -> AssetNode:
    return AssetNode(
        kind=AssetKind.ASSET, name=record.name, uri=record.uri, group=record.group, extra=dict(record.extra)
    )
