"""What people change in a run that exists: task instances cleared or marked, the run held."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState

Ranges = tuple[tuple[int, int], ...]
"""Map indexes, each range with its ends."""


@dataclass(frozen=True, kw_only=True)
class KeySet:
    """Task instances of a run, short to write down: a run may have tens of thousands."""

    ranges: Mapping[str, Ranges] = field(default_factory=dict)
    """task_id -> map indexes."""

    @classmethod
    def of(cls, keys: Iterable[TaskKey]) -> "KeySet":
        ranges: dict[str, list[tuple[int, int]]] = {}
        for key in sorted(set(keys)):
            found = ranges.setdefault(key.task_id, [])
            if found and found[-1][1] == key.map_index - 1:
                found[-1] = (found[-1][0], key.map_index)
            else:
                found.append((key.map_index, key.map_index))
        return cls(ranges={task_id: tuple(found) for task_id, found in ranges.items()})

    def __contains__(self, key: TaskKey) -> bool:
        ranges = self.ranges.get(key.task_id, ())
        place = bisect_right(ranges, key.map_index, key=itemgetter(0)) - 1
        return place >= 0 and key.map_index <= ranges[place][1]

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __or__(self, other: "KeySet") -> "KeySet":
        return KeySet.of([*self, *other])

    def __sub__(self, other: "KeySet") -> "KeySet":
        return KeySet.of(key for key in self if key not in other)

    def __iter__(self) -> Iterator[TaskKey]:
        for task_id, ranges in self.ranges.items():
            for first, last in ranges:
                yield from (TaskKey(task_id, index) for index in range(first, last + 1))


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """What is being changed in a run: kept in its document until all of it is done, whoever does it.

    The run's `clear_number` says how many there have been; each task instance that one has reached carries its number.
    """

    clears: KeySet = field(default_factory=KeySet)
    marks: Mapping[TaskState, KeySet] = field(default_factory=dict)
    """Terminal state -> what is to be in it."""
    run_state: RunState | None = None
    """How the run is to end, whatever its tasks ended as."""
    restarts_run: bool = False
    """True: the run had ended, and goes on when this is done."""

    def mark_of(self, key: TaskKey) -> TaskState | None:
        return next((state for state, keys in self.marks.items() if key in keys), None)

    def and_then(self, later: "Intervention") -> "Intervention":
        """Both, where they disagree `later`."""
        touched = later.clears
        for keys in later.marks.values():
            touched = touched | keys
        marks = {state: keys - touched for state, keys in self.marks.items()}
        for state, keys in later.marks.items():
            marks[state] = marks.get(state, KeySet()) | keys
        return Intervention(
            clears=(self.clears - touched) | later.clears,
            marks={state: keys for state, keys in marks.items() if keys},
            run_state=later.run_state,
            restarts_run=self.restarts_run or later.restarts_run,
        )


@dataclass(frozen=True, kw_only=True)
class RunHold:
    """A run that was told to wait: what runs may end, nothing of it starts."""

    since: datetime
    reason: str = ""
    resume_at: datetime | None = None
    """When it goes on by itself; None: when somebody says so."""
    by: str = ""
