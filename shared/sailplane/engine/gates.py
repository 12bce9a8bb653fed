"""Retrying a task group, or a whole run: what its gate does (`model.gates`).

A gate's document waits as SCHEDULED from the end of the group until it is decided whether the group has failed, and as
UP_FOR_RETRY until the group runs again. The number of its try is that of the group's.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sailplane.cloud.changes import Replace
from sailplane.cloud.wiring import Cloud
from sailplane.engine import mapping
from sailplane.engine.draft import nonce
from sailplane.engine.memory import RunMemory
from sailplane.model.evolve import evolve
from sailplane.model.gates import leaves_of
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from sailplane.engine.interventions import Order
    from sailplane.engine.progress import Progress
    from sailplane.model.dags import SerializedDag

DECIDE_ALARM = timedelta(minutes=1)
"""When it is decided by a tick, should whoever created the gate have died."""
_FAILED = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})


def undecided(gate: TaskInstance, now: datetime) -> TaskInstance:
    """A gate whose group has just ended; it is under no limits, for it runs nothing."""
    return evolve(
        gate,
        state=TaskState.SCHEDULED,
        queued_at=None,
        alarm_at=now + DECIDE_ALARM,
        limits={},
        waits_for_slots=False,
    )


def decide(cloud: Cloud, progress: "Progress", run: RunMemory, gate: TaskInstance, now: datetime) -> None:
    """End `gate`, or have its group run again after its delay."""
    failed = _has_failed(cloud, run, gate)
    if failed and gate.try_number < gate.max_tries:
        delay = run.dag.gates[gate.task_id].retry_delay
        waiting = evolve(gate, state=TaskState.UP_FOR_RETRY, ended_at=now, alarm_at=now + delay, claim=nonce())
        cloud.store.commit([Replace(waiting)])
        return
    state = TaskState.FAILED if failed else TaskState.SUCCESS
    progress.end(run, ended(run, gate, state, now))


def ended(run: RunMemory, gate: TaskInstance, state: TaskState, now: datetime) -> TaskInstance:
    feeds = mapping.feeds(run.dag, gate, state)
    return evolve(gate, state=state, started_at=now, ended_at=now, alarm_at=None, claim=nonce(), feeds=feeds)


def _has_failed(cloud: Cloud, run: RunMemory, gate: TaskInstance) -> bool:
    mapped_by = run.dag.mapped_by
    leaves = leaves_of(run.dag, run.dag.gates[gate.task_id])
    near = [name for name in leaves if name in mapped_by and mapped_by.get(gate.task_id) == mapped_by[name]]
    far = {name for name in leaves if name in mapped_by and name not in near}
    keys = [TaskKey(name) for name in leaves if name not in mapped_by]
    keys += [TaskKey(name, gate.map_index) for name in near]
    states = [each.state for each in cloud.store.tasks(run.key, keys)]
    if far:
        states += [each.state for each in cloud.store.task_states(run.key) if each.task_id in far]
    return any(state in _FAILED for state in states)


def retry(cloud: Cloud, clock: Callable[[], datetime], run: RunKey, gate: TaskInstance) -> None:
    """Clear the group of `gate`, whose time has come, and what was decided behind it."""
    from sailplane.engine.interventions import Order, intervene

    def decide(run: DagRun, dag: "SerializedDag", instances: Sequence[TaskInstance]) -> "Order | None":
        stored = next((each for each in instances if each.key == gate.key), None)
        if stored is None or stored.state is not TaskState.UP_FOR_RETRY or gate.task_id not in dag.gates:
            return None
        return Order(clears=[*meant(dag, gate.key, instances), gate.key], run=run)

    intervene(cloud, clock, run, decide)


def meant(dag: "SerializedDag", gate: TaskKey, instances: Sequence[TaskInstance]) -> list[TaskKey]:
    """What runs again with the group of `gate`: its task instances, and those behind that were decided already."""
    from sailplane.planner.selection import Wish, widened

    mapped_by = dag.mapped_by
    own = mapped_by.get(gate.task_id)
    names = [name for name in dag.gates[gate.task_id].upstream if name not in dag.gates]
    is_near = gate.map_index != UNMAPPED
    named = [TaskKey(name, gate.map_index) if is_near and mapped_by.get(name) == own else name for name in names]
    wish = widened(dag, Wish.of(named, downstream=True))
    return [each.key for each in instances if each.state is not TaskState.NONE and wish.means(each.key)]


def along(dag: "SerializedDag", changed: Sequence[TaskKey], instances: Sequence[TaskInstance]) -> list[TaskKey]:
    """The gates that have to be decided anew when `changed` are cleared or marked."""
    if not dag.gates:
        return []
    indexes: dict[str, set[int]] = {}
    for key in changed:
        indexes.setdefault(key.task_id, set()).add(key.map_index)
    found: list[TaskKey] = []
    for gate in dag.gates.values():
        own = dag.mapped_by.get(gate.task_id)
        touched = [name for name in gate.upstream if name in indexes]
        for each in instances:
            if each.task_id != gate.task_id or each.state is TaskState.NONE:
                continue
            if any(
                dag.mapped_by.get(name) != own or own is None or each.map_index in indexes[name] for name in touched
            ):
                found.append(each.key)
                indexes.setdefault(gate.task_id, set()).add(each.map_index)
    known = set(changed)
    return [key for key in found if key not in known]
