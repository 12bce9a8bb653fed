"""Reads of assets, their events and their queues."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sailplane.cloud import asset_codec, codec, documents, paths
from sailplane.cloud.reader import AND, DESCENDING, OPERATORS, Reader, select, where_in
from sailplane.model.assets import AliasRecord, AssetEvent, AssetQueue, AssetRecord, alias_id
from sailplane.model.ids import RunKey
from sailplane.model.runs import DagRun

MOST_VALUES = 30
"""What Firestore takes in one disjunction."""


class AssetStore(Reader):
    """See `Store.assets`."""

    def all(self) -> list[AssetRecord]:
        """All assets; one read each."""
        return [asset_codec.read_asset(document) for document in self._list("", "assets") if document.fields]

    def aliases(self) -> list[AliasRecord]:
        """All aliases; one read each."""
        return [asset_codec.read_alias(document) for document in self._list("", "asset_aliases")]

    def get(self, ids: Iterable[int]) -> dict[int, AssetRecord]:
        """By id, those that exist; one read each, whether it exists or not."""
        found = self._get([asset_codec.asset_path(each) for each in ids])
        return {record.id: record for record in map(asset_codec.read_asset, found)}

    def aliases_named(self, names: Iterable[str]) -> dict[str, AliasRecord]:
        found = self._get([asset_codec.alias_path(alias_id(name)) for name in names])
        return {record.name: record for record in map(asset_codec.read_alias, found)}

    def alias(self, record_id: int) -> AliasRecord | None:
        found = self._get([asset_codec.alias_path(record_id)])
        return asset_codec.read_alias(found[0]) if found else None

    def named(self, *, name: str | None = None, uri: str | None = None) -> list[AssetRecord]:
        """The assets with this name or URI."""
        query = select("assets")
        where_in(query, "name" if name is not None else "uri", (name if name is not None else uri or "",))
        return [asset_codec.read_asset(document) for document in self._run("", query)]

    def queues(self, dag_id: str) -> list[AssetQueue]:
        """What waits for a run of the DAG, in the order in which it came; one read each."""
        query = select("runs")
        where_in(query, "state", (asset_codec.QUEUED,))
        found = map(asset_codec.read_queue, self._run(paths.dag(dag_id), query))
        return sorted(found, key=lambda queue: (queue.since, queue.name))

    def queue(self, dag_id: str, asset: int) -> AssetQueue | None:
        found = self._get([asset_codec.queue_path(dag_id, asset)])
        return asset_codec.read_queue(found[0]) if found else None

    def events_by(self, references: Sequence[str]) -> list[AssetEvent]:
        """Those that exist, in the order asked; one read each."""
        return [asset_codec.read_event(each) for each in self._get([*map(asset_codec.event_path, references)])]

    def events(
        self,
        asset: int | None = None,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        ascending: bool = True,
        limit: int | None = None,
    ) -> list[AssetEvent]:
        """The events of one asset, or of all, by time."""
        query = _in_span(asset, after, before)
        if not ascending:
            query.order_by[0].direction = DESCENDING
        if limit is not None:
            query.limit.value = limit
        return self._events(_parent_of(asset), query)

    def count_events(
        self, asset: int | None = None, *, after: datetime | None = None, before: datetime | None = None
    ) -> int:
        """How many `events` gives without a limit; one read a thousand."""
        return self._count(_parent_of(asset), _in_span(asset, after, before))

    def runs_started_by(self, references: Sequence[str]) -> list[DagRun]:
        """The runs that took one of these events, of which there may be up to `MOST_VALUES`; one read each."""
        query = select("runs", all_descendants=True)
        field_filter = query.where.field_filter
        field_filter.field.field_path = "asset_events"
        field_filter.op = OPERATORS.Value("ARRAY_CONTAINS_ANY")
        for reference in references:
            field_filter.value.array_value.values.add().string_value = reference
        return [codec.read_run(document) for document in self._run("", query)]

    def events_from(self, run: RunKey) -> list[AssetEvent]:
        """What the tasks of a run have updated, by time."""
        query = select("asset_events", all_descendants=True)
        where_in(query, "source", (f"{run.dag_id}|{run.run_id}",))
        return sorted(self._events("", query), key=lambda event: event.timestamp)

    def events_through(self, alias: str) -> list[AssetEvent]:
        """What was updated through an alias, by time."""
        query = select("asset_events", all_descendants=True)
        field_filter = query.where.field_filter
        field_filter.field.field_path = "aliases"
        field_filter.op = OPERATORS.Value("ARRAY_CONTAINS")
        field_filter.value.string_value = alias
        return sorted(self._events("", query), key=lambda event: event.timestamp)

    def _events(self, parent: str, query: Any) -> list[AssetEvent]:
        return [asset_codec.read_event(document) for document in self._run(parent, query)]


def _parent_of(asset: int | None) -> str:
    return asset_codec.asset_path(asset) if asset is not None else ""


def _in_span(asset: int | None, after: datetime | None, before: datetime | None) -> Any:
    """The events of one asset, or of all, from `after` until `before`."""
    query = select("asset_events", all_descendants=asset is None)
    query.order_by.add().field.field_path = "timestamp"
    if after is None and before is None:
        return query
    query.where.composite_filter.op = AND
    for moment, operator in ((after, "GREATER_THAN_OR_EQUAL"), (before, "LESS_THAN_OR_EQUAL")):
        if moment is not None:
            field_filter = query.where.composite_filter.filters.add().field_filter
            field_filter.field.field_path = "timestamp"
            field_filter.op = OPERATORS.Value(operator)
            documents.put_moment(field_filter.value, moment)
    return query
