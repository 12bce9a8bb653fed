"""Gates: what is behind a task group with retries, or behind all of a DAG with retries, in place of the author's tasks.

A gate is a task that nobody sees. It waits until all of its group has ended. If the group has failed, by its leaves as
a run does, and may be retried, the gate waits for its time and then has the group cleared, itself included; else it
ends. Tasks outside that depend on the group wait for its gate, so none of them sees a failure that is made good.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from sailplane.model.states import TriggerRule

if TYPE_CHECKING:
    from sailplane.model.dags import SerializedDag, SerializedTask

_GATE = "+retry"
"""No author can give a task such an id."""


def is_gate(task_id: str) -> bool:
    return task_id == _GATE or task_id.startswith(f"{_GATE}.")


def gate_id(group_id: str) -> str:
    """The gate's task_id; of the DAG's for an empty text."""
    return f"{_GATE}.{group_id}" if group_id else _GATE


def gates_of(dag: "SerializedDag") -> Mapping[str, "SerializedTask"]:
    """The gates of a DAG by task_id, those of inner groups first."""
    wanted = [(group.group_id, group.retries, group.retry_delay) for group in dag.groups if group.retries]
    wanted.sort(key=lambda each: (-len(list(_around(dag, each[0]))), each[0]))
    if dag.retries:
        wanted.append(("", dag.retries, dag.retry_delay))
    made: dict[str, SerializedTask] = {}
    for group_id, retries, delay in wanted:
        gate = _gate(dag, group_id, retries, delay, made)
        if gate.upstream:
            made[gate.task_id] = gate
    return made


def _gate(
    dag: "SerializedDag", group_id: str, retries: int, delay: timedelta, inner: Mapping[str, "SerializedTask"]
) -> "SerializedTask":
    from sailplane.model.dags import SerializedTask

    awaited = {task.task_id for task in dag.tasks if is_inside(dag, task.group_id, group_id)}
    awaited |= {gate.task_id for gate in inner.values() if is_inside(dag, gate.group_id, group_id)}
    return SerializedTask(
        task_id=gate_id(group_id),
        operator="",
        upstream=tuple(sorted(awaited)),
        trigger_rule=TriggerRule.ALL_DONE,
        retries=retries,
        retry_delay=delay,
        group_id=group_id or None,
    )


def is_inside(dag: "SerializedDag", inner: str | None, group_id: str) -> bool:
    """Whether group `inner` is `group_id` or in it; an empty text stands for the DAG."""
    return not group_id or group_id in _around(dag, inner)


def _around(dag: "SerializedDag", group_id: str | None) -> Iterable[str]:
    """A group, and the groups around it."""
    parents = {group.group_id: group.parent_id for group in dag.groups}
    while group_id:
        yield group_id
        group_id = parents.get(group_id)


def awaited_gates(dag: "SerializedDag") -> Mapping[str, frozenset[str]]:
    """task_id -> the gates of groups that it is not in and depends on."""
    found: dict[str, set[str]] = {}
    for gate in dag.gates.values():
        members = set(gate.upstream)
        for task in dag.tasks:
            if task.task_id not in members and members & set(task.upstream):
                found.setdefault(task.task_id, set()).add(gate.task_id)
    return {task_id: frozenset(gates) for task_id, gates in found.items()}


def leaves_of(dag: "SerializedDag", gate: "SerializedTask") -> tuple[str, ...]:
    """Whose states say how the gate's group ended: as of a run's leaves, teardowns count only if they say so."""
    members = [name for name in gate.upstream if not is_gate(name)]
    inside = frozenset(members)

    def counts(name: str) -> bool:
        task = dag.task_dict[name]
        return not task.is_teardown or task.on_failure_fail_dagrun

    def is_leaf(name: str) -> bool:
        return counts(name) and not any(each in inside and counts(each) for each in dag.downstream[name])

    return tuple(name for name in members if is_leaf(name)) or tuple(members)


def with_gates(dag: "SerializedDag") -> "tuple[SerializedTask, ...]":
    """Tasks and gates in an order in which each comes after what it waits for.

    Raises `ValueError` when there is none: a task outside a group with retries stands between two of its tasks.
    """
    if not dag.gates:
        return dag.tasks
    awaits = awaited_gates(dag)
    everything = {**{task.task_id: task for task in dag.tasks}, **dag.gates}
    done: dict[str, SerializedTask] = {}
    left = list(everything.values())
    while left:
        ready = [each for each in left if all(name in done for name in (*each.upstream, *awaits.get(each.task_id, ())))]
        if not ready:
            outside = [each.task_id for each in left if each.task_id in awaits]
            raise ValueError(f"task {min(outside)!r} would wait for itself")
        done.update({each.task_id: each for each in ready})
        left = [each for each in left if each.task_id not in done]
    return tuple(done.values())
