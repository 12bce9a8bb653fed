"""Marking: task instances, groups and runs are given a state by hand, and the run goes on from there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sailplane.cloud.changes import Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine.interventions import Clock, Order, intervene
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import NotFound, RequestError
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunState, TaskState
from sailplane.planner.selection import Wish, reach, widened
from sailplane.planner.wiring import wiring

MARKABLE = (TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED)
_FAILED = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What is to be in which state."""

    named: tuple[str | TaskKey, ...]
    state: TaskState
    upstream: bool = False
    downstream: bool = False
    note: str | None = None
    """For the run."""

    def __post_init__(self) -> None:
        if self.state not in MARKABLE:
            raise RequestError(f"a task instance can be marked {', '.join(MARKABLE)}, and not {self.state}")


def meant(dag: SerializedDag, instances: Sequence[TaskInstance], what: Mark) -> list[TaskKey]:
    """The task instances that change by `what`: those too that nothing has made ready yet."""
    wish = Wish.of(what.named, upstream=what.upstream, downstream=what.downstream)
    unknown = [name for name in wish.tasks if name not in dag.task_dict]
    if unknown:
        raise NotFound(f"DAG {dag.dag_id!r} has no task {unknown[0]!r}")
    if what.upstream or what.downstream:
        wish = widened(dag, wish)
    there = {each.task_id for each in instances if each.state is not TaskState.NONE}
    keys = [each.key for each in instances if wish.means(each.key) and each.state is not what.state]
    waiting = (TaskKey(task.task_id, UNMAPPED) for task in dag.tasks if task.task_id not in there)
    return list(dict.fromkeys([*keys, *(key for key in waiting if wish.means(key))]))


def mark(cloud: Cloud, clock: Clock, key: RunKey, what: Mark) -> list[TaskKey]:
    """Mark what `what` means; what failed behind it because of it is cleared, as in Airflow. Returns what was marked.

    Raises `NotFound`.
    """
    marked: list[TaskKey] = []

    def decide(run: DagRun, dag: SerializedDag, instances: Sequence[TaskInstance]) -> Order | None:
        marked[:] = meant(dag, instances, what)
        if not marked:
            return None
        behind = {name for each in marked for name in reach(dag.downstream, each.task_id)}
        clears = [each.key for each in instances if each.task_id in behind and each.state in _FAILED]
        given = set(marked)
        cleared = [each for each in clears if each not in given]
        changed = replace(run, note=run.note if what.note is None else what.note)
        return Order(marks={what.state: marked}, clears=cleared, run=changed)

    intervene(cloud, clock, key, decide)
    return marked


def mark_run(cloud: Cloud, clock: Clock, key: RunKey, state: RunState) -> DagRun:
    """End a run in `state`: teardowns that have not run still do. `queued`: see `reopen`. Raises `NotFound`.

    As in Airflow: of one that succeeds all tasks have succeeded; of one that fails what runs fails, and what has not
    begun is skipped.
    """
    if state is RunState.QUEUED:
        return reopen(cloud, clock, key)
    if not state.is_terminal:
        raise RequestError(f"a run can be marked {RunState.SUCCESS} or {RunState.FAILED}, and not {state}")

    def decide(run: DagRun, dag: SerializedDag, instances: Sequence[TaskInstance]) -> Order | None:
        if run.state is state:
            return None
        marks: dict[TaskState, list[TaskKey]] = {}
        found = _all(dag, instances)
        waits = any(
            dag.task_dict[key.task_id].is_teardown and not now.is_terminal
            for key, now in found
            if key.task_id in dag.task_dict
        )
        for each, now in found:
            if (wanted := _wanted(dag, each, now, state, fails_leaves=waits)) is not None and wanted is not now:
                marks.setdefault(wanted, []).append(each)
        return Order(marks=dict(marks), run=run, run_state=state, reopens=False)

    return intervene(cloud, clock, key, decide)


def _all(dag: SerializedDag, instances: Sequence[TaskInstance]) -> list[tuple[TaskKey, TaskState]]:
    there = {each.task_id for each in instances if each.state is not TaskState.NONE}
    known = [(each.key, each.state) for each in instances]
    missing = [(TaskKey(name, UNMAPPED), TaskState.NONE) for name in dag.task_dict if name not in there]
    return list(dict([*missing, *known]).items())


def _wanted(
    dag: SerializedDag, key: TaskKey, now: TaskState, state: RunState, *, fails_leaves: bool
) -> TaskState | None:
    """What a task instance becomes; None: it stays.

    `fails_leaves`: the run goes on, with its teardowns, and its state will be made of its leaves'.
    """
    task = dag.task_dict.get(key.task_id)
    if task is None or (task.is_teardown and not now.is_terminal):
        return None
    if state is RunState.SUCCESS:
        return None if now is TaskState.REMOVED else TaskState.SUCCESS
    if now.is_terminal:
        return None
    was_running = now in (TaskState.RUNNING, TaskState.RESTARTING)
    fails = was_running or (fails_leaves and key.task_id in wiring(dag).leaves)
    return TaskState.FAILED if fails else TaskState.SKIPPED


def reopen(cloud: Cloud, clock: Clock, key: RunKey) -> DagRun:
    """Let a run that has ended go on with what is due in it, if anything is. Raises `NotFound`."""
    return intervene(cloud, clock, key, lambda run, _dag, _instances: Order(run=run) if run.state.is_terminal else None)


def change_note(cloud: Cloud, key: RunKey, note: str | None) -> DagRun:
    """Set the note of a run. Raises `NotFound`."""
    while True:
        run = cloud.store.run(key)
        if run is None:
            raise NotFound(f"DAG {key.dag_id!r} has no run {key.run_id!r}")
        changed = replace(run, note=note or None)
        result = cloud.store.commit([Replace(changed)])
        if isinstance(result, Committed):
            return replace(changed, token=result.tokens[0])
