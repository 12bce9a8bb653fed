"""What the instances of a mapped task pushed, read piece by piece."""

import threading

from sailplane.cloud.wiring import Cloud
from sailplane.engine import mapping, xcoms
from sailplane.engine.memory import RunMemory
from sailplane.model.execution import XComItems
from sailplane.model.ids import TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.planner import joins

CHUNK = 100
"""Task instances that are read at once."""


class MappedXComs:
    """The XComs of the mapped tasks of one run."""

    def __init__(self, cloud: Cloud, run: RunMemory) -> None:
        self._cloud = cloud
        self._run = run
        self._pushed: dict[tuple[str, str], list[int]] = {}
        """(task, key) -> the map indexes that pushed it."""
        self._lock = threading.Lock()

    def between(self, task_id: str, key: str, start: int, stop: int) -> XComItems:
        """Those from place `start` up to `stop`, instances that pushed none being left out."""
        with self._lock:
            if (task_id, key) not in self._pushed:
                self._pushed[task_id, key] = self._find(task_id, key)
            pushed = self._pushed[task_id, key]
        found = self._read(task_id, pushed[start:stop])
        envelopes = (xcoms.resolve(self._cloud, each.xcoms[key]) for each in found if key in each.xcoms)
        return XComItems(total=len(pushed), envelopes=tuple(envelopes))

    def _find(self, task_id: str, key: str) -> list[int]:
        """The map indexes of the instances that pushed `key`."""
        size = self._size(task_id)
        if key == mapping.RETURN_VALUE and self._count(task_id) == size:
            return list(range(size))
        found: list[int] = []
        for begin in range(0, size, CHUNK):
            instances = self._read(task_id, list(range(begin, min(begin + CHUNK, size))))
            found += [each.map_index for each in instances if key in each.xcoms]
        return found

    def _size(self, task_id: str) -> int:
        mapped_by = self._run.dag.mapped_by.get(task_id)
        if mapped_by is None:
            return 0
        if mapped_by not in self._run.sizes:
            self._run.learn(each for each in self._read(task_id, [0]) if each.state.is_terminal)
        return self._run.sizes.get(mapped_by, 0)

    def _count(self, task_id: str) -> int:
        """How many instances returned something: one read a thousand, instead of one each."""
        return self._cloud.store.feeding(self._run.key, joins.pushed(task_id))

    def _read(self, task_id: str, indexes: list[int]) -> list[TaskInstance]:
        return self._cloud.store.tasks(self._run.key, [TaskKey(task_id, index) for index in indexes])
