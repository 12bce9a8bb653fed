"""Assets of a run in this process: those that its DAG names, the events that it was given, what its tasks updated."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sailplane.model.assets import (
    AssetAnswer,
    AssetEvent,
    AssetKind,
    AssetNode,
    AssetQuery,
    AssetUpdate,
    AssetVerb,
    event_id,
)
from sailplane.model.dags import SerializedDag

GivenEvents = Mapping[str, Sequence[Mapping[str, Any]]]
"""Name of an asset -> the `extra` of each event of it that started the run."""


class LocalAssets:
    """See `ChildServices.assets`. An asset that is only referred to counts as one of that name."""

    def __init__(self, dag: SerializedDag, given: GivenEvents) -> None:
        self._dag = dag
        self._events = [
            self._event(name, number, extra) for name, extras in given.items() for number, extra in enumerate(extras)
        ]
        self.updates: list[AssetUpdate] = []
        """What tasks have updated."""

    def answer(self, query: AssetQuery) -> AssetAnswer:
        match query.verb:
            case AssetVerb.FIND:
                return AssetAnswer(assets=(self._find(query.name, query.uri),))
            case AssetVerb.TRIGGERING:
                return AssetAnswer(events=tuple(self._events))
            case AssetVerb.EVENTS:
                found = [event for event in self._events if _is_asked_for(event, query)]
                found = found if query.ascending else found[::-1]
                return AssetAnswer(events=tuple(found[: query.limit]))

    def _event(self, name: str, number: int, extra: Mapping[str, Any]) -> AssetEvent:
        asset = self._find(name, None)
        return AssetEvent(
            id=event_id(name, str(number)),
            name=asset.name,
            uri=asset.uri,
            group=asset.group,
            extra=extra,
            timestamp=datetime.now(UTC),
        )

    def _find(self, name: str | None, uri: str | None) -> AssetNode:
        for node in _named(self._dag):
            if node.kind is AssetKind.ASSET and name in (None, node.name) and uri in (None, node.uri):
                return node
        return AssetNode(kind=AssetKind.ASSET, name=name or uri or "", uri=uri or name or "", group="asset")


def _is_asked_for(event: AssetEvent, query: AssetQuery) -> bool:
    return query.alias is None and query.name in (None, event.name) and query.uri in (None, event.uri)


def _named(dag: SerializedDag) -> Iterator[AssetNode]:
    """What a DAG says of assets."""
    if dag.schedule.assets is not None:
        yield from dag.schedule.assets.leaves()
    if dag.assets is not None:
        for nodes in (*dag.assets.inlets.values(), *dag.assets.outlets.values()):
            yield from nodes
