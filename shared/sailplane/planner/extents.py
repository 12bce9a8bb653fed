"""How many instances the mapped tasks of a run have, as far as a snapshot tells.

The number follows from what other tasks returned, so that whoever looks finds the same one. A task of a mapped group,
or one mapped over literals, has that many instances, whatever becomes of them; without any, it stands alone and is
skipped. A task that is itself mapped over what others return has them only if its trigger rule lets it start; else it
stands alone too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sailplane.model.ids import TaskKey
from sailplane.model.states import TERMINAL, TaskState
from sailplane.planner.plan import Measure, Snapshot
from sailplane.planner.wiring import Node, Wiring


@dataclass(frozen=True, slots=True)
class Missing:
    """What has to be read first. Nothing: an upstream task has not ended, and whoever ends it comes here again."""

    keys: tuple[TaskKey, ...] = ()
    measures: tuple[Measure, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys or self.measures)


class Extents:
    """What one call of the planner knows of numbers of instances."""

    def __init__(
        self, wiring: Wiring, snapshot: Snapshot, known: Callable[[TaskKey], TaskState | None], *, complete: bool
    ) -> None:
        """`known` gives the state of a task instance: None when it is unknown, NONE when it does not exist."""
        self._wiring = wiring
        self._lengths = snapshot.lengths
        self._known = known
        self._complete = complete
        self.sizes = dict(snapshot.sizes)

    def size(self, node: Node) -> int | Missing | None:
        """How many instances mapped `node` has if it starts; None when there was nothing to map it over."""
        if (fact := self.sizes.get(node.mapped_by or "")) is not None:
            return fact
        assert node.expansion is not None
        lengths: dict[str, int | None] = {}
        missing: list[Missing] = []
        for producer in node.expansion.producers:
            length = self._length(self._wiring.nodes[producer])
            if isinstance(length, Missing):
                missing.append(length)
            else:
                lengths[producer] = length
        return _together(missing) if missing else node.expansion.size(lengths)

    def extent(self, node: Node) -> int | Missing:
        """How many task instances `node` has once it is decided."""
        if node.mapped_by is None:
            return 1
        if (fact := self.sizes.get(node.mapped_by)) is not None:
            return fact
        whole = self._known(node.key)
        if whole is not None and whole is not TaskState.NONE:
            return 1
        size = self.size(node)
        if isinstance(size, Missing):
            return size
        if size and node.has_instances_of_its_own and whole is None:
            return Missing(keys=(node.key,))
        return size or 1

    def total_before(self, node: Node) -> int | Missing:
        """How many task instances `node.far_upstream` are together."""
        total = len(node.far_upstream) - len(node.far_mapped)
        missing: list[Missing] = []
        for key in node.far_mapped:
            extent = self.extent(self._wiring.nodes[key.task_id])
            if isinstance(extent, Missing):
                missing.append(extent)
            else:
                total += extent
        return _together(missing) if missing else total

    def keys(self, node: Node) -> list[TaskKey]:
        """All its task instances; of a mapped task whose extent is not known, the one that stands alone."""
        if node.mapped_by is None:
            return [node.key]
        whole, extent = self._known(node.key), self.extent(node)
        if isinstance(extent, Missing) or whole not in (None, TaskState.NONE) or not self._expands(node):
            return [node.key]
        return [node.key_at(index) for index in range(extent)]

    def _expands(self, node: Node) -> bool:
        if node.mapped_by in self.sizes:
            return True
        size = self.size(node)
        return isinstance(size, int) and size > 0

    def _length(self, producer: Node) -> int | Missing | None:
        task_id = producer.key.task_id
        if task_id in self._lengths:
            return self._lengths[task_id]
        if producer.mapped_by is not None:
            return self._length_together(producer)
        state = self._known(producer.key)
        if state is None or state is TaskState.SUCCESS:
            return Missing() if self._complete else Missing(measures=(Measure(task_id),))
        return None if state.is_terminal else Missing()

    def _length_together(self, producer: Node) -> int | Missing:
        """How many instances of a mapped task returned something."""
        whole = self._known(producer.key)
        if whole is not None and whole.is_terminal:
            return 0
        extent = self.extent(producer)
        if isinstance(extent, Missing):
            return extent
        states = {self._known(key) for key in self.keys(producer)}
        if not states - _RETURNED_NOTHING:
            return 0
        return Missing() if self._complete else Missing(measures=(Measure(producer.key.task_id, extent),))


_RETURNED_NOTHING = TERMINAL - {TaskState.SUCCESS}


def _together(missing: Iterable[Missing]) -> Missing:
    keys = dict.fromkeys(key for each in missing for key in each.keys)
    measures = dict.fromkeys(measure for each in missing for measure in each.measures)
    return Missing(keys=tuple(keys), measures=tuple(measures))
