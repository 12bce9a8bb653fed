"""What is read to decide who gets places in limits, and the writes that the decision comes to."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sailplane.cloud.changes import Change, Create, Replace
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft
from sailplane.model.evolve import evolve
from sailplane.model.limits import OF_THE_POOL, pool_of
from sailplane.model.pools import UNLIMITED, Pool, Turn
from sailplane.model.runs import TaskInstance
from sailplane.model.usage import Usage
from sailplane.planner.slots import Room

MOST = 100
"""Task instances that are let in by one commit."""
TURN_LIFE = timedelta(days=30)
"""How long the document of a limit of runs and tasks stays after its last use."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be written."""

    tasks: Sequence[TaskInstance] = ()
    """Let in, and perhaps one that waits for its pool's rate, with an alarm."""
    turns: Sequence[Change] = ()

    @property
    def changes(self) -> list[Change]:
        return [*map(Replace, self.tasks), *self.turns]


@dataclass
class Sight:
    """What was read for a decision: tokens first, counts after them."""

    cloud: Cloud
    now: datetime
    room: Room = field(default_factory=Room)
    pools: dict[str, Pool] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    capacities: dict[str, int] = field(default_factory=dict)

    def take_in(self, waiting: Iterable[TaskInstance]) -> None:
        """Read what is known of the limits of `waiting`."""
        new = {name: most for each in waiting for name, most in each.limits.items() if name not in self.room.taken}
        if not new:
            return
        self.capacities.update(new)
        pools = [pool for name in new if (pool := pool_of(name)) is not None]
        reader = self.cloud.store.slots
        found, turns = reader.turns(pools, [name for name in new if pool_of(name) is None])
        self.turns.update(turns)
        for name in new:
            pool = pool_of(name)
            if pool is None:
                self.room.taken[name] = reader.count_holding(name)
            else:
                self._take_in_pool(name, found.get(pool))

    def _take_in_pool(self, name: str, pool: Pool | None) -> None:
        if pool is None:  # Nobody gets in until it is made.
            self.room.taken[name] = self.room.pools[name] = 0.0
            return
        self.pools[name] = pool
        if pool.rate:
            self.room.starts[name] = pool.allowed(self.now)
        is_unlimited = pool.slots == UNLIMITED
        self.room.pools[name] = float("inf") if is_unlimited else pool.slots
        reader = self.cloud.store.slots
        self.room.taken[name] = 0 if is_unlimited else reader.places(name)
        if pool.include_deferred and not is_unlimited:
            self.room.taken[name] += reader.deferred_places(pool.name)

    def left(self, names: Iterable[str]) -> int:
        """How many more may get in at most, by those of `names` that somebody waits for; one at least."""
        known = [name for name in names if name in self.room.taken]
        return max([1, *(int(min(self._left(name), MOST)) for name in known)])

    def has_room(self, name: str) -> bool:
        """Whether a limit has room, as far as is known: nobody may have been seen yet who waits for it."""
        return name not in self.room.taken or self._left(name) >= 1

    def _left(self, name: str) -> float:
        return self.room.left(name, self.capacities.get(name, OF_THE_POOL))

    def has_late(self, name: str) -> bool:
        """Whether somebody may wait for no more than the rate of a pool."""
        return self.room.starts.get(name, 1.0) < 1.0

    def waits_for_rate(self, instance: TaskInstance) -> bool:
        return self.room.waits_for_rate(instance)

    def decision(
        self,
        chosen: Sequence[TaskInstance],
        late: TaskInstance | None,
        take: Callable[[TaskInstance], TaskInstance | None] | None = None,
    ) -> Decision:
        """The writes that let `chosen` in; the first of them that the caller takes is running, the others queued."""
        tasks = [draft.admitted(each, self.now) for each in chosen]
        taken = ((place, own) for place, each in enumerate(tasks) if take is not None and (own := take(each)))
        for place, own in itertools.islice(taken, 1):
            tasks[place] = own
        names = dict.fromkeys(name for each in chosen for name in each.limits)
        turns = [turn for name in names for turn in self._turn(name)]
        if tasks:
            # What is written beside them is the first one's.
            tasks[0] = evolve(tasks[0], usage=tasks[0].usage + Usage(writes=len(turns)))
        return Decision(tasks=[*tasks, *self._with_alarm(late)], turns=turns)

    def _turn(self, name: str) -> list[Change]:
        """The write by which others find that a place was given away; none where there is no limit to it."""
        pool = self.pools.get(name)
        if pool is None:
            turn = self.turns.get(name)
            token = turn.token if turn is not None else ""
            again = Turn(limit=name, claim=draft.nonce(), expires_at=self.now + TURN_LIFE, token=token)
            return [Replace(again) if token else Create(again)]
        if pool.slots == UNLIMITED and not pool.rate:
            return []
        return [Replace(evolve(self._counted(name, pool), claim=draft.nonce()))]

    def _counted(self, name: str, pool: Pool) -> Pool:
        """`pool` as its rate allows after those that were let in."""
        return evolve(pool, allowance=self.room.starts[name], counted_at=self.now) if pool.rate else pool

    def _with_alarm(self, late: TaskInstance | None) -> list[TaskInstance]:
        """The first that waits for nothing but its pool's rate is looked at again when that allows more."""
        if late is None:
            return []
        pools = [(name, self.pools[name]) for name in late.limits if name in self.room.starts]
        at = max(self._counted(name, pool).next_at(self.now) for name, pool in pools)
        if late.alarm_at is not None and self.now < late.alarm_at <= at:
            return []
        return [evolve(late, alarm_at=at, claim=draft.nonce())]
