"""Changing a run from outside: clearing and marking its task instances, holding it.

Workers know much of a run from memory, and a message may come days late. So:

1. One guarded write notes the intervention in the run's document, raises the run's `clear_number` and sets an alarm.
   From then on whoever reads the run starts nothing in it, and a run that had ended is open again.
2. Each task instance that is meant is cleared or marked, and each other one that is live is written once more with the
   new number: so no worker can record an end by what it knew, it finds another token, and reads the run anew. Instances
   behind cleared ones that do not exist are created blank, so that nobody creates them by what was true before.
3. When all carry the number, one guarded write takes the note away, and the run is planned from its documents.

Every step may be made twice, or by two at once. Whoever dies on the way leaves the note, and its alarm.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sailplane.cloud import paths
from sailplane.cloud.changes import Change, Create, Delete, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import blanks, draft, gates, mapping, parts, run_callbacks, turns
from sailplane.engine.draft import nonce
from sailplane.engine.memory import RunMemory
from sailplane.engine.progress import Progress
from sailplane.model.callbacks import RunCallback
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import NotFound
from sailplane.model.evolve import evolve
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.interventions import Intervention, KeySet
from sailplane.model.runs import DagRun, RunContext, TaskInstance
from sailplane.model.states import RunState, TaskState
from sailplane.planner import closing, selection
from sailplane.planner.alarms import QUEUED_ALARM, RUN_ALARM
from sailplane.planner.slots import behind_all

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime]

PUT_OFF = 1000
"""What the `alarms` of a task instance say whose alarm rang in a run that was held."""
UNFINISHED_ALARM = timedelta(minutes=1)
"""How long an intervention may take before someone else goes on with it too, which does no harm."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be changed in a run as it was read."""

    clears: Sequence[TaskKey] = ()
    marks: dict[TaskState, Sequence[TaskKey]] = field(default_factory=dict)
    run_state: RunState | None = None
    reopens: bool = True
    """Whether a run that has ended goes on because of this."""
    run: DagRun
    """The run with what else changes in its document."""

    @property
    def intervention(self) -> Intervention:
        marks = {state: KeySet.of(keys) for state, keys in self.marks.items()}
        return Intervention(clears=KeySet.of(self.clears), marks=marks, run_state=self.run_state)


Decide = Callable[[DagRun, SerializedDag, Sequence[TaskInstance]], Order | None]


def intervene(cloud: Cloud, clock: Clock, key: RunKey, decide: Decide) -> DagRun:
    """Change a run as `decide` says, which is asked again when it changes meanwhile; None: not at all.

    Returns the run as it is then. Raises `NotFound`.
    """
    while True:
        run = cloud.store.run(key)
        if run is None:
            raise NotFound(f"DAG {key.dag_id!r} has no run {key.run_id!r}")
        dag = cloud.store.version(key.dag_id, run.context.version)
        instances = cloud.store.tasks(key)
        order = decide(run, dag, instances)
        if order is None:
            return run
        changed = [*order.clears, *(key for keys in order.marks.values() for key in keys)]
        order = replace(order, clears=[*order.clears, *gates.along(dag, changed, instances)])
        noted = _noted(run, order, clock())
        callbacks = _callbacks_of(run, dag, noted)
        result = cloud.store.commit([Replace(noted), *callbacks])
        if isinstance(result, Committed):
            carry_out(cloud, clock, replace(noted, token=result.tokens[0]))
            return cloud.store.run(key) or noted


def _noted(run: DagRun, order: Order, now: datetime) -> DagRun:
    """`order.run` with the intervention noted."""
    changed = order.run
    reopens = run.state.is_terminal and order.reopens
    intervention = replace(order.intervention, restarts_run=reopens)
    if run.intervention is not None:
        intervention = run.intervention.and_then(intervention)
    context = replace(changed.context, clear_number=run.context.clear_number + 1)
    noted = replace(changed, context=context, intervention=intervention, alarm_at=now + UNFINISHED_ALARM, claim=nonce())
    if reopens:
        context = replace(context, started_at=None)
        noted = replace(noted, context=context, state=RunState.QUEUED, queued_at=now, ended_at=None, summary={})
    return noted


def _callbacks_of(run: DagRun, dag: SerializedDag, noted: DagRun) -> list[Change]:
    """What called the callbacks of a run makes room for those of its next end; of one that stays ended, for those of
    the state that it is given."""
    has_any = dag.has_success_callback or dag.has_failure_callback
    if not has_any or not run.state.is_terminal:
        return []
    given = noted.intervention.run_state if noted.intervention is not None else None
    due = [each for each in RunCallback if not noted.state.is_terminal or each.state is given]
    return [Delete(paths.task(run.key, TaskKey(callback))) for callback in due]


def carry_out(cloud: Cloud, clock: Clock, run: DagRun) -> None:
    """Do what an intervention in `run` asks for, however much of it was done before, and let the run go on."""
    intervention = run.intervention
    if intervention is None:
        return
    dag = cloud.store.version(run.key.dag_id, run.context.version)
    limits: set[str] = set()
    while True:
        instances = cloud.store.tasks(run.key)
        limits.update(name for each in instances if each.state.is_live for name in each.limits)
        changes = _Round(run=run, dag=dag, intervention=intervention, now=clock()).changes(instances)
        if not changes:
            break
        if not parts.write(cloud, changes) and not _is_still(cloud, run):
            return
    _finish(cloud, clock, run, dag, instances, intervention)
    if limits:  # Places of what was cleared are free.
        _progress(cloud, clock).admit(RunMemory.of(run, dag), limits)


def _is_still(cloud: Cloud, run: DagRun) -> bool:
    """Whether nobody has changed more meanwhile: who did goes on with all of it."""
    stored = cloud.store.run(run.key)
    return stored is not None and stored.context.clear_number == run.context.clear_number


@dataclass(frozen=True, kw_only=True)
class _Round:
    """What is left to be done, from one look at all task instances."""

    run: DagRun
    dag: SerializedDag
    intervention: Intervention
    now: datetime

    @property
    def number(self) -> int:
        return self.run.context.clear_number

    def changes(self, instances: Sequence[TaskInstance]) -> list[list[Change]]:
        """For each task instance the writes that belong together."""
        found = [change for each in instances if (change := self._change(each))]
        return found + [[Create(each)] for each in [*self._marked_anew(instances), *self._fences(instances)]]

    def _marked_anew(self, instances: Sequence[TaskInstance]) -> list[TaskInstance]:
        """What is to be marked and does not exist."""
        there = {each.key for each in instances}
        memory = RunMemory.of(self.run, self.dag)
        return [
            evolve(draft.settled(memory, key, state, self.now), clear_number=self.number)
            for state, keys in self.intervention.marks.items()
            for key in keys
            if key not in there and key.task_id in self.dag.task_dict
        ]

    def _change(self, instance: TaskInstance) -> list[Change]:
        state = instance.state
        if instance.clear_number >= self.number:
            return []
        if (mark := self.intervention.mark_of(instance.key)) is not None:
            return [] if state is mark else self._mark(instance, mark)
        if instance.key in self.intervention.clears and state not in _CLEARED:
            if state is TaskState.RUNNING:
                return [Replace(evolve(instance, state=TaskState.RESTARTING, clear_number=self.number))]
            return blanks.clear(instance, self.number, self.now)
        # A blank too: who knows the run from before this must not fill it.
        is_open = state.is_live or state is TaskState.NONE
        return [Replace(self._touched(instance))] if is_open else self._counted_anew(instance)

    def _counted_anew(self, instance: TaskInstance) -> list[Change]:
        """What has ended and stays is counted by the joins of the version that the run follows now."""
        if instance.task_id not in self.dag.task_dict:
            return []
        feeds = mapping.feeds(self.dag, instance, instance.state)
        if feeds == instance.feeds:
            return []
        return [Replace(evolve(instance, feeds=feeds, claim=nonce(), clear_number=self.number))]

    def _mark(self, instance: TaskInstance, state: TaskState) -> list[Change]:
        marked = evolve(
            instance,
            state=state,
            started_at=instance.started_at or self.now,
            ended_at=self.now,
            alarm_at=None,
            claim=nonce(),
            waits_for=(),
            skips=(),
            clear_number=self.number,
        )
        if instance.task_id in self.dag.task_dict:
            marked = evolve(marked, feeds=mapping.feeds(self.dag, marked, state))
        more = [Delete(paths.wait(instance.run, instance.key))] if instance.waits_for else []
        return [Replace(marked), *more]

    def _touched(self, instance: TaskInstance) -> TaskInstance:
        """`instance`, which goes on; in a run that is held it is not handed to a worker."""
        touched = evolve(instance, clear_number=self.number)
        if self.run.hold is not None and instance.state is TaskState.QUEUED and instance.limits:
            touched = evolve(draft.waiting(touched), claim=nonce())
        if self.run.hold is not None and touched.waits_for_slots:
            return evolve(touched, rank=behind_all(instance.rank))
        if self.run.hold is not None and instance.state is TaskState.QUEUED:
            return evolve(touched, state=TaskState.SCHEDULED, claim=nonce(), alarm_at=self.now + RUN_ALARM)
        if instance.state is TaskState.QUEUED and not instance.worker:
            return evolve(touched, claim=nonce(), alarm_at=self.now + QUEUED_ALARM)
        return touched

    def _fences(self, instances: Sequence[TaskInstance]) -> list[TaskInstance]:
        """Blanks for what workers may be about to create: only in a run that was going on."""
        changed = [
            *self.intervention.clears,
            *(key for each in self.intervention.marks.values() for key in each),
        ]
        if self.intervention.restarts_run or self.run.state is not RunState.RUNNING:
            return []
        sizes = mapping.sizes_of(self.dag, instances)
        there = {each.key for each in instances}
        # In a run that is held nothing at all may be created.
        names = self.dag.task_dict if self.run.hold is not None else selection.behind(self.dag, changed)
        keys = selection.missing(self.dag, names, there, sizes)
        known = (key for key in self.intervention.clears if key not in there and key.task_id in self.dag.task_dict)
        wanted = (key for key in dict.fromkeys([*keys, *known]) if self.intervention.mark_of(key) is None)
        return [blanks.never_begun(self.run.key, key, self.number) for key in wanted]


_CLEARED = frozenset({TaskState.NONE, TaskState.RESTARTING})


def _finish(
    cloud: Cloud,
    clock: Clock,
    run: DagRun,
    dag: SerializedDag,
    instances: Sequence[TaskInstance],
    intervention: Intervention,
) -> None:
    """Take the note away and let the run go on, unless more was changed meanwhile."""
    while True:
        done = replace(run, intervention=None, alarm_at=clock() + UNFINISHED_ALARM, claim=nonce())
        if run.hold is not None:
            done = replace(done, alarm_at=held_alarm(run, clock()))
        states = {each.key: each.state for each in instances}
        callbacks: list[TaskInstance] = []
        sizes = mapping.sizes_of(dag, instances)
        if intervention.run_state is not None and closing.is_over(dag, states, sizes):
            done = replace(done, state=intervention.run_state, ended_at=run.ended_at or clock())
            callback = run_callbacks.due(RunMemory.of(run, dag), done.state, clock())
            callbacks = [callback] if callback is not None else []
        if done.state.is_terminal:
            done = replace(done, alarm_at=None, summary=closing.summary(states))
        result = cloud.store.commit([Replace(done), *map(Create, callbacks)])
        if isinstance(result, Committed):
            break
        stored = cloud.store.run(run.key)
        if stored is None or stored.intervention is None or stored.context.clear_number != run.context.clear_number:
            return
        run = stored
    done = replace(done, token=result.tokens[0])
    called = [evolve(each, token=result.tokens[1]) for each in callbacks]
    _progress(cloud, clock).publish(RunMemory.of(done, dag), called)
    if done.state.is_terminal and not run.state.is_terminal:
        turns.start_waiting(cloud, clock, run.key.dag_id)
        if done.context.is_awaited:
            from sailplane.engine import events  # What it wakes is pushed forward by who imports this module.

            events.run_ended(cloud, run.key, clock)
    go_on(cloud, clock, done)


def _progress(cloud: Cloud, clock: Clock) -> Progress:
    return Progress(cloud, clock, on_close=partial(turns.start_waiting, cloud, clock))


def held_alarm(run: DagRun, now: datetime) -> datetime:
    """When a run that is held is looked at again."""
    resume_at = run.hold.resume_at if run.hold is not None else None
    return now + RUN_ALARM if resume_at is None else min(now + RUN_ALARM, resume_at)


def go_on(cloud: Cloud, clock: Clock, run: DagRun) -> None:
    """Start what is due in a run of which nothing has been started for a while."""
    if run.state.is_terminal or run.hold is not None:
        return
    if run.state is RunState.QUEUED:
        turns.start_waiting(cloud, clock, run.key.dag_id)
        return
    dag = cloud.store.version(run.key.dag_id, run.context.version)
    instances = cloud.store.tasks(run.key)
    queued = [each for each in instances if each.state is TaskState.QUEUED and not each.worker]
    progress, memory = _progress(cloud, clock), RunMemory.of(run, dag)
    progress.publish(memory, queued)
    progress.replan(memory, instances)


def with_context(run: DagRun, **changes: object) -> DagRun:
    """`run` with fields of its context changed."""
    context: RunContext = evolve(run.context, **changes)
    return replace(run, context=context)
