"""Runs that updates of assets start: whoever has written an update looks, and so does the tick for one who died.

Of several that look at once at least one sees all updates, for each was committed before. A run takes the queues as it
has read them and they go in the commit that creates it: no event is lost, and none starts two runs of a DAG.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sailplane.cloud import codec
from sailplane.cloud.changes import Remove, ReplaceShared
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import creation, turns
from sailplane.engine.creation import NewRun
from sailplane.engine.draft import nonce
from sailplane.model import ids
from sailplane.model.assets import AssetKind, AssetNode, AssetQueue
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import SailplaneError
from sailplane.model.runs import DagRecord, DagRun, RunContext
from sailplane.model.states import RunState, RunType, TriggeredBy
from sailplane.planner import assets as planner

_log = logging.getLogger(__name__)

MOST_ROUNDS = 8
"""Attempts to start a run while others write to the same queues; then the alarm goes on."""
MOST_EVENTS = 10_000
"""Events that a queue keeps while its DAG waits for other assets, and that a run takes, the newest: a document may not
pass 1 MiB."""
_SUFFIX = 8

Clock = Callable[[], datetime]


def look_at_all(cloud: Cloud, clock: Clock, dag_ids: Iterable[str]) -> None:
    """Start what can start of these DAGs. What goes wrong is told, and left to the alarms of their queues."""
    for dag_id in dag_ids:
        try:
            look(cloud, clock, dag_id)
        except SailplaneError as error:
            _log.warning("dag=%s: its updated assets are looked at again later: %s", dag_id, error)


def look(cloud: Cloud, clock: Clock, dag_id: str) -> bool:
    """Start a run of the DAG if the updates of assets that wait for it suffice. True when one was started here."""
    for _ in range(MOST_ROUNDS):
        record = cloud.store.dag(dag_id)
        dag = cloud.store.version(dag_id, record.version) if record is not None and not record.is_stale else None
        queues = cloud.store.assets.queues(dag_id)
        if not queues:
            return False
        if record is None or dag is None or dag.schedule.assets is None or not _allows(dag):
            cloud.store.commit([_removed(queue) for queue in queues])
            return False
        if record.is_paused or not planner.is_met(dag.schedule.assets, queues, _members(cloud, dag.schedule.assets)):
            return _quiet(cloud, queues)
        if _start(cloud, clock, record, dag, queues):
            return True
    return False


def _allows(dag: SerializedDag) -> bool:
    return dag.allowed_run_types is None or RunType.ASSET_TRIGGERED in dag.allowed_run_types


def _members(cloud: Cloud, condition: AssetNode) -> planner.Members:
    names = {leaf.name for leaf in condition.leaves() if leaf.kind is AssetKind.ALIAS}
    return {name: alias.assets for name, alias in cloud.store.assets.aliases_named(names).items()} if names else {}


def _quiet(cloud: Cloud, queues: Sequence[AssetQueue]) -> bool:
    """Somebody has looked: no alarm is needed until the next update, whose writer looks again."""
    for queue in queues:
        if queue.alarm_at is not None:
            cloud.store.commit([ReplaceShared(replace(queue, alarm_at=None, events=queue.events[-MOST_EVENTS:]))])
    return False


def _start(cloud: Cloud, clock: Clock, record: DagRecord, dag: SerializedDag, queues: Sequence[AssetQueue]) -> bool:
    cloud.tally.take()  # What this thread read before was not for this run.
    new = NewRun(
        dag=dag,
        record=_run(record, queues, clock()),
        companions=tuple(_removed(queue) for queue in queues),
    )
    started = creation.create(cloud, new, record.max_active_runs, clock)
    if started is None:
        return False
    _log.info("dag=%s run=%s: started by updates of %d assets", dag.dag_id, started.run.key.run_id, len(queues))
    if started.is_over:
        turns.start_waiting(cloud, clock, dag.dag_id)
    return True


def _run(record: DagRecord, queues: Sequence[AssetQueue], now: datetime) -> DagRun:
    run_after = max(queue.updated_at for queue in queues)
    context = RunContext(
        dag_id=record.dag_id,
        run_id=f"{ids.run_id_for(RunType.ASSET_TRIGGERED, run_after)}_{_told_apart(queues)}",
        version=record.version,
        bundle=record.bundle,
        file=record.file,
        run_type=RunType.ASSET_TRIGGERED,
        logical_date=None,
        data_interval_start=None,
        data_interval_end=None,
        run_after=run_after,
        started_at=None,
        triggered_by=TriggeredBy.ASSET,
    )
    # The last one is what made the run start.
    events = [event for queue in sorted(queues, key=lambda each: each.updated_at) for event in queue.events]
    taken = tuple(events[-MOST_EVENTS:])
    return DagRun(context=context, state=RunState.QUEUED, queued_at=now, asset_events=taken, claim=nonce())


def _told_apart(queues: Sequence[AssetQueue]) -> str:
    """Updates of one moment may start two runs: what they took tells these apart."""
    taken = "|".join(f"{queue.asset_id}@{queue.token}" for queue in queues)
    return hashlib.sha256(taken.encode()).hexdigest()[:_SUFFIX]


def _removed(queue: AssetQueue) -> Remove:
    return Remove(codec.path_of(queue), queue.token)


def drop(cloud: Cloud, queues: Sequence[AssetQueue]) -> int:
    """Forget updates that wait, unless they changed meanwhile; how many queues that was."""
    return sum(isinstance(cloud.store.commit([_removed(queue)]), Committed) for queue in queues)


def rung(queues: Sequence[AssetQueue], now: datetime) -> list[ReplaceShared]:
    """Have the tick look at `queues`: their DAG was paused, or is scheduled on other assets now."""
    return [ReplaceShared(replace(queue, alarm_at=now)) for queue in queues]
