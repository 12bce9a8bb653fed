"""When the moment of a deadline comes: whether it is missed, and what its callback is told."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sailplane.cloud import paths
from sailplane.cloud.changes import Delete, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft
from sailplane.engine.deadlines import MET
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.progress import Progress
from sailplane.model.dags import SerializedDag
from sailplane.model.deadlines import AboutDeadline, SerializedDeadline, number_of
from sailplane.model.ids import TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunState

_log = logging.getLogger(__name__)


def ring(cloud: Cloud, progress: Progress, run: RunMemory, instance: TaskInstance, now: datetime) -> None:
    """The moment of a deadline has come: queue its callback if it is missed, else it was met."""
    if instance.resumption is not None and not _is_missed(cloud, run, instance):
        cloud.store.commit([Delete(paths.task(instance.run, instance.key))])
        return
    queued = draft.requeued(instance, now)
    result = cloud.store.commit([Replace(queued)])
    if isinstance(result, Committed):
        _log.info("run=%s: deadline %s", run.key, "missed" if instance.resumption else "to be asked for")
        progress.publish(run, [written(queued, result.tokens[0])])


def _is_missed(cloud: Cloud, run: RunMemory, instance: TaskInstance) -> bool:
    deadline = run.dag.deadlines[number_of(instance.task_id)]
    at = instance.resumption.timeout_at if instance.resumption is not None else None
    stored = cloud.store.run(run.key)
    if at is None or stored is None or _ended_by(stored, at):
        return False
    if deadline.task_id is None and deadline.group_id is None:
        return True
    names = _tasks_of(run.dag, deadline)
    found = _instances(cloud, run, names)
    ended = {each.task_id for each in found}
    return names != ended or not all(_is_done(each, at) for each in found)


def _ended_by(run: DagRun, at: datetime) -> bool:
    return run.state is RunState.SUCCESS and run.ended_at is not None and run.ended_at <= at


def _is_done(instance: TaskInstance, at: datetime) -> bool:
    return instance.state in MET and (instance.ended_at is None or instance.ended_at <= at)


def _tasks_of(dag: SerializedDag, deadline: SerializedDeadline) -> frozenset[str]:
    if deadline.task_id is not None:
        return frozenset({deadline.task_id})
    parents = {group.group_id: group.parent_id for group in dag.groups}

    def is_inside(group: str | None) -> bool:
        return group is not None and (group == deadline.group_id or is_inside(parents.get(group)))

    return frozenset(task.task_id for task in dag.tasks if is_inside(task.group_id))


def _instances(cloud: Cloud, run: RunMemory, names: frozenset[str]) -> Sequence[TaskInstance]:
    """Their task instances: by key where each has one, else among all of the run."""
    if not names & run.dag.mapped_by.keys():
        return cloud.store.tasks(run.key, [TaskKey(name) for name in sorted(names)])
    return [each for each in cloud.store.tasks(run.key) if each.task_id in names]


def about(cloud: Cloud, run: RunMemory, instance: TaskInstance) -> AboutDeadline:
    """What a deadline's task instance is to do, and what it tells; one read.

    Its moment is the one that it waited for; a further try, whose worker was lost, finds it in the run. One that the
    author's code said is asked for again, and rings at once.
    """
    number = number_of(instance.task_id)
    at = instance.resumption.timeout_at if instance.resumption is not None else run.context.deadlines[number]
    stored = cloud.store.run(run.key) if at is not None else None
    if stored is None:
        return AboutDeadline(number=number, is_missed=False)
    return AboutDeadline(
        number=number,
        is_missed=True,
        at=at,
        state=stored.state,
        queued_at=stored.queued_at,
        ended_at=stored.ended_at,
        triggering_user=stored.triggering_user,
        note=stored.note,
    )
