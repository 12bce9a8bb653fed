"""From a planner's decisions to the records that carry them out: still pure, nothing is written here."""

import itertools
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sailplane.engine.memory import RunMemory
from sailplane.model.dags import SerializedDag
from sailplane.model.evolve import evolve
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.limits import HOLDING
from sailplane.model.resuming import Resumption
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState, TaskState
from sailplane.planner import advance, joins, slots
from sailplane.planner.alarms import QUEUED_ALARM
from sailplane.planner.plan import Look, Plan, Snapshot
from sailplane.planner.wiring import Node, wiring


class _Nonces:
    """A random name for the process and a number: as unique as random ones, at a hundredth of their cost."""

    def __init__(self) -> None:
        self.renew()
        # A forked copy must not go on with the same numbers.
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self._process = uuid.uuid4().hex
        self._numbers = itertools.count()

    def next(self) -> str:
        return f"{self._process}-{next(self._numbers)}"


_nonces = _Nonces()


def nonce() -> str:
    """What makes a write recognisable as one's own."""
    return _nonces.next()


@dataclass
class Draft:
    """What follows in a run: task instances to start, those that end without running, and what must be read first."""

    starts: list[TaskKey] = field(default_factory=list)
    settled: dict[TaskKey, TaskState] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    run: RunState | None = None
    may_be_over: bool = False
    states: dict[TaskKey, TaskState] = field(default_factory=dict)
    """The snapshot's states with all of the above applied."""
    sizes: dict[str, int] = field(default_factory=dict)
    """task_id -> how many instances it has, of those above that are one of several."""

    def resolves(self, dag: SerializedDag, ended: Iterable[TaskKey]) -> bool:
        """True when everything behind `ended` is decided and goes on: there is nothing to look at after the commit."""
        if self.looks or not self.starts:
            return False
        nodes = wiring(dag).nodes
        keys = [*ended, *self.settled]
        return all(self._has(below, key) for key in keys for below in nodes[key.task_id].dependents)

    def _has(self, node: Node, ended: TaskKey) -> bool:
        """Whether what waits for `ended` at `node` is decided."""
        if ended.task_id in node.near:
            return node.key_at(ended.map_index) in self.states
        if node.mapped_by is None or node.key in self.states:
            return node.key in self.states
        return all(node.key_at(index) in self.states for index in range(self.sizes.get(node.key.task_id, 1)))


def draft(dag: SerializedDag, snapshot: Snapshot, ended: Iterable[TaskKey]) -> Draft:
    """What follows from `ended`. A task with nothing to run ends at once, and what follows from that is drafted too."""
    return _complete(dag, snapshot, lambda now_ended, seen: advance.advance(dag, seen, now_ended), list(ended))


def draft_all(dag: SerializedDag, snapshot: Snapshot) -> Draft:
    """What is due in the whole run, of which `snapshot` knows everything: its first tasks, or what a crash left."""

    has_replanned = False

    def plan(ended: list[TaskKey], seen: Snapshot) -> Plan:
        nonlocal has_replanned
        if has_replanned:
            return advance.advance(dag, seen, ended)
        has_replanned = True
        return advance.replan(dag, seen)

    return _complete(dag, snapshot, plan, [])


PlanFor = Callable[[list[TaskKey], Snapshot], Plan]


def _complete(dag: SerializedDag, snapshot: Snapshot, plan_for: PlanFor, ended: list[TaskKey]) -> Draft:
    result = Draft(states=dict(snapshot.states))
    seen = replace(snapshot, states=result.states)
    while True:
        plan = plan_for(ended, seen)
        ended = _apply(dag, result, plan)
        if not ended:
            result.run = plan.run
            result.may_be_over = plan.may_be_over and not result.starts and not result.looks
            return result
        if result.sizes or dag.expansions:
            seen = _grown(dag, seen, result.sizes, ended)


def _grown(dag: SerializedDag, seen: Snapshot, sizes: Mapping[str, int], ended: Iterable[TaskKey]) -> Snapshot:
    """`seen`, and what was expanded since; what ended without a process returned nothing to map over."""
    by_owner = {dag.mapped_by[task_id]: size for task_id, size in sizes.items()}
    nothing = {
        key.task_id: None if key.map_index == UNMAPPED else 0
        for key in ended
        if dag.task_dict[key.task_id].is_mapped_over
    }
    return replace(seen, sizes={**seen.sizes, **by_owner}, lengths={**seen.lengths, **nothing})


def _apply(dag: SerializedDag, result: Draft, plan: Plan) -> list[TaskKey]:
    """Enter `plan` into `result`; returns the keys that ended by that without a process."""
    empty: list[TaskKey] = []
    result.sizes.update({each.key.task_id: each.size for each in plan.settles if each.size})
    result.sizes.update({each.key.task_id: each.size for each in plan.starts if each.size})
    for settle in plan.settles:
        result.settled[settle.key] = result.states[settle.key] = settle.state
    for start in plan.starts:
        if dag.task_dict[start.key.task_id].needs_code:
            result.starts.append(start.key)
            result.states[start.key] = TaskState.QUEUED
        else:
            empty.append(start.key)
            result.settled[start.key] = result.states[start.key] = TaskState.SUCCESS
    result.looks += tuple(look for look in plan.looks if look not in result.looks)
    return empty


_NEW = TaskInstance(run=RunKey("", ""), task_id="", state=TaskState.NONE)
"""What new task instances are copies of: so many fields take ten times as long to set one by one."""


def queued(run: RunMemory, key: TaskKey, now: datetime, size: int = 0) -> TaskInstance:
    """A task instance whose upstream tasks are done."""
    task = run.task(key)
    instance = evolve(
        _NEW,
        run=run.key,
        task_id=key.task_id,
        map_index=key.map_index,
        map_size=size,
        state=TaskState.QUEUED,
        max_tries=task.retries + 1,
        queue=task.queue,
        operator=task.operator,
        queued_at=now,
        alarm_at=now + QUEUED_ALARM,
        claim=nonce(),
    )
    limits = run.limits(task)
    if not limits:
        return instance
    return evolve(instance, limits=limits, pool_slots=task.pool_slots, rank=_rank(run, instance, now))


def _rank(run: RunMemory, instance: TaskInstance, now: datetime) -> str:
    priority = run.task(instance.key).priority(instance.try_number)
    return slots.rank(priority, run.context.run_after, now, instance.task_id, instance.map_index)


def waiting(instance: TaskInstance) -> TaskInstance:
    """`instance`, which was to be queued, until its limits have room for it.

    It has no alarm: who frees a place looks for it, and the run's alarm finds what nobody looked for.
    """
    return evolve(instance, state=TaskState.SCHEDULED, queued_at=None, alarm_at=None, waits_for_slots=True)


def within_limits(instance: TaskInstance) -> TaskInstance:
    """`instance`, which is to be queued: at once when it has no limits."""
    return waiting(instance) if instance.limits else instance


def ranked(run: RunMemory, instance: TaskInstance, now: datetime) -> TaskInstance:
    """`instance` by the priority of its try, as of now, among those that wait for slots."""
    return evolve(instance, rank=_rank(run, instance, now)) if instance.limits else instance


def admitted(instance: TaskInstance, now: datetime) -> TaskInstance:
    """`instance`, which waited for slots and has them."""
    return evolve(
        instance,
        state=TaskState.QUEUED,
        queued_at=now,
        alarm_at=now + QUEUED_ALARM,
        alarms=0,
        claim=nonce(),
        waits_for_slots=False,
    )


def running(instance: TaskInstance, worker: str, now: datetime, lease: timedelta) -> TaskInstance:
    """`instance`, claimed by `worker` for as long as `lease`, unless that renews it."""
    return evolve(
        instance,
        state=TaskState.RUNNING,
        started_at=now,
        ended_at=None,
        alarm_at=now + lease,
        alarms=0,
        claim=nonce(),
        worker=worker,
        error=None,
        waits_for=(),
        waits_for_slots=False,
    )


def requeued(instance: TaskInstance, now: datetime) -> TaskInstance:
    """`instance`, queued again: for its next try when this one failed, for the same one when it waited.

    One that has limits, and no place in them any more, waits for slots first.
    """
    is_next_try = instance.state is TaskState.UP_FOR_RETRY
    again = evolve(
        instance,
        state=TaskState.QUEUED,
        try_number=instance.try_number + 1 if is_next_try else instance.try_number,
        queued_at=now,
        started_at=None,
        ended_at=None,
        rescheduled_since=None if is_next_try else instance.rescheduled_since,
        resumption=None if is_next_try else _carried(instance),
        alarm_at=now + QUEUED_ALARM,
        alarms=0,
        claim=nonce(),
        worker="",
        xcoms={},
        skips=(),
        waits_for=(),
        has_log=False if is_next_try else instance.has_log,
        error=None,
        cpu_seconds=0.0 if is_next_try else instance.cpu_seconds,
        max_rss_mib=0.0 if is_next_try else instance.max_rss_mib,
        rendered="",
        waits_for_slots=False,
    )
    return again if instance.state in HOLDING else within_limits(again)


def _carried(instance: TaskInstance) -> Resumption | None:
    """How the try goes on; what it has pushed until now goes along."""
    resumption = instance.resumption
    if resumption is None or not instance.xcoms:
        return resumption
    return evolve(resumption, xcoms={**resumption.xcoms, **instance.xcoms})


def settled(run: RunMemory, key: TaskKey, state: TaskState, now: datetime, size: int = 0) -> TaskInstance:
    """A task instance that ends without having run."""
    task = run.dag.task_dict[key.task_id]
    return evolve(
        _NEW,
        run=run.key,
        task_id=key.task_id,
        map_index=key.map_index,
        map_size=size if key.map_index != UNMAPPED else 0,
        state=state,
        try_number=1 if state is TaskState.SUCCESS else 0,
        max_tries=task.retries + 1,
        queue=task.queue,
        operator=task.operator,
        started_at=now,
        ended_at=now,
        claim=nonce(),
        feeds=joins.feeds(run.dag, key.task_id, state, map_index=key.map_index, map_size=size),
    )


def settled_all(run: RunMemory, drafted: Draft, now: datetime) -> Sequence[TaskInstance]:
    sizes = drafted.sizes
    return [settled(run, key, state, now, sizes.get(key.task_id, 0)) for key, state in drafted.settled.items()]
