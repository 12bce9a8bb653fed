"""Slots: who waits for places in limits gets them.

What is taken is counted from the task instances that hold places, so nothing can leak: an end frees its places by the
write that records it. To let somebody in takes one commit that writes the documents of the limits too (a pool's own,
`limits/{name}` of the others), guarded by the tokens that they had before the count: of two who decide at the same
moment the second finds its token stale and looks again. Whoever frees a place, or creates what waits for one, looks
for those that get in; after a crash the redelivered message does, or the alarm of the run that waits.
"""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine.memory import RunMemory
from sailplane.engine.metering import written
from sailplane.engine.slot_sight import MOST, Decision, Sight
from sailplane.model.errors import Unavailable
from sailplane.model.ids import RunKey
from sailplane.model.runs import TaskInstance
from sailplane.planner.slots import choose

_MOST_PAGES = 20
"""How often one decision asks for more that wait, when those that it found wait for something else too."""
_ATTEMPTS = 30
"""How often a decision is made anew because others made theirs meanwhile."""
_PAUSE = 0.01
"""Seconds before the second of them; the pauses grow."""

Publish = Callable[[RunMemory, Sequence[TaskInstance]], object]


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

    def admit(self, limits: Iterable[str], run: RunMemory | None = None) -> None:
        """Let in all that waits for `limits` and has room. `run`: one that is known already."""
        names = tuple(sorted(set(limits)))
        admitted: list[TaskInstance] = []

        def decide() -> int:
            while found := self._decide(names):
                admitted.extend(found)
                if len(found) < MOST:
                    break
            return len(admitted)

        if names:
            # Together: who ends at the same moment on this instance need not ask the same question each.
            self._cloud.store.slots.together.ask(" ".join(names), decide)
        self._hand_out(admitted, run)

    def is_wanted(self, limits: Iterable[str]) -> bool:
        """Whether somebody waits for any of `limits`; one read."""
        return bool(self._cloud.store.slots.waiting(tuple(limits), limit=1))

    def _decide(self, names: Sequence[str]) -> list[TaskInstance]:
        for attempt in range(_ATTEMPTS):
            decision = self._look(names)
            if not decision.changes:
                return []
            result = self._cloud.store.commit(decision.changes)
            if isinstance(result, Committed):
                return self._made(decision, result.tokens)
            threading.Event().wait(min(_PAUSE * 2**attempt, 0.5) * random.uniform(0.2, 1.0))
        raise Unavailable(f"{', '.join(names)}: others let task instances in without a pause")

    def _made(self, decision: Decision, tokens: Sequence[str]) -> list[TaskInstance]:
        of_tasks = tokens[: len(decision.tasks)]
        done = [written(each, token) for each, token in zip(decision.tasks, of_tasks, strict=True)]
        for each in done:
            if each.waits_for_slots:
                self._on_alarm(each)
        return [each for each in done if not each.waits_for_slots]

    def _look(self, names: Sequence[str]) -> Decision:
        """Who gets in now, of those that wait for `names`: a page of them at a time, for as long as there is room."""
        sight = Sight(self._cloud, self._clock())
        chosen: list[TaskInstance] = []
        late: TaskInstance | None = None
        size, after = 1, ""
        for _ in range(_MOST_PAGES):
            page = self._cloud.store.slots.waiting(names, limit=size, after=after)
            sight.take_in(page)
            chosen += (got_in := choose(page, sight.room))
            late = late or next((each for each in page if each not in got_in and sight.waits_for_rate(each)), None)
            size = min(sight.left(names), MOST - len(chosen))
            if len(page) < 1 or size < 1:
                break
            after = page[-1].rank
        return sight.decision(chosen, late)

    def _hand_out(self, admitted: Sequence[TaskInstance], run: RunMemory | None) -> None:
        of_runs: dict[RunKey, list[TaskInstance]] = {}
        for instance in admitted:
            of_runs.setdefault(instance.run, []).append(instance)
        for key, instances in of_runs.items():
            memory = run if run is not None and run.key == key else self._memory(key)
            if memory is not None:
                self._publish(memory, instances)

    def _memory(self, key: RunKey) -> RunMemory | None:
        """Another run, from its document; None when it was deleted."""
        stored = self._cloud.store.run(key)
        if stored is None:
            return None
        dag = self._cloud.store.version(key.dag_id, stored.context.version)
        return RunMemory(stored.context, stored.token, dag)
