"""DAGs that update assets and such that wait for them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine_stage import SUCCESS, Stage, dag, task

from sailplane.engine import asset_answers, asset_runs, asset_updates, runs
from sailplane.engine.asset_updates import Origin
from sailplane.model.assets import AssetKind, AssetNode, AssetUpdate, DagAssets
from sailplane.model.dags import Schedule, ScheduleKind, SerializedDag
from sailplane.model.execution import Outcome
from sailplane.model.runs import DagRun


def asset(name: str) -> AssetNode:
    return AssetNode(kind=AssetKind.ASSET, name=name, uri=f"gs://lake/{name}", group="asset")


def alias(name: str) -> AssetNode:
    return AssetNode(kind=AssetKind.ALIAS, name=name, group="asset")


def every(*parts: AssetNode) -> AssetNode:
    return AssetNode(kind=AssetKind.ALL, parts=parts)


def some(*parts: AssetNode) -> AssetNode:
    return AssetNode(kind=AssetKind.ANY, parts=parts)


def producer(dag_id: str, *outlets: AssetNode) -> SerializedDag:
    return dag(task("make"), dag_id=dag_id, assets=DagAssets(outlets={"make": outlets}))


def consumer(dag_id: str, condition: AssetNode, **fields: Any) -> SerializedDag:
    schedule = Schedule(kind=ScheduleKind.ASSETS, assets=condition, summary="Asset")
    return dag(task("use"), dag_id=dag_id, schedule=schedule, **fields)


def updated(*names: str, **fields: Any) -> Outcome:
    return replace(SUCCESS, asset_updates=tuple(update(name, **fields) for name in names))


def update(name: str, **fields: Any) -> AssetUpdate:
    return AssetUpdate(name=name, uri=f"gs://lake/{name}", **fields)


def produce(stage: Stage, dag_id: str, outcome: Outcome) -> None:
    """Run the DAG's only task, which ends so, and what follows from it."""
    stage.clock.turn(seconds=1)
    stage.runner.script["make", 1] = outcome
    runs.trigger(stage.cloud, dag_id, now=stage.clock())
    stage.deliver_all()


def write(stage: Stage, *updates: AssetUpdate, key: str = "", look: bool = True) -> None:
    """Commit updates that no task made, and look unless the writer is to die before it can."""
    origin = Origin(key=(key, str(stage.clock()), *(each.name for each in updates)))
    prepared = asset_updates.prepare(stage.cloud, updates, origin, stage.clock())
    stage.cloud.store.commit(prepared.changes)
    if look:
        asset_runs.look_at_all(stage.cloud, stage.clock, prepared.dag_ids)


def started(stage: Stage, dag_id: str) -> Sequence[DagRun]:
    """The DAG's runs, oldest first."""
    return list(stage.cloud.store.runs(dag_id, limit=1000, newest_first=False))


def names(stage: Stage, run: DagRun) -> list[str]:
    """Of the assets whose updates a run took."""
    return [event.name for event in asset_answers.triggering(stage.cloud, run.key)]
