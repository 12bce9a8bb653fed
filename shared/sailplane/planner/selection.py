"""Which task instances somebody means who clears or marks some of a run: those named, their relatives, their setups."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import UNMAPPED, TaskKey

Indexes = frozenset[int] | None
"""Map indexes of a task; None: all its instances."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is named of a run."""

    tasks: Mapping[str, Indexes]
    """task_id -> which of its instances."""
    upstream: bool = False
    downstream: bool = False

    @classmethod
    def of(cls, named: Iterable[str | TaskKey], *, upstream: bool = False, downstream: bool = False) -> "Wish":
        """From task_ids, each for all its instances, and single instances."""
        tasks: dict[str, Indexes] = {}
        for each in named:
            if isinstance(each, str):
                tasks[each] = None
            else:
                known = tasks.get(each.task_id, frozenset())
                tasks[each.task_id] = None if known is None else known | {each.map_index}
        return cls(tasks=tasks, upstream=upstream, downstream=downstream)

    def means(self, key: TaskKey) -> bool:
        """Whether an instance is named; relatives are not looked at."""
        if key.task_id not in self.tasks:
            return False
        indexes = self.tasks[key.task_id]
        return indexes is None or key.map_index in indexes


def widened(dag: SerializedDag, wish: Wish) -> Wish:
    """`wish` with the relatives that it asks for, and with the setups that come along with a task, and their teardowns.

    As in Airflow: of one instance of a mapped group those of the same index in the group, and all instances of other
    tasks. A setup comes along when it has a teardown behind the task, or none at all.
    """
    kin = _Kin(dag)
    tasks: dict[str, Indexes] = {name: known for name, known in wish.tasks.items() if name in dag.task_dict}
    for name, indexes in list(tasks.items()):
        for relative in kin.wanted(name, wish):
            _add(tasks, relative, indexes if _shares_indexes(dag, name, relative) else None)
    for name in list(tasks):
        for companion in kin.companions(name):
            shared = tasks[name] if _shares_indexes(dag, name, companion) else None
            _add(tasks, companion, shared)
    return Wish(tasks=tasks)


def _add(tasks: dict[str, Indexes], name: str, indexes: Indexes) -> None:
    known = tasks.get(name, frozenset())
    tasks[name] = None if known is None or indexes is None else known | indexes


def _shares_indexes(dag: SerializedDag, one: str, other: str) -> bool:
    """Whether both stand in the same mapped group, so that instance i of one belongs to instance i of the other."""
    return one in dag.mapped_by and dag.mapped_by.get(one) == dag.mapped_by.get(other)


class _Kin:
    """The relatives of the tasks of a DAG."""

    def __init__(self, dag: SerializedDag) -> None:
        self._dag = dag
        self._upstream = {task.task_id: task.upstream for task in dag.tasks}

    def wanted(self, name: str, wish: Wish) -> set[str]:
        found: set[str] = set()
        if wish.downstream:
            below = reach(self._dag.downstream, name)
            found |= below
            for each in below:
                found |= self.companions(each)
        if wish.upstream:
            above = reach(self._upstream, name)
            found |= above
            for each in above:
                if self._dag.task_dict[each].is_setup:
                    found |= self._teardowns_of(each)
        elif not wish.downstream and self._dag.task_dict[name].is_setup:
            found |= self._teardowns_of(name)
        return found - {name}

    def companions(self, name: str) -> set[str]:
        """The setups that a task needs again when it runs again, and their teardowns."""
        task = self._dag.task_dict[name]
        if task.is_setup:
            return self._teardowns_of(name)
        if task.is_teardown:
            return set()
        teardowns_below = {each for each in reach(self._dag.downstream, name) if self._dag.task_dict[each].is_teardown}
        found: set[str] = set()
        for above in reach(self._upstream, name):
            if not self._dag.task_dict[above].is_setup:
                continue
            teardowns = self._teardowns_of(above)
            if not teardowns or teardowns & teardowns_below:
                found |= {above, *teardowns}
        return found - {name}

    def _teardowns_of(self, setup: str) -> set[str]:
        return {each for each in self._dag.downstream[setup] if self._dag.task_dict[each].is_teardown}


def reach(edges: Mapping[str, Collection[str]], start: str) -> set[str]:
    """All that can be reached from `start`, itself left out."""
    reached: set[str] = set()
    ahead = list(edges[start])
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(edges[name])
    return reached - {start}


def group_tasks(dag: SerializedDag, group_id: str) -> tuple[str, ...]:
    """The tasks of a group, those of groups inside too; of the DAG for an empty text."""
    if not group_id:
        return tuple(task.task_id for task in dag.tasks)
    parents = {group.group_id: group.parent_id for group in dag.groups}

    def is_inside(inner: str | None) -> bool:
        while inner and inner != group_id:
            inner = parents.get(inner)
        return bool(inner)

    return tuple(task.task_id for task in dag.tasks if is_inside(task.group_id))


def behind(dag: SerializedDag, changed: Iterable[TaskKey]) -> set[str]:
    """The tasks and gates behind `changed`."""
    names = {key.task_id for key in changed if key.task_id in dag.downstream}
    found = {each for name in names for each in reach(dag.downstream, name)}
    return found | {gate.task_id for gate in dag.gates.values() if (names | found) & set(gate.upstream)}


def missing(
    dag: SerializedDag, names: Iterable[str], there: Collection[TaskKey], sizes: Mapping[str, int]
) -> list[TaskKey]:
    """The instances of the tasks `names` that do not exist, as far as their number is known.

    Of a mapped task whose number of instances is not known those two of which one is created first.
    """
    keys: list[TaskKey] = []
    for name in sorted(names):
        mapped_by = dag.mapped_by.get(name)
        indexes: Iterable[int] = (UNMAPPED,) if mapped_by is None else (UNMAPPED, *range(sizes.get(mapped_by, 1)))
        keys += [TaskKey(name, index) for index in indexes]
    return [key for key in keys if key not in there]
