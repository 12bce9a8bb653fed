"""Pushing a run forward: commit an end together with what it makes ready, then look at what could not be decided.

Every step may run twice or die halfway: creating a task instance that exists already does nothing, and what was not
created is found by the redelivered message or by the run's alarm.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from sailplane.cloud.changes import Change, Create, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.firestore import Conflict
from sailplane.cloud.wiring import Cloud
from sailplane.engine import (
    anew,
    blanks,
    blocks,
    closing,
    draft,
    ends,
    failures,
    gates,
    journal,
    mapping,
    publishing,
    stopping,
)
from sailplane.engine.blanks import Outdated
from sailplane.engine.draft import Draft
from sailplane.engine.looking import Sight, look
from sailplane.engine.memory import RunMemory
from sailplane.engine.past import Past
from sailplane.engine.slots import Slots
from sailplane.engine.starts import MAX_CREATES, Starts, remember, with_tokens
from sailplane.engine.stopping import Stop
from sailplane.model.callbacks import is_callback
from sailplane.model.dags import SerializedTask
from sailplane.model.evolve import evolve
from sailplane.model.gates import is_gate
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import RunState, TaskState
from sailplane.planner.plan import Snapshot
from sailplane.planner.rules import STARTS_EARLY

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Kept = list[TaskInstance] | None
Changes = Sequence[Change]


class Progress:
    """Pushes runs forward on behalf of one worker instance, or of a tick, which runs nothing itself."""

    def __init__(
        self,
        cloud: Cloud,
        clock: Clock,
        *,
        on_close: Callable[[str], None],
        worker: str = "",
        keeps: Callable[[SerializedTask], bool] | None = None,
        on_alarm: Callable[[TaskInstance], object] | None = None,
    ) -> None:
        """`on_close` gets the dag_id of each run closed here; `keeps` says which tasks the caller can run itself.

        `on_alarm` is told of task instances that will ring for a reason other than their own end.
        """
        self._cloud = cloud
        self._clock = clock
        self._on_close = on_close
        self._slots = Slots(cloud, clock, self.publish, on_alarm)
        self.starts = Starts(cloud, self._slots, worker, keeps or (lambda task: False))

    def end(self, run: RunMemory, ended: TaskInstance, kept: Kept = None, companions: Changes = ()) -> bool:
        """Record `ended`, a terminal state of a task instance in hand, and push its run forward.

        `companions` are written in the same commit.

        False when it was not recorded: the lease was lost, someone else has it. A ready task instance that the caller
        runs itself goes to `kept` as soon as it is committed: it is running, on the caller's lease, whatever happens
        after. None: the caller runs nothing.
        """
        if is_callback(ended.task_id):
            return isinstance(self._cloud.store.commit([Replace(ended)]), Committed)
        is_changed = run.is_held or run.context.clear_number
        if is_changed or (run.dag.fail_fast and ended.state is TaskState.FAILED):
            return self._end_alone(run, ended, kept, companions)
        known = run.known_states() | {ended.key: ended.state}
        drafted = draft.draft(run.dag, self._snapshot(run, known, ending=ended), [ended.key])
        now = self._clock()
        created = self.starts.records(run, drafted, now, self.starts.choose(run, drafted, kept, ended.limits))
        first, rest = created[:MAX_CREATES], created[MAX_CREATES:]
        unit: list[Change] = [Replace(ended), *map(Create, first), *companions]
        closes = drafted.run is not None and not rest and run.close_once()
        ending = closing.Ending.of(run, drafted.run, drafted.states, now) if closes else None
        if ending is not None:
            unit += ending.changes
        with run.closing(closes) as closed:
            result = self._cloud.store.commit(unit, lambda result: remember(run, result, [ended, *first]))
            closed.is_done = isinstance(result, Committed)
        if isinstance(result, Conflict):
            return self._end_alone(run, ended, kept, companions)
        if ending is not None:
            self._closed(run, ending, result.tokens)
        else:
            with self._or_anew(run.key):
                self.hand_out(run, with_tokens(first, result.tokens[1:]), rest, kept)
        self.free(run, ended, kept)
        self._wake_next(run, [ended.key, *drafted.settled])
        if ending is None and not drafted.resolves(run.dag, [ended.key]):
            self.follow(run, [ended.key, *drafted.settled], kept)
        return True

    def _end_alone(self, run: RunMemory, ended: TaskInstance, kept: Kept, companions: Changes) -> bool:
        """Record `ended` without what follows, which someone else created before, or find that the lease was lost."""
        unit = (Replace(ended), *companions)
        result = self._cloud.store.commit(unit, lambda result: remember(run, result, [ended]))
        if isinstance(result, Conflict):
            return False
        if run.is_held:
            self.free(run, ended)
            # Commit, then look: it may go on by now, and whoever let it may not have seen this end.
            self.look_anew(run.key)
            return True
        self._wake_next(run, [ended.key])
        if run.dag.fail_fast and ended.state is TaskState.FAILED:
            with self._or_anew(run.key):
                self.stop(run, self._cloud.store.tasks(run.key), Stop.FAIL_FAST)
            self.free(run, ended)  # Not before: nothing of this run is to begin.
        else:
            self.free(run, ended, kept)
            self.follow(run, [ended.key], kept)
        return True

    def follow(self, run: RunMemory, ended: Iterable[TaskKey], kept: list[TaskInstance] | None) -> None:
        """Push `run` forward from task instances whose ends are committed; `kept` as in `end`."""
        with self._or_anew(run.key):
            self._follow(run, ended, kept)

    @contextmanager
    def _or_anew(self, key: RunKey) -> Iterator[None]:
        """When the block finds that the run was changed from outside, it is pushed forward from what is stored."""
        try:
            yield
        except Outdated:
            self.look_anew(key)

    def _follow(self, run: RunMemory, ended: Iterable[TaskKey], kept: list[TaskInstance] | None) -> None:
        frontier = list(ended)
        sight = Sight()
        seen: set[TaskKey] = set()
        while True:
            drafted = draft.draft(run.dag, self._snapshot(run, run.known_states(), sight), frontier)
            looks = blocks.worthwhile(self._cloud, run, frontier, drafted.looks, sight)
            if looks and look(self._cloud, run, looks, sight):
                continue
            created = self._create(run, drafted, kept)
            self._wake_next(run, drafted.settled)
            if drafted.settled or _started_early(run, drafted, created):
                # What was settled has ended only now: what waits for it has to be looked at anew. And what was started
                # early may have ended before all this, so that nobody else finds the run to be over.
                sight = self.starts.see_all(run, drafted, created, seen)
                if run.context.clear_number:  # Much may be there already: what one look finds, the next must too.
                    seen |= sight.states.keys()
                settled = (key for key in drafted.settled if run.states.get(key, TaskState.NONE).is_terminal)
                frontier = list(dict.fromkeys([*frontier, *settled]))
                continue
            if drafted.run is not None:
                self.close(run, is_known=True)
            elif drafted.may_be_over and not blocks.all_open(self._cloud, run, frontier, sight):
                self.close(run, is_known=False)
            return

    def replan(self, run: RunMemory, instances: Sequence[TaskInstance]) -> None:
        """Push `run` forward from its documents, which `instances` are all of: what a crash left undone is done."""
        if run.is_held:
            return
        with self._or_anew(run.key):
            blanks.check(run, instances)
            self.admit(run, {name for each in instances if each.waits_for_slots for name in each.limits})
            self._replan(run, instances)

    def look_anew(self, key: RunKey) -> None:
        """Push a run forward from what is stored now, unless it is over or held."""
        run = anew.read_run(self._cloud, key)
        if run is not None and not run.is_held:
            self.replan(run, self._cloud.store.tasks(key))

    def end_anew(self, ended: TaskInstance, companions: Changes = ()) -> bool:
        """`end`, when it is known that the run was changed from outside since its memory was made."""
        run = anew.read_run(self._cloud, ended.run)
        if run is None:
            return False
        if ended.task_id in run.dag.task_dict:
            ended = evolve(ended, feeds=mapping.feeds(run.dag, ended, ended.state))
        return self.end(run, ended, companions=companions)

    def restart(self, instance: TaskInstance) -> None:
        """Clear a task instance that was cleared while it ran, now that it runs no more, and start it if it is due."""
        changes = blanks.clear(instance, instance.clear_number, self._clock())
        if not isinstance(self._cloud.store.commit(changes), Committed):
            return
        run = anew.read_run(self._cloud, instance.run)
        if run is not None:
            self.free(run, instance)
        if run is not None and not run.is_held and instance.task_id in run.dag.task_dict:
            with self._or_anew(run.key):
                self._reconsider(run, instance)

    def _reconsider(self, run: RunMemory, instance: TaskInstance) -> None:
        """Start `instance`, which has been cleared, if what it waits for has ended."""
        if anew.awaits_nothing(run, instance):
            self._create(run, Draft(starts=[instance.key], sizes={instance.task_id: instance.map_size}), None)
        elif ended := anew.first_awaited(self._cloud, run, instance):
            self.follow(run, ended, None)

    def _replan(self, run: RunMemory, instances: Sequence[TaskInstance]) -> None:
        if run.dag.fail_fast and any(instance.state is TaskState.FAILED for instance in instances):
            self.stop(run, instances, Stop.FAIL_FAST)
        else:
            self._plan_whole(run, instances)

    def _plan_whole(self, run: RunMemory, instances: Sequence[TaskInstance]) -> None:
        run.learn(instance for instance in instances if instance.state.is_terminal)
        drafted = draft.draft_all(run.dag, mapping.whole_snapshot(run.dag, instances))
        self._create(run, drafted, None)
        if drafted.run is not None or drafted.may_be_over:
            self.close(run, is_known=drafted.run is not None)

    def close(self, run: RunMemory, *, is_known: bool) -> None:
        """Close `run` if it is over; `is_known` says that memory has all its task instances, ended."""
        closed = closing.close(self._cloud, run, is_known, self._clock)
        if closed is not None:
            self._closed(run, *closed)

    def stop(self, run: RunMemory, instances: Sequence[TaskInstance], stop: Stop) -> None:
        """End what has not ended in `run`, of which `instances` are all, and the run too unless teardowns are left."""
        stopping.stop(self._cloud, run, instances, stop, self._clock())
        self.admit(run, {name for each in instances if not each.state.is_terminal for name in each.limits})
        if not stop.fails_run:
            self._plan_whole(run, self._cloud.store.tasks(run.key))
            return
        closed = closing.close(self._cloud, run, False, self._clock, stop)
        if closed is not None:
            self._closed(run, *closed)

    def _closed(self, run: RunMemory, ending: closing.Ending, tokens: Sequence[str]) -> None:
        """A run was closed here: call its callbacks, and let others start."""
        journal.run_ended(run.key, ending.state)
        if ending.callback is not None:
            self.publish(run, [evolve(ending.callback, token=tokens[-1])])
        if ending.state is RunState.FAILED:
            failures.pause_after_many(self._cloud, run, self._clock())
        self._on_close(run.key.dag_id)
        if run.context.is_awaited:
            from sailplane.engine import events  # What it wakes is pushed forward by this module.

            events.run_ended(self._cloud, run.key, self._clock)

    def _create(self, run: RunMemory, drafted: Draft, kept: list[TaskInstance] | None) -> list[TaskInstance]:
        """Create what `drafted` says; returns what this call created, leaving out what someone else had created."""
        records = self.starts.records(run, drafted, self._clock(), self.starts.choose(run, drafted, kept))
        return self.hand_out(run, [], records, kept)

    def hand_out(
        self,
        run: RunMemory,
        written: Sequence[TaskInstance],
        rest: Sequence[TaskInstance],
        kept: list[TaskInstance] | None = None,
    ) -> list[TaskInstance]:
        """Create `rest` in commits of their own and publish what is queued, of `written` as well; returns all of it."""
        done = list(written)
        _keep(done, kept)
        for begin in range(0, len(rest), MAX_CREATES):
            chunk = self.starts.create(run, rest[begin : begin + MAX_CREATES])
            _keep(chunk, kept)
            done += chunk
        self.publish(run, [each for each in done if each.state is TaskState.QUEUED or each.waits_for_slots], kept)
        held = [each for each in done if each.state is TaskState.SCHEDULED and not each.waits_for_slots]
        for gate in [each for each in held if is_gate(each.task_id)]:
            gates.decide(self._cloud, self, run, gate, self._clock())
        if held := [each for each in held if not is_gate(each.task_id)]:
            self.publish(run, Past(cloud=self._cloud, run=run).queue(held, self._clock()), kept)
        return done

    def _wake_next(self, run: RunMemory, ended: Iterable[TaskKey]) -> None:
        """Queue what waits in the next run for task instances that ended in this one."""
        if not run.dag.felt_by_next_run:
            return
        names = {key.task_id for key in ended} & run.dag.felt_by_next_run
        found = Past(cloud=self._cloud, run=run).waiting_after(names) if names else None
        if found is None or not found[1]:
            return
        after, waiting = found
        dag = self._cloud.store.version(after.key.dag_id, after.context.version)
        memory = RunMemory.of(after, dag)
        self.publish(memory, Past(cloud=self._cloud, run=memory).queue(waiting, self._clock()))

    def publish(
        self, run: RunMemory, instances: Sequence[TaskInstance], kept: list[TaskInstance] | None = None
    ) -> None:
        """Hand queued task instances to workers; one whose queue nobody serves fails, and says so.

        What waits for slots is queued first, as far as there is room.
        """
        queued = [each for each in instances if not each.waits_for_slots]
        for instance, message in publishing.publish(self._cloud, run, queued):
            self.end(run, ends.undeliverable(run, instance, message, self._clock()), kept)
        if waiting := [each for each in instances if each.waits_for_slots]:
            self._slots.enter(run, waiting)

    def free(self, run: RunMemory, instance: TaskInstance, kept: Kept = None) -> None:
        """Queue what gets the places that `instance` held, but for those that one of `kept` has taken over.

        One that the caller runs itself goes to `kept`, running, if that is empty.
        """
        if not instance.limits:
            return
        limits = instance.limits.keys() - {name for each in kept or () for name in each.limits}
        if kept is None or kept:
            self._slots.free(run, instance, limits)
        elif (own := self._slots.free(run, instance, limits, partial(self.starts.take, run))) is not None:
            run.learn([own])
            kept.append(own)

    def admit(self, run: RunMemory, limits: Collection[str]) -> None:
        """Queue what waits for slots in `limits`, in whatever run: some may have become free. `run` is one of them."""
        if limits:
            self._slots.admit(limits, run)

    def _snapshot(
        self,
        run: RunMemory,
        states: dict[TaskKey, TaskState],
        sight: Sight | None = None,
        ending: TaskInstance | None = None,
    ) -> Snapshot:
        """What is known; `ending` is about to be committed, with what it skips and what can be mapped over."""
        skipped, sizes, lengths = run.branch_skips, run.sizes, run.lengths
        if ending is not None:
            if ending.skips:
                skipped = {**skipped, ending.key: frozenset(ending.skips)}
            # Who answers for a lost worker knows nothing else of the run.
            sizes = {**sizes, **mapping.size_of(run.dag, ending)}
            lengths = {**lengths, **mapping.lengths_of(run.dag, ending)}
        if sight is not None:
            for key, state in sight.states.items():
                states.setdefault(key, state)
            lengths = {**lengths, **sight.lengths}
        counts = sight.counts if sight else {}
        return Snapshot(states=states, counts=counts, skipped_by_branch=skipped, sizes=sizes, lengths=lengths)


def _keep(written: Sequence[TaskInstance], kept: list[TaskInstance] | None) -> None:
    if kept is not None:
        kept += [each for each in written if each.state is TaskState.RUNNING]


def _started_early(run: RunMemory, drafted: Draft, created: Sequence[TaskInstance]) -> bool:
    """True when something that `drafted` starts was there already, by a rule that does not wait for all upstream."""
    tasks = run.dag.task_dict
    # In a run that was cleared what follows may have ended long ago, by any rule.
    is_any = run.context.clear_number > 0
    early = [key for key in drafted.starts if is_any or tasks[key.task_id].trigger_rule in STARTS_EARLY]
    return bool(set(early) - {each.key for each in created}) if early else False
