"""Ending what has not ended in a run: because the run took too long, or because one of its tasks failed.

The write that ends a running task instance makes its worker's token stale: the worker finds out with its next
heartbeat, stops the try and records nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from sailplane.cloud import paths
from sailplane.cloud.changes import Change, Create, Delete, Replace
from sailplane.cloud.wiring import Cloud
from sailplane.engine import blanks, draft, mapping, parts
from sailplane.engine.memory import RunMemory
from sailplane.model.evolve import evolve
from sailplane.model.ids import TaskKey
from sailplane.model.runs import ErrorInfo, TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner.wiring import wiring


class Stop(Enum):
    """Why a run is stopped; the states are Airflow's."""

    TIMEOUT = "the run took longer than its dagrun_timeout"
    FAIL_FAST = "another task of the run failed, and its DAG says fail_fast"

    @property
    def fails_run(self) -> bool:
        """Whether the run fails whatever its tasks ended as."""
        return self is Stop.TIMEOUT

    def state_of(self, instance: TaskInstance) -> TaskState:
        """What a task instance that has not ended becomes."""
        was_running = instance.state is TaskState.RUNNING
        return TaskState.FAILED if was_running and self is Stop.FAIL_FAST else TaskState.SKIPPED


def stop(cloud: Cloud, run: RunMemory, instances: Sequence[TaskInstance], why: Stop, now: datetime) -> None:
    """End all that has not ended in `run`, of which `instances` are all that exist.

    What someone else changed meanwhile is left as it is: whoever did goes on with it, or the run's alarm comes back.
    """
    run.sizes.update(mapping.sizes_of(run.dag, instances))
    changes: list[list[Change]] = [_stopped(run, each, why, now) for each in _open(run, instances, why)]
    cleared = {each.key: each for each in instances if each.state is TaskState.NONE}
    for each in _never_begun(run, instances, why, now):
        left = cleared.get(each.key)
        changes.append([Create(each) if left is None else Replace(blanks.filled(left, each, run.task(each.key)))])
    parts.write(cloud, changes)


def _open(run: RunMemory, instances: Sequence[TaskInstance], why: Stop) -> list[TaskInstance]:
    return [each for each in instances if each.state.is_live and not _goes_on(run, each.task_id, why)]


def _never_begun(run: RunMemory, instances: Sequence[TaskInstance], why: Stop, now: datetime) -> list[TaskInstance]:
    there = {each.key for each in instances if each.state is not TaskState.NONE}
    missing: list[TaskInstance] = []
    for node in wiring(run.dag).by_rank:
        if node.key in there or _goes_on(run, node.key.task_id, why):
            continue
        size = run.sizes.get(node.mapped_by or "", 0)
        keys: list[TaskKey] = [node.key_at(index) for index in range(size)] if size else [node.key]
        missing += [draft.settled(run, key, TaskState.SKIPPED, now, size) for key in keys if key not in there]
    return missing


def _goes_on(run: RunMemory, task_id: str, why: Stop) -> bool:
    """A teardown still runs when another task failed."""
    return why is Stop.FAIL_FAST and run.dag.task_dict[task_id].is_teardown


def _stopped(run: RunMemory, instance: TaskInstance, why: Stop, now: datetime) -> list[Change]:
    """The end of a task instance, and with it of what would have woken it."""
    more: list[Change] = [Delete(paths.wait(instance.run, instance.key))] if instance.waits_for else []
    return [Replace(_ended(run, instance, why, now)), *more]


def _ended(run: RunMemory, instance: TaskInstance, why: Stop, now: datetime) -> TaskInstance:
    state = why.state_of(instance)
    return evolve(
        instance,
        state=state,
        ended_at=now,
        alarm_at=None,
        claim=draft.nonce(),
        waits_for=(),
        error=ErrorInfo(kind="Stopped", message=why.value) if state is TaskState.FAILED else instance.error,
        feeds=mapping.feeds(run.dag, instance, state),
    )
