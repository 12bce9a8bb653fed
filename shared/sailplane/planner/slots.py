"""Which of the task instances that wait for places get them."""

from collections.abc import Callable, Iterable
from datetime import datetime

from sailplane.model.limits import pool_of
from sailplane.model.runs import TaskInstance

_MOST = 4_999_999_999
"""A priority beyond counts as this one, in ten digits."""


class Room:
    """What is taken, and how much there is, by the name of the limit: filled by who decides, as far as he reads."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}
        self.pools: dict[str, float] = {}
        """Slots of pools; other capacities stand in the task instances."""
        self.starts: dict[str, float] = {}
        """Of pools with a rate: how many may start now."""

    def has(self, instance: TaskInstance) -> bool:
        """Whether there is room for it in every one of its limits."""
        limits = instance.limits.items()
        fits = all(self.taken[name] + places(name, instance) <= self._capacity(name, most) for name, most in limits)
        return fits and not self.waits_for_rate(instance)

    def give(self, instance: TaskInstance) -> None:
        """From now on it has its places."""
        for name in instance.limits:
            self.taken[name] += places(name, instance)
            if name in self.starts:
                self.starts[name] -= 1.0

    def waits_for_rate(self, instance: TaskInstance) -> bool:
        return any(self.starts.get(name, 1.0) < 1.0 for name in instance.limits)

    def left(self, name: str, capacity: int) -> float:
        """How many more may get into a limit now."""
        return min(self._capacity(name, capacity) - self.taken[name], self.starts.get(name, float("inf")) // 1)

    def _capacity(self, name: str, capacity: int) -> float:
        return self.pools.get(name, capacity)


def places(name: str, instance: TaskInstance) -> int:
    """How many places of a limit a task instance takes: more than one only of a pool."""
    return instance.pool_slots if pool_of(name) is not None else 1


def choose(
    waiting: Iterable[TaskInstance], room: Room, may_start: Callable[[TaskInstance], bool] = lambda instance: True
) -> list[TaskInstance]:
    """Those that get in, in the order of their ranks. One for which there is no room does not keep others waiting.

    `may_start` is asked of those only that have room: one may wait for something else.
    """
    chosen: list[TaskInstance] = []
    for instance in sorted(waiting, key=lambda each: each.rank):
        if room.has(instance) and may_start(instance):
            room.give(instance)
            chosen.append(instance)
    return chosen


_HELD = "~"
"""Sorts behind all digits."""


def behind_all(rank: str) -> str:
    """`rank` of one whose run is held: thousands of them must not stand before those that can have the places."""
    return rank if not rank or rank.startswith(_HELD) else _HELD + rank


def in_turn(rank: str) -> str:
    """`rank` as it was before its run was held."""
    return rank.removeprefix(_HELD)


def rank(priority: int, run_after: datetime, asked_at: datetime, task_id: str, map_index: int) -> str:
    """The order of those that wait, as a string that sorts: by priority, by their runs, then as they came.

    No two task instances have the same.
    """
    urgency = _MOST - max(min(priority, _MOST), -_MOST)
    return f"{urgency:010d} {run_after:%Y%m%dT%H%M%S%f} {asked_at:%Y%m%dT%H%M%S%f} {map_index + 1:06d} {task_id}"
