"""Gates in a run in this process: a task group, or the DAG, that failed runs again at once, as if its time had come."""

from collections.abc import Iterator
from datetime import datetime

from sailplane.engine import draft, gates
from sailplane.engine.memory import RunMemory
from sailplane.model.evolve import evolve
from sailplane.model.gates import leaves_of
from sailplane.model.ids import TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState
from sailplane.testing.instances import Instances

_FAILED = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})


class Gates:
    """The gates of one run; they stand apart from its task instances, which tests look at."""

    def __init__(self, memory: RunMemory, instances: Instances) -> None:
        self._memory = memory
        self._instances = instances
        self._ended: dict[TaskKey, TaskInstance] = {}
        self._tries: dict[TaskKey, int] = {}

    def __iter__(self) -> Iterator[TaskInstance]:
        return iter(tuple(self._ended.values()))

    def settle(self, key: TaskKey, size: int, now: datetime, state: TaskState = TaskState.SUCCESS) -> None:
        """End the gate `key`, one of `size`."""
        made = draft.settled(self._memory, key, TaskState.SUCCESS, now, size)
        self._ended[key] = evolve(made, state=state)

    def decide(self, key: TaskKey, size: int, now: datetime) -> bool:
        """Whether the group of `key` runs again, and so has been cleared; else its gate has ended."""
        gate = self._memory.dag.gates[key.task_id]
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        if tries > gate.retries or self._memory.dag.fail_fast or not self._has_failed(key):
            self.settle(key, size, now)
            return False
        everything = [*self._instances, *self._ended.values()]
        meant = gates.meant(self._memory.dag, key, everything)
        for each in meant:
            self._instances.clear(each)
        for inner in gates.along(self._memory.dag, meant, list(self._ended.values())):
            self._ended.pop(inner)
            self._tries.pop(inner)
        return True

    def _has_failed(self, key: TaskKey) -> bool:
        mapped_by = self._memory.dag.mapped_by
        own = mapped_by.get(key.task_id)
        leaves = leaves_of(self._memory.dag, self._memory.dag.gates[key.task_id])
        return any(
            each.state in _FAILED and (own is None or mapped_by.get(name) != own or each.map_index == key.map_index)
            for name in leaves
            for each in self._instances.of_task(name)
        )
