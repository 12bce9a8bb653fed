"""`depends_on_past` and `wait_for_downstream`: a task that waits for the run before its own.

A task that may not start yet is created as SCHEDULED. Whoever ends its task instance in the run before queues it; the
check is made once more after it was created, so that of the two at least one sees the other; its alarm looks again.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sailplane.cloud.changes import Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.evolve import evolve
from sailplane.model.ids import TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunType, TaskState

PAST_ALARM = timedelta(minutes=10)
"""How often a task that waits for the run before is looked at, should nobody have woken it."""
_FINE = frozenset({TaskState.SUCCESS, TaskState.SKIPPED})
_OF_THE_SCHEDULE = frozenset({RunType.SCHEDULED, RunType.BACKFILL})
_NEIGHBOURS = 10
"""Runs that are looked through for the one before, or after, that counts."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """The runs before and after one run, as the store has them."""

    cloud: Cloud
    run: RunMemory

    def held(self, keys: Iterable[TaskKey]) -> frozenset[TaskKey]:
        """Which of `keys` may not start yet."""
        if not self.run.dag.felt_by_next_run:
            return frozenset()
        tasks = self.run.dag.task_dict
        asking = [key for key in keys if tasks[key.task_id].depends_on_past]
        states = self._states_before(tasks[key.task_id] for key in asking) if asking else None
        if states is None:
            return frozenset()
        return frozenset(key for key in asking if not _may_start(self.run.dag, tasks[key.task_id], states))

    def _states_before(self, tasks: Iterable[SerializedTask]) -> dict[str, set[TaskState]] | None:
        """task_id -> the states of its instances in the run before; None when there is no such run."""
        before = self._neighbour(later=False)
        if before is None:
            return None
        wanted = {name for task in tasks for name in _awaited(self.run.dag, task)}
        found: dict[str, set[TaskState]] = {name: set() for name in wanted}
        for key, state in self._states(before).items():
            if key.task_id in wanted:
                found[key.task_id].add(state)
        if before.state.is_terminal:  # A task that it did not have holds nobody.
            found = {name: states for name, states in found.items() if states}
        return found

    def _states(self, run: DagRun) -> dict[TaskKey, TaskState]:
        if run.state.is_terminal:
            return {TaskKey.parse(document): state for document, state in run.summary.items()}
        return {each.key: each.state for each in self.cloud.store.task_states(run.key)}

    def _neighbour(self, *, later: bool) -> DagRun | None:
        """The run before, or after; with `catchup`, as in Airflow, only those that the schedule made count."""
        date = self.run.context.logical_date
        if date is None:
            return None
        for limit in (1, _NEIGHBOURS):  # Each run that is found costs a read, and the first nearly always counts.
            runs = self.cloud.store.neighbours(self.run.key.dag_id, date, later=later, limit=limit)
            counts = [run for run in runs if not self.run.dag.catchup or run.context.run_type in _OF_THE_SCHEDULE]
            if counts or len(runs) < limit:
                return counts[0] if counts else None
        return None

    def waiting_after(self, ended: Collection[str]) -> tuple[DagRun, list[TaskInstance]] | None:
        """The next run, and its task instances that may wait for tasks `ended` of this one."""
        after = self._neighbour(later=True)
        if after is None:
            return None
        tasks = self.run.dag.tasks
        names = [task.task_id for task in tasks if task.depends_on_past and _awaited(self.run.dag, task) & set(ended)]
        found = [each for each in self.cloud.store.tasks(after.key) if each.task_id in names]
        return after, [each for each in found if each.state is TaskState.SCHEDULED and not each.waits_for_slots]

    def queue(self, instances: Iterable[TaskInstance], now: datetime) -> list[TaskInstance]:
        """Queue those of `instances`, which wait in this run, that may start now; returns them, to be published.

        Those that have limits wait for slots from then on.
        """
        waiting = [] if self.run.is_held else list(instances)
        held = self.held(each.key for each in waiting)
        queued: list[TaskInstance] = []
        for instance in waiting:
            if instance.key in held:
                continue
            again = draft.requeued(instance, now)
            result = self.cloud.store.commit([Replace(again)])
            if isinstance(result, Committed):
                queued.append(written(again, result.tokens[0]))
        return queued


def _awaited(dag: SerializedDag, task: SerializedTask) -> frozenset[str]:
    return frozenset({task.task_id, *(dag.downstream[task.task_id] if task.wait_for_downstream else ())})


def _may_start(dag: SerializedDag, task: SerializedTask, states: dict[str, set[TaskState]]) -> bool:
    awaited = (states[name] for name in _awaited(dag, task) if name in states)
    return all(each and each <= _FINE for each in awaited)


def scheduled(instance: TaskInstance, now: datetime) -> TaskInstance:
    """`instance`, which was to be queued, waiting for the run before."""
    return evolve(instance, state=TaskState.SCHEDULED, queued_at=None, alarm_at=now + PAST_ALARM)
