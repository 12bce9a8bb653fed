"""Calling a DAG's callbacks when a run has ended.

The commit that closes the run creates a task instance that calls them, so that they are called even if whoever closed
the run dies right then; after a crash in the middle they are called again.
"""

from collections.abc import Mapping
from datetime import datetime

from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft
from sailplane.engine.memory import RunMemory
from sailplane.model.callbacks import AboutRun, RunCallback
from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState, TaskState


def due(run: RunMemory, state: RunState, now: datetime, *, is_late: bool = False) -> TaskInstance | None:
    """What calls the callbacks of a run that ends in `state`; None when its DAG has none for that."""
    callback = _callback(run.dag, state, is_late)
    return draft.queued(run, TaskKey(callback), now) if callback is not None else None


def _callback(dag: SerializedDag, state: RunState, is_late: bool) -> RunCallback | None:
    if state is RunState.SUCCESS:
        return RunCallback.SUCCESS if dag.has_success_callback else None
    if not dag.has_failure_callback:
        return None
    return RunCallback.TIMEOUT if is_late else RunCallback.FAILURE


def about(cloud: Cloud, run: RunMemory, callback: RunCallback) -> AboutRun:
    """What the callbacks are told; two reads."""
    stored = cloud.store.run(run.key)
    key = _meant(run.dag, stored.summary, callback) if stored is not None else None
    instance = cloud.store.task(run.key, key) if key is not None else None
    if instance is None:
        return AboutRun(callback=callback)
    return AboutRun(callback=callback, task=key, task_state=instance.state, try_number=max(instance.try_number, 1))


def _meant(dag: SerializedDag, summary: Mapping[str, TaskState], callback: RunCallback) -> TaskKey | None:
    """The task instance that the callbacks hear of: the first that failed, or the last of a run that did not."""
    ranks = {task.task_id: rank for rank, task in enumerate(dag.tasks)}
    keys = sorted(map(TaskKey.parse, summary), key=lambda key: (ranks.get(key.task_id, -1), key.map_index))
    if callback is RunCallback.FAILURE:
        for state in (TaskState.FAILED, TaskState.UPSTREAM_FAILED):
            if failed := [key for key in keys if summary[key.document_id] is state]:
                return failed[0]
    return keys[-1] if keys else None
