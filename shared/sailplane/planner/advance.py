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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.states import TERMINAL, RunState, TaskState, TriggerRule
from sailplane.planner import closing
from sailplane.planner.rules import STARTS_EARLY, WAITING, Judgement, UpstreamCounts, Verdict, judge, judge_alone, tally
from sailplane.planner.wiring import Node, wiring


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What is known of a run."""

    states: Mapping[TaskKey, TaskState]
    complete: bool = False
    """True: what is not in `states` does not exist yet. False: it is unknown."""
    counts: Mapping[str, UpstreamCounts] = field(default_factory=dict)
    """Wide join -> what the store counted of its upstream tasks, after the commit of `ended`."""
    skipped_by_branch: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Branch task that ended -> the direct downstream task_ids that it did not choose. They are skipped whatever their
    rule, unless they were decided before the branch ended (then, as in Airflow, that stands)."""


@dataclass(frozen=True, slots=True)
class Start:
    """Create this task instance to run it."""

    key: TaskKey
    reason: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Create this task instance in a terminal state: it does not run."""

    key: TaskKey
    state: TaskState
    reason: str


@dataclass(frozen=True, slots=True)
class Look:
    """Read this before `task_id` can be decided."""

    task_id: str
    keys: tuple[TaskKey, ...]
    """Task instances to read by key."""
    counted: bool
    """True: count the upstream tasks too (`joins.next_question`)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now. Starts, settles and looks are in topological order."""

    starts: tuple[Start, ...]
    settles: tuple[Settle, ...]
    looks: tuple[Look, ...]
    run: RunState | None
    """The run's final state, once all its task instances are known to have ended (the settles counted in)."""
    may_be_over: bool
    """True: nothing that is known keeps the run going, but not all is known: read or count whether it has ended."""


def advance(dag: SerializedDag, snapshot: Snapshot, ended: Iterable[TaskKey]) -> Plan:
    """What follows from the task instances `ended` having ended; they are in `snapshot.states`.

    Decides what waits for them, and what waits for what is settled thereby. Proposes nothing that `snapshot` has.
    """
    step = _Step(dag, snapshot)
    for key in dict.fromkeys(ended):
        if (node := step.wiring.nodes.get(key.task_id)) is not None:
            step.note_end(node, snapshot.states[key])
    while step.ahead:
        step.consider(step.noted[heapq.heappop(step.ahead)])
    return step.plan()


def replan(dag: SerializedDag, snapshot: Snapshot) -> Plan:
    """What is due in the whole run, first tasks included; `snapshot` has all task instances that exist.

    Creates a run's first tasks, and finds what a crash left undone. Applied twice it finds nothing the second time.
    """
    step = _Step(dag, snapshot, over_all=True)
    for node in step.wiring.nodes.values():
        step.consider(node)
    return step.plan()


_SETTLED = {Verdict.SKIP: TaskState.SKIPPED, Verdict.UPSTREAM_FAILED: TaskState.UPSTREAM_FAILED}


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
        self.decided: dict[TaskKey, TaskState] = {}
        """Settled keys with their state, started ones as QUEUED."""
        self.ends: dict[str, dict[TaskState, int]] = {}
        """Wide join -> states of those of its upstream tasks that ended or were settled in this call."""
        self.uncounted: set[str] = set()
        """Wide joins with an upstream task that was settled in this call: the store cannot have counted it yet."""
        self.ahead: list[int] = []
        """Ranks of the nodes to consider, as a heap: when a node's turn comes, all before it are decided."""
        self.noted: dict[int, Node] = {}
        self.starts: list[Start] = []
        self.settles: list[Settle] = []
        self.looks: list[Look] = []
        self.goes_on = False

    def note_end(self, node: Node, state: TaskState) -> None:
        for dependent in node.dependents:
            if dependent.rank not in self.noted:
                self.noted[dependent.rank] = dependent
                heapq.heappush(self.ahead, dependent.rank)
        for join in node.wide_joins:
            states = self.ends.setdefault(join, {})
            states[state] = states.get(state, 0) + 1

    def consider(self, node: Node) -> None:
        state = self.known(node.key)
        if state is None or state is TaskState.NONE:
            self.act(node, self.outcome(node))
        elif not state.is_terminal:
            self.goes_on = True

    def act(self, node: Node, outcome: Judgement | Look) -> None:
        if isinstance(outcome, Look):
            self.looks.append(outcome)
            self.goes_on = True
        elif (state := _SETTLED.get(outcome.verdict)) is not None:
            self.decided[node.key] = state
            self.settles.append(Settle(node.key, state, outcome.reason))
            self.uncounted.update(node.wide_joins)
            self.note_end(node, state)
        else:
            self.goes_on = True
            if outcome.verdict is Verdict.RUN:
                self.decided[node.key] = TaskState.QUEUED
                self.starts.append(Start(node.key, outcome.reason))

    def known(self, key: TaskKey) -> TaskState | None:
        """The state of a task instance; None when it is unknown."""
        state = self.decided.get(key) or self.states.get(key)
        return TaskState.NONE if state is None and self.complete else state

    def outcome(self, node: Node) -> Judgement | Look:
        if self.snapshot.skipped_by_branch and self.is_not_chosen(node):
            return Judgement(Verdict.SKIP, "an upstream branch did not choose it")
        if node.setups:
            setups = self.judge_keys(node, TriggerRule.ALL_SUCCESS, node.setups)
            if not _runs(setups):
                return setups
        rule = node.task.trigger_rule
        outcome = self.judge_wide(node) if node.is_wide else self.judge_keys(node, rule, node.upstream)
        if node.scope and _runs(outcome):
            scope = self.judge_keys(node, TriggerRule.ALL_DONE, node.scope)
            outcome = outcome if _runs(scope) else scope
        if rule in STARTS_EARLY and _runs(outcome) and self.may_have_started(node):
            return Look(node.key.task_id, (node.key,), False)
        return outcome

    def may_have_started(self, node: Node) -> bool:
        """True when another upstream task may have started it, so long ago that it may have ended since.

        Then nobody but who ends the upstream task at hand finds that the run is over, so it must know.
        """
        if len(node.upstream) == 1 or self.known(node.key) is not None:
            return False
        return not all(self.known(key) in TERMINAL for key in node.upstream)

    def is_not_chosen(self, node: Node) -> bool:
        skipped = self.snapshot.skipped_by_branch
        task_id = node.key.task_id
        rule = node.task.trigger_rule
        return rule is not TriggerRule.ALWAYS and any(task_id in skipped.get(each, ()) for each in node.upstream_ids)

    def judge_keys(self, node: Node, rule: TriggerRule, keys: tuple[TaskKey, ...]) -> Judgement | Look:
        """The verdict by the states of `keys`, or a look at those that are unknown.

        No look while one of them is known to be unfinished: whoever ends it comes here again, and what can be decided
        before that, the one whose end decides it has decided.
        """
        if len(keys) == 1 and not node.upstream_setups and (state := self.known(keys[0])) is not None:
            return judge_alone(rule, state)
        states, unknown = self.tally(keys)
        judgement = judge(rule, self.count(node, len(keys), states))
        some_open = not TERMINAL.issuperset(states)
        if judgement.verdict is not Verdict.WAIT or not unknown or some_open:
            return judgement
        return Look(node.key.task_id, tuple(unknown), False)

    def judge_wide(self, node: Node) -> Judgement | Look:
        """Like `judge_keys`, for a join over so many that it does not go through them at each end."""
        rule = node.task.trigger_rule
        unknown_setups = self.unknown_setups(node)
        for counts in () if unknown_setups else self.wide_counts(node):
            judgement = judge(rule, counts)
            if judgement.verdict is not Verdict.WAIT:
                return judgement
        if self.complete or self.has_open_upstream(node) or self.is_counted(node):
            return WAITING
        return Look(node.key.task_id, unknown_setups, True)

    def wide_counts(self, node: Node) -> Iterator[UpstreamCounts]:
        """What is known of a wide join, the cheapest to find first; each may fall short of the truth."""
        task_id, total = node.key.task_id, len(node.upstream)
        yield self.count(node, total, self.ends.get(task_id, {}))
        if task_id in self.snapshot.counts:
            yield self.with_setups(node, self.snapshot.counts[task_id])
        all_may_be_known = self.complete or len(self.states) + len(self.decided) >= total
        if self.over_all or (all_may_be_known and not self.has_open_upstream(node)):
            yield self.count(node, total, self.tally(node.upstream)[0])

    def is_counted(self, node: Node) -> bool:
        """True when the snapshot has a count that cannot have missed anything decided in this call."""
        task_id = node.key.task_id
        return task_id in self.snapshot.counts and task_id not in self.uncounted and not self.unknown_setups(node)

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

    def count(self, node: Node, total: int, states: Mapping[TaskState, int]) -> UpstreamCounts:
        return self.with_setups(node, tally(total, states))

    def with_setups(self, node: Node, counts: UpstreamCounts) -> UpstreamCounts:
        if not node.upstream_setups:
            return counts
        states, _ = self.tally(node.upstream_setups)
        return replace(
            counts,
            setup_total=len(node.upstream_setups),
            setup_success=states.get(TaskState.SUCCESS, 0),
            setup_skipped=states.get(TaskState.SKIPPED, 0),
        )

    def unknown_setups(self, node: Node) -> tuple[TaskKey, ...]:
        if node.task.trigger_rule is not TriggerRule.ALL_DONE_SETUP_SUCCESS:
            return ()
        return tuple(self.tally(node.upstream_setups)[1])

    @cached_property
    def open_keys(self) -> list[TaskKey]:
        """What the snapshot knows to be unfinished."""
        return [key for key, state in self.states.items() if state not in TERMINAL]

    def is_settled(self, key: TaskKey) -> bool:
        return self.decided.get(key) in TERMINAL

    def has_open_upstream(self, node: Node) -> bool:
        """True when an upstream task is known to be unfinished, or starts now."""
        known = any(key.task_id in node.upstream_ids and not self.is_settled(key) for key in self.open_keys)
        return known or any(start.key.task_id in node.upstream_ids for start in self.starts)

    def plan(self) -> Plan:
        goes_on = self.goes_on or any(not self.is_settled(key) for key in self.open_keys)
        run = None if goes_on else self.run_state()
        return Plan(
            starts=tuple(self.starts),
            settles=tuple(self.settles),
            looks=tuple(self.looks),
            run=run,
            may_be_over=not goes_on and run is None,
        )

    def run_state(self) -> RunState | None:
        if len(self.states) + len(self.decided) < len(self.wiring.nodes):
            return None
        states = {**self.states, **self.decided} if self.decided else self.states
        state = closing.run_state(self.dag, states)
        return state if state.is_terminal else None


def _runs(outcome: Judgement | Look) -> bool:
    return isinstance(outcome, Judgement) and outcome.verdict is Verdict.RUN
