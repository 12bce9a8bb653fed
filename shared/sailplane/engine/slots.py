"""Slots: who waits for places in limits gets them.

What is taken is counted from the task instances that hold places, so nothing can leak: an end frees its places by the
write that records it. To let somebody in takes one commit that writes the documents of the limits too (a pool's own,
`limits/{name}` of the others), guarded by the tokens that they had before the count: of two who decide at the same
moment the second finds its token stale and looks again. Whoever creates what needs a place sees whether there is one,
and whoever frees a place looks for who gets it; after a crash the redelivered message does, or the alarm of the run
that waits.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal

from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.slot_sight import MOST, Decision, Sight
from sailplane.model.errors import Unavailable
from sailplane.model.ids import RunKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner.slots import choose, places

_PAGES = 20
"""How often one decision asks for more that wait, when those that it found wait for something else too."""
_PAGES_OF_AN_END = 8
_ATTEMPTS = 30
"""How often a decision is made anew because others made theirs meanwhile."""
_PAUSE = 0.01
"""Seconds before the second of them; the pauses grow."""

Publish = Callable[[RunMemory, Sequence[TaskInstance]], object]
Take = Callable[[TaskInstance], TaskInstance | None]


class Slots:
    """Lets in what waits, on behalf of one worker instance or tick."""

    def __init__(
        self,
        cloud: Cloud,
        clock: Callable[[], datetime],
        publish: Publish,
        on_alarm: Callable[[TaskInstance], object] | None = None,
    ) -> None:
        """`publish` hands queued task instances of a run to workers; `on_alarm` is told of one that got an alarm."""
        self._cloud = cloud
        self._clock = clock
        self._publish = publish
        self._on_alarm = on_alarm or (lambda instance: None)

    def enter(self, run: RunMemory, waiting: Sequence[TaskInstance]) -> None:
        """Let in those of `waiting`, of `run` and just written, that have room; the others are found later.

        Who waited before need not be asked: had there been room for one of them, it would be in.
        """
        if run.is_held:
            return
        for begin in range(0, len(waiting), MOST):
            part = waiting[begin : begin + MOST]
            sight = Sight(self._cloud, self._clock())
            sight.take_in(part)
            chosen = choose(part, sight.room)
            late = next((each for each in part if each not in chosen and sight.waits_for_rate(each)), None)
            admitted = self._commit(sight.decision(chosen, late))
            if admitted is None:
                self.admit({name for each in part for name in each.limits}, run)
            else:
                self._hand_out(admitted, _Runs(self._cloud, run))

    def free(
        self, run: RunMemory, instance: TaskInstance, limits: Iterable[str], take: Take | None = None
    ) -> TaskInstance | None:
        """Let in who gets the places that `instance`, of `run`, no longer holds in `limits`.

        `take` says what becomes of one that the caller runs itself, and None of others; returns that one, running.
        """
        places_of = {name: places(name, instance) for name in limits}
        self._cloud.store.slots.note_freed(places_of)
        return self._together("freed", places_of, run, take)

    def admit(self, limits: Iterable[str], run: RunMemory | None = None) -> None:
        """Let in all that waits for `limits` and has room. `run`: one that is known already."""
        self._together("all", limits, run)

    def is_wanted(self, limits: Iterable[str]) -> bool:
        """Whether somebody waits for any of `limits`; one read."""
        return bool(self._cloud.store.slots.waiting(tuple(limits), limit=1))

    def _together(
        self, what: Literal["freed", "all"], limits: Iterable[str], run: RunMemory | None, take: Take | None = None
    ) -> TaskInstance | None:
        """Decide once for all who ask the same on this instance at the same moment; who decides may take one."""
        names = tuple(sorted(set(limits)))
        runs = _Runs(self._cloud, run)
        admitted: list[TaskInstance] = []

        def decide() -> int:
            budget = self._cloud.store.slots.take_freed(names) if what == "freed" else None
            while found := self._decide(names, budget, runs, take if not admitted else None):
                admitted.extend(found)
                if len(found) < MOST:
                    break
            return len(admitted)

        if names:
            self._cloud.store.slots.together.ask(" ".join((what, *names)), decide)
        self._hand_out([each for each in admitted if each.state is TaskState.QUEUED], runs)
        return next((each for each in admitted if each.state is TaskState.RUNNING), None)

    def _decide(
        self, names: Sequence[str], budget: Counter[str] | None, runs: "_Runs", take: Take | None
    ) -> list[TaskInstance]:
        for attempt in range(_ATTEMPTS):
            admitted = self._commit(self._look(names, Counter(budget) if budget is not None else None, runs, take))
            if admitted is not None:
                return admitted
            threading.Event().wait(min(_PAUSE * 2**attempt, 0.5) * random.uniform(0.2, 1.0))
        raise Unavailable(f"{', '.join(names)}: others let task instances in without a pause")

    def _commit(self, decision: Decision) -> list[TaskInstance] | None:
        """Who was let in; None when somebody else decided meanwhile."""
        if not decision.changes:
            return []
        result = self._cloud.store.commit(decision.changes)
        if not isinstance(result, Committed):
            return None
        of_tasks = result.tokens[: len(decision.tasks)]
        done = [written(each, token) for each, token in zip(decision.tasks, of_tasks, strict=True)]
        for each in done:
            if each.waits_for_slots:
                self._on_alarm(each)
        return [each for each in done if not each.waits_for_slots]

    def _look(self, names: Sequence[str], budget: Counter[str] | None, runs: "_Runs", take: Take | None) -> Decision:
        """Who gets in now, of those that wait for `names`: a page of them at a time, for as long as there is room.

        `budget`: how many places became free. More than these nobody needs to give away, for what was free before
        found nobody who waited for it.
        """
        sight = Sight(self._cloud, self._clock())
        chosen: list[TaskInstance] = []
        late: TaskInstance | None = None
        size, after, wanted = 1, "", list(names)

        def is_late(each: TaskInstance) -> bool:
            return sight.waits_for_rate(each) and runs.may_start(each)

        for _ in range(_PAGES if budget is None else _PAGES_OF_AN_END):
            page = self._cloud.store.slots.waiting(wanted, limit=size, after=after)
            sight.take_in(page)
            chosen += (got_in := choose(page, sight.room, runs.may_start))
            late = late or next((each for each in page if each not in got_in and is_late(each)), None)
            if budget is not None:
                budget.subtract({name: places(name, each) for each in got_in for name in each.limits})
            wanted = [name for name in names if sight.has_room(name) and (budget is None or budget[name] > 0)]
            wanted += [name for name in names if late is None and sight.has_late(name)]
            if not page or not wanted or len(chosen) >= MOST:
                break
            # Those that wait for something else too may be many: more of them are read at a time.
            size = min(sight.left(wanted), MOST) if got_in else min(size * 4, MOST)
            after = page[-1].rank
        return sight.decision(chosen[:MOST], late, take)

    def _hand_out(self, admitted: Sequence[TaskInstance], runs: "_Runs") -> None:
        of_runs: dict[RunKey, list[TaskInstance]] = {}
        for instance in admitted:
            of_runs.setdefault(instance.run, []).append(instance)
        for key, instances in of_runs.items():
            if (memory := runs.memory(key)) is not None:
                self._publish(memory, instances)


class _Runs:
    """The runs that task instances wait in: each is read once, and only when one of its tasks has room."""

    def __init__(self, cloud: Cloud, known: RunMemory | None) -> None:
        self._cloud = cloud
        self._memories: dict[RunKey, RunMemory | None] = {known.key: known} if known is not None else {}

    def may_start(self, instance: TaskInstance) -> bool:
        """Whether the run of `instance` goes on: it is not held, nor over, nor gone."""
        memory = self.memory(instance.run)
        return memory is not None and not memory.is_held

    def memory(self, key: RunKey) -> RunMemory | None:
        if key not in self._memories:
            self._memories[key] = self._read(key)
        return self._memories[key]

    def _read(self, key: RunKey) -> RunMemory | None:
        stored = self._cloud.store.run(key)
        if stored is None or stored.state.is_terminal:
            return None
        return RunMemory.of(stored, self._cloud.store.version(key.dag_id, stored.context.version))
