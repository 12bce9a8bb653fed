"""What planning needs of a DAG again and again, worked out once per DAG object."""

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.gates import awaited_gates, with_gates
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.mapping import Expansion
from sailplane.model.states import TriggerRule

WIDE = 8
"""A join over more upstream tasks than this is counted, not read: that many reads by key take about as long as one
count, and a count does not grow."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Node:
    """A task with what it waits for and what waits for it.

    Of a mapped task, or one in a mapped group, the keys here are those that stand alone: of the task as a whole when it
    has no instances. `key_at` and `keys_at` give those of one instance.
    """

    rank: int
    """Its place in topological order."""
    task: SerializedTask
    key: TaskKey
    upstream: tuple[TaskKey, ...]
    upstream_ids: frozenset[str]
    upstream_setups: tuple[TaskKey, ...]
    """Those of `upstream` that are setups."""
    setups: tuple[TaskKey, ...]
    """Setups further up in whose scope the task is: they must succeed, whatever its rule."""
    scope: tuple[TaskKey, ...]
    """For a teardown: the tasks between it and its setups that it does not name; they must have ended."""
    dependents: "tuple[Node, ...]"
    """Whose turn may come when this one ends, in topological order."""
    wide_joins: tuple[str, ...]
    """The direct downstream tasks that count it."""
    mapped_by: str | None = None
    """What gives it several instances: its own id, or that of the mapped group around it."""
    expansion: Expansion | None = None
    gates: tuple[TaskKey, ...] = ()
    """Of groups with retries that it stands behind: they must have ended before it is decided."""
    near: frozenset[str] = frozenset()
    """Of the tasks that it waits for, those in the same mapped group: instance i waits for their instance i alone."""
    near_upstream: tuple[TaskKey, ...] = ()
    far_upstream: tuple[TaskKey, ...] = ()
    """`upstream` parted: `near`, and the others, of which all instances count."""
    far_mapped: tuple[TaskKey, ...] = ()
    """Those of `far_upstream` that are mapped."""
    is_wide: bool = False
    """True when `far_upstream` is counted, not read: it is wide, or one of it has instances whose number the DAG does
    not tell."""

    @property
    def starts_at_once(self) -> bool:
        return _starts_at_once(self.task) and not (self.expansion and self.expansion.producers)

    @property
    def has_instances_of_its_own(self) -> bool:
        """True when it is mapped over what other tasks return, by itself: the rule is asked once, for all instances.

        The tasks of a mapped group, and one mapped over literals, are judged instance by instance.
        """
        return self.mapped_by == self.key.task_id and bool(self.expansion and self.expansion.producers)

    def waits_for(self, key: TaskKey, index: int) -> bool:
        """Whether instance `index` of it waits for `key`, which need not exist."""
        if key.task_id in self.near and key.map_index != index:
            return False
        return key.task_id in self.upstream_ids

    def key_at(self, index: int) -> TaskKey:
        return self.key if index == UNMAPPED else TaskKey(self.key.task_id, index)

    def keys_at(self, keys: tuple[TaskKey, ...], index: int) -> tuple[TaskKey, ...]:
        """`keys` of tasks that it waits for, as instance `index` of it sees them."""
        if index == UNMAPPED or not self.near:
            return keys
        return tuple(TaskKey(key.task_id, index) if key.task_id in self.near else key for key in keys)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Wiring:
    """All nodes of a DAG."""

    nodes: Mapping[str, Node]
    """By task_id, in topological order."""
    by_rank: tuple[Node, ...]
    mapped: tuple[Node, ...]
    """Those with several instances."""
    leaves: frozenset[str]
    """task_ids of those whose states make the run's state."""


_KEPT: dict[int, Wiring] = {}


def wiring(dag: SerializedDag) -> Wiring:
    """The wiring of `dag`, kept as long as `dag` lives."""
    kept = _KEPT.get(id(dag))
    if kept is None:
        kept = _KEPT[id(dag)] = _wire(dag)
        weakref.finalize(dag, _KEPT.pop, id(dag), None).atexit = False
    return kept


def _wire(dag: SerializedDag) -> Wiring:
    tasks = with_gates(dag)
    keys = {task.task_id: TaskKey(task.task_id) for task in tasks}
    setups = _setups_above(dag)
    scopes = _teardown_scopes(dag)
    gates = awaited_gates(dag) if dag.gates else {}
    counted_by = _awaited_by({gate.task_id: gate.upstream for gate in dag.gates.values()})
    later = _awaited_by(setups, scopes, gates, {gate.task_id: gate.upstream for gate in dag.gates.values()})
    nodes: dict[str, Node] = {}
    for rank in reversed(range(len(tasks))):
        task = tasks[rank]
        counting = (*dag.downstream.get(task.task_id, ()), *sorted(counted_by.get(task.task_id, ())))
        following = [nodes[task_id] for task_id in {*counting, *later.get(task.task_id, ())}]
        dependents = (node for node in following if not node.starts_at_once)
        mapped_by = dag.mapped_by.get(task.task_id)
        behind = gates.get(task.task_id, ())
        awaited = (*task.upstream, *setups.get(task.task_id, ()), *scopes.get(task.task_id, ()), *behind)
        near = frozenset(each for each in awaited if mapped_by and dag.mapped_by.get(each) == mapped_by)
        far = [task_id for task_id in task.upstream if task_id not in near]
        nodes[task.task_id] = Node(
            rank=rank,
            task=task,
            key=keys[task.task_id],
            upstream=tuple(keys[task_id] for task_id in task.upstream),
            upstream_ids=frozenset(task.upstream),
            upstream_setups=tuple(keys[task_id] for task_id in task.upstream if dag.task_dict[task_id].is_setup),
            setups=_in_order(keys, setups.get(task.task_id, ())),
            scope=_in_order(keys, scopes.get(task.task_id, ())),
            dependents=tuple(sorted(dependents, key=lambda node: node.rank)),
            wide_joins=tuple(each for each in counting if _counts(nodes[each], task.task_id)),
            mapped_by=mapped_by,
            expansion=dag.expansions[mapped_by] if mapped_by else None,
            gates=_in_order(keys, behind),
            near=near,
            near_upstream=tuple(keys[task_id] for task_id in task.upstream if task_id in near),
            far_upstream=tuple(keys[task_id] for task_id in far),
            far_mapped=tuple(keys[task_id] for task_id in far if task_id in dag.mapped_by),
            is_wide=len(far) > WIDE or any(task_id in dag.mapped_by for task_id in far),
        )
    ordered = tuple(nodes[task.task_id] for task in tasks)
    return Wiring(
        nodes={node.key.task_id: node for node in ordered},
        by_rank=ordered,
        mapped=tuple(node for node in ordered if node.mapped_by),
        leaves=frozenset(_leaves(dag)),
    )


def _starts_at_once(task: SerializedTask) -> bool:
    """True when it waits for nothing: it is one of a run's first tasks."""
    return not task.upstream or task.trigger_rule is TriggerRule.ALWAYS


def _counts(node: Node, upstream_id: str) -> bool:
    return node.is_wide and not node.starts_at_once and upstream_id not in node.near


def _in_order(keys: Mapping[str, TaskKey], task_ids: Iterable[str]) -> tuple[TaskKey, ...]:
    return tuple(keys[task_id] for task_id in sorted(task_ids))


def _leaves(dag: SerializedDag) -> list[str]:
    """Airflow's leaf rule: teardowns count only if they say `on_failure_fail_dagrun`, or if nothing else is there."""

    def is_leaf(task_id: str) -> bool:
        downstream = dag.downstream[task_id]
        return _is_counted(dag.task_dict[task_id]) and not any(_is_counted(dag.task_dict[each]) for each in downstream)

    return [task.task_id for task in dag.tasks if is_leaf(task.task_id)] or list(dag.leaves)


def _is_counted(task: SerializedTask) -> bool:
    return not task.is_teardown or task.on_failure_fail_dagrun


def _setups_above(dag: SerializedDag) -> dict[str, set[str]]:
    """For each task, the setups in whose scope it is and that it does not name as upstream.

    As Airflow has it: a setup without teardowns reaches all tasks after it; one with teardowns reaches those from which
    one of its teardowns can be reached. A teardown itself has none.
    """
    found: dict[str, set[str]] = {}
    for setup in dag.tasks:
        if not setup.is_setup:
            continue
        reached = _below(dag, setup.task_id)
        teardowns = _teardowns_of(dag, setup.task_id)
        if teardowns:
            reached &= {task_id for teardown in teardowns for task_id in _above(dag, teardown)}
        for task_id in reached:
            task = dag.task_dict[task_id]
            if not task.is_teardown and not _starts_at_once(task) and setup.task_id not in task.upstream:
                found.setdefault(task_id, set()).add(setup.task_id)
    return found


def _teardown_scopes(dag: SerializedDag) -> dict[str, set[str]]:
    """For each teardown, the tasks between its setups and it that it does not name as upstream."""
    scopes: dict[str, set[str]] = {}
    for task in dag.tasks:
        if task.is_teardown and not _starts_at_once(task):
            between = _above(dag, task.task_id) - set(task.upstream)
            setups = [task_id for task_id in task.upstream if dag.task_dict[task_id].is_setup]
            scopes[task.task_id] = {task_id for setup in setups for task_id in between & _below(dag, setup)}
    return scopes


def _awaited_by(*awaited: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """From "task -> what it awaits" to "task -> who awaits it"."""
    turned: dict[str, set[str]] = {}
    for mapping in awaited:
        for task_id, upstream_ids in mapping.items():
            for upstream_id in upstream_ids:
                turned.setdefault(upstream_id, set()).add(task_id)
    return turned


def _teardowns_of(dag: SerializedDag, setup_id: str) -> list[str]:
    return [task_id for task_id in dag.downstream[setup_id] if dag.task_dict[task_id].is_teardown]


def _below(dag: SerializedDag, task_id: str) -> set[str]:
    return _reach(dag.downstream, task_id)


def _above(dag: SerializedDag, task_id: str) -> set[str]:
    return _reach({task.task_id: task.upstream for task in dag.tasks}, task_id)


def _reach(edges: Mapping[str, tuple[str, ...]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = list(edges[start])
    while ahead:
        task_id = ahead.pop()
        if task_id not in reached:
            reached.add(task_id)
            ahead.extend(edges[task_id])
    return reached
