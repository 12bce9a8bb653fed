"""The task instances of one run in this process."""

from collections.abc import Iterator

from sailplane.model.evolve import evolve
from sailplane.model.ids import TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState


class Instances:
    """By key, in the order in which they were created."""

    def __init__(self) -> None:
        self._by_task: dict[str, dict[int, TaskInstance]] = {}
        self._tries_before: dict[TaskKey, int] = {}

    def __iter__(self) -> Iterator[TaskInstance]:
        for of_task in self._by_task.values():
            yield from of_task.values()

    def create(self, instance: TaskInstance) -> TaskInstance:
        """Add one that is not there yet; returns it with the number of its try."""
        assert self.get(instance.key) is None, f"{instance.key} would be created twice"
        tries = self._tries_before.get(instance.key, 0)
        if tries and instance.try_number:
            numbers = {"try_number": tries + instance.try_number, "max_tries": tries + instance.max_tries}
            instance = evolve(instance, **numbers)
        self.put(instance)
        return instance

    def clear(self, key: TaskKey) -> None:
        """Forget one; the next of its key has further tries."""
        cleared = self._by_task.get(key.task_id, {}).pop(key.map_index, None)
        if cleared is not None:
            self._tries_before[key] = max(cleared.try_number, self._tries_before.get(key, 0))

    def put(self, instance: TaskInstance) -> None:
        self._by_task.setdefault(instance.task_id, {})[instance.map_index] = instance

    def get(self, key: TaskKey) -> TaskInstance | None:
        return self._by_task.get(key.task_id, {}).get(key.map_index)

    def of_task(self, task_id: str) -> list[TaskInstance]:
        """By map index."""
        return [instance for _, instance in sorted(self._by_task.get(task_id, {}).items())]

    def in_state(self, *states: TaskState) -> list[TaskInstance]:
        return [each for each in self if each.state in states]
