"""Bringing task instances into being: which the caller runs itself, their records, and writing them once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sailplane.cloud.committer import Committed, Result
from sailplane.cloud.wiring import Cloud
from sailplane.engine import blanks, draft, gates, past
from sailplane.engine.draft import Draft
from sailplane.engine.looking import Sight
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.past import Past
from sailplane.engine.slots import Slots
from sailplane.model.dags import SerializedTask
from sailplane.model.gates import is_gate
from sailplane.model.ids import TaskKey
from sailplane.model.limits import pool_of
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

MAX_CREATES = 400
"""Task instances created in one commit; more follow in the next ones."""
_NONE: Mapping[str, int] = {}


class Starts:
    """Creates task instances on behalf of one worker instance, or of a tick, which runs nothing itself."""

    def __init__(self, cloud: Cloud, slots: Slots, worker: str, keeps: Callable[[SerializedTask], bool]) -> None:
        """`keeps` says which tasks the caller, of the name `worker`, can run itself."""
        self._cloud = cloud
        self._slots = slots
        self._worker = worker
        self._keeps = keeps

    def choose(
        self, run: RunMemory, drafted: Draft, kept: list[TaskInstance] | None, freed: Mapping[str, int] = _NONE
    ) -> TaskKey | None:
        """The ready task instance that this worker runs itself, to save it the way through the queue: one at a time.

        `freed`: the limits in which it takes the places of what ends here, if it needs any.
        """
        if kept is None or kept:
            return None
        return next((key for key in drafted.starts if self._keeps_itself(run, run.task(key), freed)), None)

    def _keeps_itself(self, run: RunMemory, task: SerializedTask, freed: Mapping[str, int]) -> bool:
        if task.depends_on_past or is_gate(task.task_id) or not self._keeps(task):
            return False
        limits = run.limits(task)
        return not limits or self._takes_over(limits, freed)

    def _takes_over(self, limits: Mapping[str, int], freed: Mapping[str, int]) -> bool:
        """Whether places can go from one task instance to the next by the write that ends the first: if nobody waits
        for them. Not those of a pool, which may have a rate, and may have been made smaller."""
        is_free = limits.items() <= freed.items() and not any(pool_of(name) is not None for name in limits)
        return is_free and not self._slots.is_wanted(limits)

    def take(self, run: RunMemory, admitted: TaskInstance) -> TaskInstance | None:
        """A task instance that has just got its places, running here; None when it cannot: others will run it."""
        if admitted.run != run.key or admitted.queued_at is None or not self._keeps(run.task(admitted.key)):
            return None
        return draft.running(admitted, self._worker, admitted.queued_at, self._cloud.settings.lease)

    def records(self, run: RunMemory, drafted: Draft, now: datetime, kept: TaskKey | None = None) -> list[TaskInstance]:
        """The task instances to create for `drafted`: `kept` first and running, the others queued or settled."""
        sizes = drafted.sizes

        def queued(key: TaskKey) -> TaskInstance:
            return draft.queued(run, key, now, sizes.get(key.task_id, 0))

        held = Past(cloud=self._cloud, run=run).held(drafted.starts)
        ready = [(key, queued(key)) for key in drafted.starts if key != kept]
        starts = [past.scheduled(each, now) if key in held else draft.within_limits(each) for key, each in ready]
        starts = [gates.undecided(each, now) if is_gate(each.task_id) else each for each in starts]
        if kept is not None:
            first = draft.running(queued(kept), self._worker, now, self._cloud.settings.lease)
            starts.insert(0, first)
        return [*starts, *draft.settled_all(run, drafted, now)]

    def create(self, run: RunMemory, records: Sequence[TaskInstance]) -> list[TaskInstance]:
        """Write `records`, in one commit if they are all new; returns what nobody else had written before."""
        changes, possible = blanks.written(self._cloud, run, records)
        if not possible:
            return []
        result = self._cloud.store.commit(changes, lambda result: remember(run, result, possible))
        if isinstance(result, Committed):
            return with_tokens(possible, result.tokens)
        return self._create_missing(run, records)

    def _create_missing(self, run: RunMemory, records: Sequence[TaskInstance]) -> list[TaskInstance]:
        """Create those of `records` that nobody else has created yet."""
        if len(records) == 1:
            return []
        found = self._cloud.store.tasks(run.key, [record.key for record in records])
        blanks.check(run, found)
        there = {each.key for each in found if each.state is not TaskState.NONE}
        missing = [record for record in records if record.key not in there]
        if len(missing) == len(records):
            # It was a commit of others that got in between: one by one they cannot all be in the way.
            return [written for record in missing for written in self.create(run, [record])]
        return self.create(run, missing)

    def see_all(
        self, run: RunMemory, drafted: Draft, created: Sequence[TaskInstance], also: Iterable[TaskKey] = ()
    ) -> Sight:
        """A fresh sight that has what `drafted` wanted to create, also what someone else had created before."""
        sight = Sight(states={each.key: each.state for each in created})
        missing = {*drafted.starts, *drafted.settled, *also} - sight.states.keys()
        if missing:
            found = self._cloud.store.tasks(run.key, sorted(missing))
            run.learn(each for each in found if each.state.is_terminal)
            sight.states.update({each.key: each.state for each in found})
        return sight


def remember(run: RunMemory, result: Result, instances: Sequence[TaskInstance]) -> None:
    """Once committed: ends and what this instance runs itself; not what others will run."""
    if isinstance(result, Committed):
        run.learn(each for each in instances if each.state.is_terminal or each.state is TaskState.RUNNING)


def with_tokens(instances: Sequence[TaskInstance], tokens: Sequence[str]) -> list[TaskInstance]:
    """`instances` as they were written: each with the update time of its commit."""
    return [written(instance, token) for instance, token in zip(instances, tokens, strict=False)]
