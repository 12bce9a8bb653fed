"""Clearing: task instances run again, with what they need and what follows from them, in a run that may have ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sailplane.cloud.wiring import Cloud
from sailplane.engine.interventions import Clock, Order, intervene, with_context
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import NotFound, TaskIsRunning
from sailplane.model.gates import is_gate
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner.selection import Wish, widened

_FAILED = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})
_ALL = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Clear:
    """What is to be cleared of a run; without names all of it."""

    named: tuple[str | TaskKey, ...] | None = None
    upstream: bool = False
    downstream: bool = False
    only_failed: bool = False
    only_running: bool = False
    reset_dag_run: bool = True
    """False: a run that has ended stays so, and what was cleared in it does not run."""
    on_latest_version: bool = False
    """Go on with the newest version of the DAG instead of the run's own."""
    prevent_running: bool = False
    """Refuse it when something that is meant is running."""
    note: str | None = None
    """For the run."""

    @property
    def states(self) -> frozenset[TaskState] | None:
        """Only what is in these states; None: whatever its state."""
        if not self.only_failed and not self.only_running:
            return None
        running = frozenset({TaskState.RUNNING}) if self.only_running else frozenset()
        return running | (_FAILED if self.only_failed else frozenset())


def chosen(dag: SerializedDag, instances: Iterable[TaskInstance], what: Clear) -> list[TaskInstance]:
    """Those of `instances`, which are all of a run, that `what` means; what nothing has made ready is left out."""
    wish = _wish(dag, what)
    states = what.states
    return [
        each
        for each in instances
        if not is_gate(each.task_id)
        and (wish is None or wish.means(each.key))
        and (each.state is not TaskState.NONE if states is None else each.state in states)
    ]


def _wish(dag: SerializedDag, what: Clear) -> Wish | None:
    if what.named is None:
        return None
    return widened(dag, Wish.of(what.named, upstream=what.upstream, downstream=what.downstream))


def clear(cloud: Cloud, clock: Clock, key: RunKey, what: Clear) -> list[TaskInstance]:
    """Clear what `what` means of a run; returns it as it was. Raises `NotFound` or `TaskIsRunning`."""
    cleared: list[TaskInstance] = []

    def decide(run: DagRun, dag: SerializedDag, instances: Sequence[TaskInstance]) -> Order | None:
        cleared[:] = chosen(dag, instances, what)
        if not cleared:
            return None
        if what.prevent_running and any(each.state is TaskState.RUNNING for each in cleared):
            raise TaskIsRunning(
                f"of what is to be cleared in run {key} some is running; wait for its end, or clear without "
                "prevent_running_task"
            )
        keys = [each.key for each in cleared]
        if what.states is None:
            keys += _not_begun(dag, instances, what)
        changed = replace(run, note=run.note if what.note is None else what.note)
        order = Order(clears=keys, reopens=what.reset_dag_run, run=changed)
        return _on_latest(cloud, order, instances) if what.on_latest_version else order

    intervene(cloud, clock, key, decide)
    return cleared


def _not_begun(dag: SerializedDag, instances: Iterable[TaskInstance], what: Clear) -> list[TaskKey]:
    """What is meant and has not begun: a worker may be about to begin it by what was true before."""
    wish = _wish(dag, what)
    there: set[str] = set()
    keys: list[TaskKey] = []
    for each in instances:
        there.add(each.task_id)
        if each.state is TaskState.NONE:
            keys.append(each.key)
    keys += [TaskKey(task.task_id, UNMAPPED) for task in dag.tasks if task.task_id not in there]
    return [key for key in keys if not is_gate(key.task_id) and (wish is None or wish.means(key))]


def add_new_tasks(cloud: Cloud, clock: Clock, key: RunKey, note: str | None = None) -> list[str]:
    """Let a run go on with the tasks that the newest version of its DAG has in addition; returns their task_ids."""
    added: list[str] = []

    def decide(run: DagRun, dag: SerializedDag, instances: Sequence[TaskInstance]) -> Order | None:
        added[:] = new_tasks(newest(cloud, key.dag_id), instances)
        if not added:
            return None
        changed = replace(run, note=run.note if note is None else note)
        return _on_latest(cloud, Order(clears=[TaskKey(name) for name in added], run=changed), instances)

    intervene(cloud, clock, key, decide)
    return added


def new_tasks(dag: SerializedDag, instances: Iterable[TaskInstance]) -> list[str]:
    """The tasks of a DAG that a run with `instances` does not have."""
    there = {each.task_id for each in instances}
    return [task.task_id for task in dag.tasks if task.task_id not in there]


def newest(cloud: Cloud, dag_id: str) -> SerializedDag:
    """The newest version of a DAG. Raises `NotFound`."""
    record = cloud.store.dag(dag_id)
    if record is None:
        raise NotFound(f"there is no DAG {dag_id!r}")
    return cloud.store.version(dag_id, record.version)


def _on_latest(cloud: Cloud, order: Order, instances: Iterable[TaskInstance]) -> Order:
    """`order`, with the run on the newest version of its DAG: what that does not have any more is removed."""
    record = cloud.store.dag(order.run.key.dag_id)
    if record is None:
        return order
    dag = cloud.store.version(record.dag_id, record.version)
    run = with_context(order.run, version=record.version, bundle=record.bundle, file=dag.file)
    removed = [each.key for each in instances if each.task_id not in dag.task_dict]
    kept = [key for key in order.clears if key.task_id in dag.task_dict]
    marks = {**order.marks, TaskState.REMOVED: removed} if removed else order.marks
    return replace(order, run=run, clears=kept, marks=marks)


def runs_between(cloud: Cloud, dag_id: str, start: datetime | None, end: datetime | None) -> list[DagRun]:
    """The runs of a DAG whose logical date lies between, both ends included; without either all that have one."""
    runs = cloud.store.runs(dag_id, limit=_ALL, newest_first=False)
    return [run for run in runs if _is_between(run.context.logical_date, start, end)]


def _is_between(date: datetime | None, start: datetime | None, end: datetime | None) -> bool:
    return date is not None and (start is None or start <= date) and (end is None or date <= end)
