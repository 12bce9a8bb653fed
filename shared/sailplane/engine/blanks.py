"""What clearing leaves of a task instance: its document in state NONE, with the number of its tries and nothing else.

Whoever would create the task instance finds it and fills it. It is a fence too: a worker that knows the run from before
it was cleared cannot create what stands behind the cleared task, finds the blank instead, and reads the run anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sailplane.cloud import paths
from sailplane.cloud.changes import Change, Create, Delete, KeepTry, Replace
from sailplane.cloud.wiring import Cloud
from sailplane.engine.draft import nonce
from sailplane.engine.memory import RunMemory
from sailplane.model.dags import SerializedTask
from sailplane.model.evolve import evolve
from sailplane.model.gates import is_gate
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

_RAN = frozenset({TaskState.SUCCESS, TaskState.FAILED})
_NOT_BEGUN = frozenset({TaskState.SCHEDULED, TaskState.QUEUED})


class Outdated(Exception):
    """The run was cleared, marked or held since the memory at hand was made: what that says may not be true."""


def blank(instance: TaskInstance, clear_number: int) -> TaskInstance:
    """`instance`, cleared."""
    tries = instance.try_number - 1 if instance.state in _NOT_BEGUN and not _goes_on(instance) else instance.try_number
    return TaskInstance(
        run=instance.run,
        task_id=instance.task_id,
        map_index=instance.map_index,
        map_size=instance.map_size,
        state=TaskState.NONE,
        try_number=max(tries, 0),
        # A group that was not retried by its gate, but cleared by somebody, has all its tries again.
        max_tries=0 if is_gate(instance.task_id) and instance.state.is_terminal else instance.max_tries,
        queue=instance.queue,
        operator=instance.operator,
        claim=nonce(),
        usage=instance.usage,
        clear_number=clear_number,
        token=instance.token,
    )


def never_begun(run: RunKey, key: TaskKey, clear_number: int) -> TaskInstance:
    """A blank where there was no document."""
    return TaskInstance(
        run=run,
        task_id=key.task_id,
        map_index=key.map_index,
        state=TaskState.NONE,
        try_number=0,
        max_tries=0,
        claim=nonce(),
        clear_number=clear_number,
    )


def clear(instance: TaskInstance, clear_number: int, now: datetime) -> list[Change]:
    """Leave a blank of `instance`, and keep its last try; it may not be running."""
    left = blank(instance, clear_number)
    more: list[Change] = []
    if _has_run(instance):
        more.append(KeepTry(_as_try(instance, now)))
        left = evolve(left, usage=left.usage.written())
    if instance.waits_for:
        more.append(Delete(paths.wait(instance.run, instance.key)))
    return [Replace(left), *more]


def _has_run(instance: TaskInstance) -> bool:
    has_begun = bool(instance.worker) or instance.state in _RAN or _goes_on(instance)
    return not is_gate(instance.task_id) and instance.try_number > 0 and has_begun


def _goes_on(instance: TaskInstance) -> bool:
    """Whether its try has begun and waited: it has a log, and perhaps a question that was answered."""
    return instance.resumption is not None or instance.rescheduled_since is not None


def _as_try(instance: TaskInstance, now: datetime) -> TaskInstance:
    """What is kept of a try: one that had not ended counts as failed, as in Airflow."""
    if instance.state.is_terminal:
        return instance
    return evolve(instance, state=TaskState.FAILED, ended_at=now, alarm_at=None, waits_for=())


def filled(left: TaskInstance, record: TaskInstance, task: SerializedTask) -> TaskInstance:
    """`record`, which was to be created, in place of the blank `left`: as the try after those that it had."""
    tries = left.try_number
    runs = record.state.is_live or record.state is TaskState.SUCCESS
    keeps_tries = is_gate(left.task_id) and left.max_tries > 0
    return evolve(
        record,
        try_number=tries + 1 if runs else tries,
        max_tries=left.max_tries if keeps_tries else tries + task.retries + 1,
        usage=left.usage + record.usage,
        token=left.token,
    )


def written(cloud: Cloud, run: RunMemory, records: Sequence[TaskInstance]) -> tuple[list[Change], list[TaskInstance]]:
    """How to write `records`, which are to be created, and those of them that can be: some may exist already.

    A read each in a run that was cleared; none in others. Raises `Outdated`.
    """
    number = run.context.clear_number
    if not number:
        return [Create(record) for record in records], list(records)
    stamped = [evolve(record, clear_number=number) for record in records]
    there = {each.key: each for each in cloud.store.tasks(run.key, [record.key for record in stamped])}
    check(run, there.values())
    run.learn(each for each in there.values() if each.state.is_terminal)
    changes: list[Change] = []
    kept: list[TaskInstance] = []
    for record in stamped:
        found = there.get(record.key)
        if found is None:
            kept.append(record)
            changes.append(Create(record))
        elif found.state is TaskState.NONE:
            kept.append(filled(found, record, run.task(record.key)))
            changes.append(Replace(kept[-1]))
    return changes, kept


def check(run: RunMemory, found: Iterable[TaskInstance]) -> None:
    """Raises `Outdated` when something that was read is of a later time than the memory of its run."""
    if any(each.clear_number > run.context.clear_number for each in found):
        raise Outdated
