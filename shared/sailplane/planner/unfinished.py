"""What a snapshot knows to be unfinished. Asked at every end, so it looks at no more than it must."""

from collections.abc import Callable, Iterator, Mapping

from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.states import TERMINAL, TaskState
from sailplane.planner.wiring import Node, Wiring


class Unfinished:
    """The unfinished task instances of one snapshot."""

    def __init__(
        self,
        wiring: Wiring,
        states: Mapping[TaskKey, TaskState],
        decided: Mapping[TaskKey, TaskState],
        known: Callable[[TaskKey], TaskState | None],
    ) -> None:
        """`decided` grows while this is used: what was settled since is unfinished no more."""
        self._wiring = wiring
        self._states = states
        self._decided = decided
        self._known = known
        self._grouped: Mapping[str, list[TaskKey]] | None = None

    def __bool__(self) -> bool:
        return any(True for _ in self._all())

    def is_before(self, node: Node, index: int) -> bool:
        """Whether one of them is upstream of instance `index` of `node`."""
        if not self._wiring.mapped:
            return any(key.task_id in node.upstream_ids for key in self._all())
        by_task = self._by_task()
        return any(
            node.waits_for(key, index) and not self._is_settled(key)
            for task_id in node.upstream_ids
            for key in by_task.get(task_id, ())
        )

    def _all(self) -> Iterator[TaskKey]:
        if self._wiring.mapped:
            return (key for keys in self._by_task().values() for key in keys if not self._is_settled(key))
        return (key for key, state in self._states.items() if state not in TERMINAL and not self._is_settled(key))

    def _by_task(self) -> Mapping[str, list[TaskKey]]:
        """With mapping there may be thousands of one task, so they are gone through once.

        That a mapped task does not stand alone says nothing of its instances; if it does, it has none.
        """
        if self._grouped is None:
            grouped: dict[str, list[TaskKey]] = {}
            for key, state in self._states.items():
                if state not in TERMINAL and not self._is_no_instance(key, state):
                    grouped.setdefault(key.task_id, []).append(key)
            self._grouped = grouped
        return self._grouped

    def _is_no_instance(self, key: TaskKey, state: TaskState) -> bool:
        node = self._wiring.nodes[key.task_id]
        if state is not TaskState.NONE or node.mapped_by is None:
            return False
        return key.map_index == UNMAPPED or self._known(node.key) not in (None, TaskState.NONE)

    def _is_settled(self, key: TaskKey) -> bool:
        return self._decided.get(key) in TERMINAL
