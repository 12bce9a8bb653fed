"""Looking through a DAG's earlier runs, newest first, for one that fits, or for an XCom."""

from collections.abc import Iterator
from datetime import datetime

from sailplane.cloud.wiring import Cloud
from sailplane.engine import xcoms
from sailplane.model.execution import XComRef
from sailplane.model.ids import TaskKey
from sailplane.model.runs import DagRun, RunContext, TaskInstance

STEPS = (1, 10, 100)
"""Runs that are read at a time: most often the first is the one. More than the last are not looked through."""


def earlier(cloud: Cloud, dag_id: str, date: datetime, *, by: str = "logical_date") -> Iterator[DagRun]:
    """The runs of a DAG before `date`, by their logical date or `run_after`, nearest first."""
    seen = 0
    for limit in STEPS:
        runs = cloud.store.neighbours(dag_id, date, later=False, limit=limit, by=by)
        yield from runs[seen:]
        seen = len(runs)
        if seen < limit:
            return


def instance_in(cloud: Cloud, run: DagRun, key: TaskKey) -> TaskInstance | None:
    """The task instance; read only when the run may have it."""
    if run.state.is_terminal and key.document_id not in run.summary:
        return None
    return cloud.store.task(run.key, key)


def xcom_before(cloud: Cloud, dag_id: str, context: RunContext, ref: XComRef) -> str | None:
    """The XCom under `ref`'s task and key in the newest run of `dag_id` before the dates of `context` that has one."""
    by = "logical_date" if context.logical_date is not None else "run_after"
    for run in earlier(cloud, dag_id, context.logical_date or context.run_after, by=by):
        instance = instance_in(cloud, run, TaskKey(ref.task_id, ref.map_index))
        if instance is not None and ref.key in instance.xcoms:
            return xcoms.resolve(cloud, instance.xcoms[ref.key])
    return None
