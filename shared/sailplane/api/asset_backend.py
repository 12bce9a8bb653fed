"""What the REST API and the CLI ask about assets."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sailplane.model.assets import AliasRecord, AssetEvent, AssetQueue, AssetRecord
from sailplane.model.ids import RunKey
from sailplane.model.runs import DagRun

if TYPE_CHECKING:
    from sailplane.cloud.wiring import Cloud


class AssetBackend(Protocol):
    """Assets, their events, and who waits for these."""

    def all(self) -> Sequence[AssetRecord]:
        """Those too that no DAG names any more."""

    def get(self, asset: int) -> AssetRecord | None: ...

    def aliases(self) -> Sequence[AliasRecord]: ...

    def alias(self, alias: int) -> AliasRecord | None: ...

    def events(
        self,
        asset: int | None = None,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        ascending: bool = True,
        limit: int | None = None,
    ) -> Sequence[AssetEvent]:
        """Of one asset or of all, by time; `after` and `before` themselves are within."""

    def count_events(
        self, asset: int | None = None, *, after: datetime | None = None, before: datetime | None = None
    ) -> int:
        """How many `events` would give without a limit; much cheaper."""

    def events_from(self, run: RunKey) -> Sequence[AssetEvent]:
        """What the tasks of a run have updated."""

    def triggering(self, run: RunKey) -> Sequence[AssetEvent]:
        """What a run was started by."""

    def runs_started_by(self, references: Sequence[str]) -> Sequence[DagRun]:
        """The runs that took one of these events."""

    def queues(self, dag_id: str) -> Sequence[AssetQueue]:
        """The updates that wait for a run of the DAG."""

    def queues_of(self, record: AssetRecord) -> Sequence[AssetQueue]:
        """The updates of an asset that wait for a run, of whatever DAG."""

    def drop(self, queues: Iterable[AssetQueue]) -> int:
        """Forget updates that wait; how many that was."""

    def emit(self, record: AssetRecord, extra: Mapping[str, Any], partition_key: str | None) -> AssetEvent:
        """Tell of an update, which may start runs."""


class EngineAssets:
    """The assets of a cloud. The engine is imported when it is first needed."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._store = cloud.store.assets

    def all(self) -> Sequence[AssetRecord]:
        return self._store.all()

    def get(self, asset: int) -> AssetRecord | None:
        return self._store.get([asset]).get(asset)

    def aliases(self) -> Sequence[AliasRecord]:
        return self._store.aliases()

    def alias(self, alias: int) -> AliasRecord | None:
        return self._store.alias(alias)

    def events(
        self,
        asset: int | None = None,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        ascending: bool = True,
        limit: int | None = None,
    ) -> Sequence[AssetEvent]:
        return self._store.events(asset, after=after, before=before, ascending=ascending, limit=limit)

    def count_events(
        self, asset: int | None = None, *, after: datetime | None = None, before: datetime | None = None
    ) -> int:
        return self._store.count_events(asset, after=after, before=before)

    def events_from(self, run: RunKey) -> Sequence[AssetEvent]:
        return self._store.events_from(run)

    def triggering(self, run: RunKey) -> Sequence[AssetEvent]:
        from sailplane.engine import asset_answers

        return asset_answers.triggering(self._cloud, run)

    def runs_started_by(self, references: Sequence[str]) -> Sequence[DagRun]:
        from sailplane.cloud.asset_store import MOST_VALUES

        parts = [references[begin : begin + MOST_VALUES] for begin in range(0, len(references), MOST_VALUES)]
        found = {run.key: run for part in parts for run in self._store.runs_started_by(part)}
        return list(found.values())

    def queues(self, dag_id: str) -> Sequence[AssetQueue]:
        return self._store.queues(dag_id)

    def queues_of(self, record: AssetRecord) -> Sequence[AssetQueue]:
        aliases = self._store.aliases_named(record.aliases).values() if record.aliases else ()
        dag_ids = {*record.consumers, *(dag_id for alias in aliases for dag_id in alias.consumers)}
        found = (self._store.queue(dag_id, record.id) for dag_id in sorted(dag_ids))
        return [queue for queue in found if queue is not None]

    def drop(self, queues: Iterable[AssetQueue]) -> int:
        from sailplane.engine import asset_runs

        return asset_runs.drop(self._cloud, list(queues))

    def emit(self, record: AssetRecord, extra: Mapping[str, Any], partition_key: str | None) -> AssetEvent:
        from sailplane.engine import asset_actions

        return asset_actions.emit(
            self._cloud, record, extra=extra, partition_key=partition_key, clock=lambda: datetime.now(UTC)
        )
