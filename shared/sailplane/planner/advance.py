"""What follows in a run when task instances end.

`advance` takes what a worker knows, which may be little, and says what to start, what to settle without running it, and
what must be read first. How it is used:

1. A worker that is about to record an end puts it into the snapshot and calls `advance`. Starts and settles go into the
   same commit as the end.
2. After that commit it reads what the looks name, adds it to the snapshot (`NONE` for what does not exist) and calls
   `advance` again, with the same ends and the settled keys as `ended`, until no look is left.
3. Settles that it then commits are ends: it goes on with 2, and reads anew what it saw unfinished or counted before.
4. When a start or settle turns out to exist already, its true state goes into the snapshot and `advance` is called
   again. A settle that exists goes into `ended` too: no message pushes on from it, only who settles it.

What the snapshot may say: a terminal state only if it is committed, or part of the commit that the plan goes into; any
other state (`NONE` too) only if it was read after the commit of `ended`, or is the caller's own doing and its end will
come through `advance` here. Then of several workers that end the upstream tasks of a join at the same moment at least
one sees them all.
"""

import heapq
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.states import TERMINAL, RunState, TaskState, TriggerRule
from sailplane.planner import closing
from sailplane.planner.extents import Extents, Missing
from sailplane.planner.plan import Look, Plan, Settle, Snapshot, Start
from sailplane.planner.rules import (
    STARTS_EARLY,
    WAITING,
    Judgement,
    UpstreamCounts,
    Verdict,
    judge,
    judge_alone,
    judge_unmapped,
    tally,
)
from sailplane.planner.unfinished import Unfinished
from sailplane.planner.wiring import Node, wiring


def advance(dag: SerializedDag, snapshot: Snapshot, ended: Iterable[TaskKey]) -> Plan:
    """What follows from the task instances `ended` having ended; they are in `snapshot.states`.

    Decides what waits for them, and what waits for what is settled thereby. Proposes nothing that `snapshot` has.
    """
    step = _Step(dag, snapshot)
    for key in dict.fromkeys(ended):
        if (node := step.wiring.nodes.get(key.task_id)) is not None:
            step.note_end(node, key.map_index, snapshot.states[key])
            step.note_far_skips(node, key)
    while step.ahead:
        rank, index = heapq.heappop(step.ahead)
        step.consider(step.wiring.by_rank[rank], index)
    return step.plan()


def replan(dag: SerializedDag, snapshot: Snapshot) -> Plan:
    """What is due in the whole run, first tasks included; `snapshot` has all task instances that exist.

    Creates a run's first tasks, and finds what a crash left undone. Applied twice it finds nothing the second time.
    """
    step = _Step(dag, snapshot, over_all=True)
    for node in step.wiring.by_rank:
        step.consider(node, UNMAPPED)
    return step.plan()


_SETTLED = {Verdict.SKIP: TaskState.SKIPPED, Verdict.UPSTREAM_FAILED: TaskState.UPSTREAM_FAILED}
_NOTHING_YET = (None, TaskState.NONE)


class _Step:
    """One call of `advance`: the snapshot, and on top of it what was decided so far."""

    def __init__(self, dag: SerializedDag, snapshot: Snapshot, *, over_all: bool = False) -> None:
        self.dag = dag
        self.wiring = wiring(dag)
        self.snapshot = snapshot
        self.states = snapshot.states
        self.over_all = over_all
        """True: nothing may be left to others, they may have crashed."""
        self.complete = over_all or snapshot.complete
        self.extents = Extents(self.wiring, snapshot, self.known, complete=self.complete)
        self.decided: dict[TaskKey, TaskState] = {}
        """Settled keys with their state, started ones as QUEUED."""
        self.unfinished = Unfinished(self.wiring, self.states, self.decided, self.known)
        self.ends: dict[str, dict[TaskState, int]] = {}
        """Wide join -> states of those of its upstream tasks that ended or were settled in this call."""
        self.uncounted: set[str] = set()
        """Wide joins with an upstream task that was settled in this call: the store cannot have counted it yet."""
        self.ahead: list[tuple[int, int]] = []
        """Rank and map index of what to consider, as a heap: when its turn comes, all before it is decided."""
        self.noted: set[tuple[int, int]] = set()
        self.starts: list[Start] = []
        self.settles: list[Settle] = []
        self.looks: list[Look] = []
        self.goes_on = False

    def note_end(self, node: Node, index: int, state: TaskState) -> None:
        task_id = node.key.task_id
        for dependent in node.dependents:
            self.note(dependent, index if task_id in dependent.near else UNMAPPED)
        for join in node.wide_joins:
            states = self.ends.setdefault(join, {})
            states[state] = states.get(state, 0) + 1

    def note_far_skips(self, node: Node, key: TaskKey) -> None:
        """A short circuit that ended skips tasks further down too."""
        for task_id in sorted(self.snapshot.skipped_by_branch.get(key, ())):
            skipped = self.wiring.nodes[task_id]
            shares = skipped.mapped_by is not None and skipped.mapped_by == node.mapped_by
            self.note(skipped, key.map_index if shares else UNMAPPED)

    def note(self, node: Node, index: int) -> None:
        place = node.rank, index
        if place not in self.noted:
            self.noted.add(place)
            heapq.heappush(self.ahead, place)

    def consider(self, node: Node, index: int) -> None:
        """Decide a task instance if it can be; `UNMAPPED` of a mapped task: all of it."""
        if node.mapped_by is None or index != UNMAPPED:
            self.consider_one(node, index)
        elif self.known(node.key) not in _NOTHING_YET:
            self.consider_one(node, UNMAPPED)
        else:
            self.consider_all(node, self.extents.size(node))

    def consider_one(self, node: Node, index: int) -> None:
        state = self.known(node.key_at(index))
        if state is None or state is TaskState.NONE:
            self.act(node, index, self.outcome(node, index))
        elif not state.is_terminal:
            self.goes_on = True

    def consider_all(self, node: Node, size: int | Missing | None) -> None:
        """Decide the instances of a mapped task that does not stand alone so far."""
        if isinstance(size, Missing):
            self.goes_on = True
            if size:
                self.looks.append(Look(node.key.task_id, size.keys, measures=size.measures))
        elif not size:
            self.consider_empty(node, size)
        elif not node.has_instances_of_its_own:
            self.expand(node, size)
        elif self.known(node.key_at(0)) in _NOTHING_YET:
            outcome = self.outcome(node, UNMAPPED)
            if _runs(outcome):
                self.expand(node, size, outcome)
            else:
                self.act(node, UNMAPPED, outcome)
        elif self.complete:
            self.expand(node, size)

    def consider_empty(self, node: Node, size: int | None) -> None:
        """A mapped task without instances: it has none to start, so it stands alone and is settled.

        When its rule would start it, by what became of the tasks that it is mapped over, as in Airflow.
        """
        outcome = self.outcome(node, UNMAPPED)
        if _runs(outcome):
            assert node.expansion is not None
            states = {self.known(self.wiring.nodes[each].key) for each in node.expansion.producers}
            outcome = judge_unmapped(states, has_no_items=size is not None)
        self.act(node, UNMAPPED, outcome)

    def expand(self, node: Node, size: int, outcome: Judgement | Look | None = None) -> None:
        """Decide each instance; by `outcome` when it holds for all."""
        assert node.mapped_by is not None
        self.extents.sizes[node.mapped_by] = size
        for index in range(size):
            if outcome is None:
                self.consider_one(node, index)
            else:
                self.act(node, index, outcome)

    def act(self, node: Node, index: int, outcome: Judgement | Look) -> None:
        if isinstance(outcome, Look):
            self.looks.append(outcome)
            self.goes_on = True
            return
        key = node.key_at(index)
        size = self.extents.sizes[node.mapped_by] if node.mapped_by and index != UNMAPPED else 0
        if (state := _SETTLED.get(outcome.verdict)) is not None:
            self.decided[key] = state
            self.settles.append(Settle(key, state, outcome.reason, size))
            self.uncounted.update(node.wide_joins)
            self.note_end(node, index, state)
        else:
            self.goes_on = True
            if outcome.verdict is Verdict.RUN:
                self.decided[key] = TaskState.QUEUED
                self.starts.append(Start(key, outcome.reason, size))

    def known(self, key: TaskKey) -> TaskState | None:
        """The state of a task instance; None when it is unknown."""
        state = self.decided.get(key) or self.states.get(key)
        return TaskState.NONE if state is None and self.complete else state

    def outcome(self, node: Node, index: int) -> Judgement | Look:
        if self.snapshot.skipped_by_branch and self.is_not_chosen(node, index):
            return Judgement(Verdict.SKIP, "an upstream branch did not choose it")
        if node.gates:
            gates = self.judge_keys(node, index, TriggerRule.ALL_DONE, node.gates)
            if not _runs(gates):
                return gates
        if node.setups:
            setups = self.judge_keys(node, index, TriggerRule.ALL_SUCCESS, node.setups)
            if not _runs(setups):
                return setups
        rule = node.task.trigger_rule
        outcome = self.judge_wide(node, index) if node.is_wide else self.judge_keys(node, index, rule, node.upstream)
        if node.scope and _runs(outcome):
            scope = self.judge_keys(node, index, TriggerRule.ALL_DONE, node.scope)
            outcome = outcome if _runs(scope) else scope
        if rule in STARTS_EARLY and _runs(outcome) and self.may_have_started(node, index):
            return Look(node.key.task_id, self.firsts(node, index))
        return outcome

    def firsts(self, node: Node, index: int) -> tuple[TaskKey, ...]:
        """The task instances that exist if it was decided: of a mapped task as a whole, one of two."""
        if index == UNMAPPED and node.mapped_by is not None:
            return node.key, node.key_at(0)
        return (node.key_at(index),)

    def may_have_started(self, node: Node, index: int) -> bool:
        """True when another upstream task may have started it, so long ago that it may have ended since.

        Then nobody but who ends the upstream task at hand finds that the run is over, so it must know.
        """
        if all(self.known(key) is not None for key in self.firsts(node, index)):
            return False
        keys = self.keys(node, index, node.upstream)
        return len(keys) != 1 and not all(self.known(key) in TERMINAL for key in keys)

    def is_not_chosen(self, node: Node, index: int) -> bool:
        if node.task.trigger_rule is TriggerRule.ALWAYS:
            return False
        task_id = node.key.task_id
        return any(
            task_id in skipped and (branch.map_index in (UNMAPPED, index) or not self.shares_mapping(branch, node))
            for branch, skipped in self.snapshot.skipped_by_branch.items()
        )

    def shares_mapping(self, key: TaskKey, node: Node) -> bool:
        return node.mapped_by is not None and self.wiring.nodes[key.task_id].mapped_by == node.mapped_by

    def keys(self, node: Node, index: int, awaited: tuple[TaskKey, ...]) -> tuple[TaskKey, ...]:
        """The task instances that instance `index` of `node` waits for: all of each far task in `awaited`."""
        if not self.wiring.mapped:
            return awaited
        keys: list[TaskKey] = []
        for key in node.keys_at(awaited, index):
            is_far = key.task_id not in node.near
            keys += self.extents.keys(self.wiring.nodes[key.task_id]) if is_far else (key,)
        return tuple(keys)

    def judge_keys(self, node: Node, index: int, rule: TriggerRule, awaited: tuple[TaskKey, ...]) -> Judgement | Look:
        """The verdict by the states of `awaited`, or a look at those that are unknown.

        No look while one of them is known to be unfinished: whoever ends it comes here again, and what can be decided
        before that, the one whose end decides it has decided.
        """
        keys = self.keys(node, index, awaited)
        if len(keys) == 1 and not node.upstream_setups and (state := self.known(keys[0])) is not None:
            return judge_alone(rule, state)
        states, unknown = self.tally(keys)
        judgement = judge(rule, self.with_setups(node, index, tally(len(keys), states)))
        some_open = not TERMINAL.issuperset(states)
        if judgement.verdict is not Verdict.WAIT or not unknown or some_open:
            return judgement
        return Look(node.key.task_id, tuple(unknown))

    def judge_wide(self, node: Node, index: int) -> Judgement | Look:
        """Like `judge_keys`, for a join over so many that it does not go through them at each end."""
        rule = node.task.trigger_rule
        total = self.extents.total_before(node)
        near, unknown = self.tally(node.keys_at(node.near_upstream, index))
        unknown_setups = self.unknown_setups(node, index)
        is_open = self.has_open_upstream(node, index)
        for counts in () if unknown_setups else self.wide_counts(node, total, has_open=is_open):
            judgement = judge(rule, self.with_setups(node, index, _plus(counts, len(node.near_upstream), near)))
            if judgement.verdict is not Verdict.WAIT:
                return judgement
        missing = (*unknown_setups, *unknown)
        if self.complete or is_open or (self.is_counted(node) and not missing):
            return WAITING
        if isinstance(total, Missing):
            keys = (*missing, *total.keys)
            return Look(node.key.task_id, keys, measures=total.measures) if total or keys else WAITING
        return Look(node.key.task_id, missing, counted=True, total=total)

    def far_nodes(self, node: Node) -> Iterator[Node]:
        return (self.wiring.nodes[key.task_id] for key in node.far_upstream)

    def wide_counts(self, node: Node, total: int | Missing, *, has_open: bool) -> Iterator[UpstreamCounts]:
        """What is known of a wide join, the cheapest to find first; each may fall short of the truth."""
        task_id = node.key.task_id
        if isinstance(total, Missing):
            yield tally(sys.maxsize, self.ends.get(task_id, {}))
            return
        yield tally(total, self.ends.get(task_id, {}))
        if task_id in self.snapshot.counts:
            yield self.snapshot.counts[task_id]
        all_may_be_known = self.complete or len(self.states) + len(self.decided) >= total
        has_open = self.has_open_upstream(node, UNMAPPED) if node.near else has_open
        if self.over_all or (all_may_be_known and not has_open):
            keys = (key for upstream in self.far_nodes(node) for key in self.extents.keys(upstream))
            yield tally(total, self.tally(keys)[0])

    def is_counted(self, node: Node) -> bool:
        """True when the snapshot has a count that cannot have missed anything decided in this call."""
        task_id = node.key.task_id
        return task_id in self.snapshot.counts and task_id not in self.uncounted

    def tally(self, keys: Iterable[TaskKey]) -> tuple[dict[TaskState, int], list[TaskKey]]:
        """How many of `keys` are in which state, and those of which nothing is known."""
        states: dict[TaskState, int] = {}
        unknown: list[TaskKey] = []
        for key in keys:
            state = self.known(key)
            if state is None:
                unknown.append(key)
            else:
                states[state] = states.get(state, 0) + 1
        return states, unknown

    def with_setups(self, node: Node, index: int, counts: UpstreamCounts) -> UpstreamCounts:
        if not node.upstream_setups:
            return counts
        keys = self.keys(node, index, node.upstream_setups)
        states, _ = self.tally(keys)
        return replace(
            counts,
            setup_total=len(keys),
            setup_success=states.get(TaskState.SUCCESS, 0),
            setup_skipped=states.get(TaskState.SKIPPED, 0),
        )

    def unknown_setups(self, node: Node, index: int) -> tuple[TaskKey, ...]:
        if node.task.trigger_rule is not TriggerRule.ALL_DONE_SETUP_SUCCESS:
            return ()
        return tuple(self.tally(self.keys(node, index, node.upstream_setups))[1])

    def has_open_upstream(self, node: Node, index: int) -> bool:
        """True when an upstream task instance is known to be unfinished, or starts now."""
        return self.unfinished.is_before(node, index) or any(node.waits_for(each.key, index) for each in self.starts)

    def plan(self) -> Plan:
        goes_on = self.goes_on or bool(self.unfinished)
        run = None if goes_on else self.run_state()
        return Plan(
            starts=tuple(self.starts),
            settles=tuple(self.settles),
            looks=tuple(self.looks),
            run=run,
            may_be_over=not goes_on and run is None,
        )

    def run_state(self) -> RunState | None:
        expected = closing.expected(self.dag, self.states, self.extents.sizes)
        if len(self.states) + len(self.decided) < expected:
            return None
        states = {**self.states, **self.decided} if self.decided else self.states
        state = closing.run_state(self.dag, states, self.extents.sizes)
        return state if state.is_terminal else None


def _plus(counts: UpstreamCounts, total: int, states: Mapping[TaskState, int]) -> UpstreamCounts:
    """`counts`, and `total` more task instances that are in `states`."""
    if not total:
        return counts
    more = tally(total, states)
    return UpstreamCounts(
        total=counts.total + total,
        success=counts.success + more.success,
        failed=counts.failed + more.failed,
        skipped=counts.skipped + more.skipped,
        upstream_failed=counts.upstream_failed + more.upstream_failed,
        removed=counts.removed + more.removed,
    )


def _runs(outcome: Judgement | Look) -> bool:
    return isinstance(outcome, Judgement) and outcome.verdict is Verdict.RUN
