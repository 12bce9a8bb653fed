"""What task instances say about mapping: how many instances others have because of them."""

from collections.abc import Iterable, Mapping, Sequence

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner import joins
from sailplane.planner.plan import Snapshot
from sailplane.planner.wiring import Node, wiring

RETURN_VALUE = "return_value"


def lengths_of(dag: SerializedDag, instance: TaskInstance) -> Mapping[str, int | None]:
    """What others are mapped over when `instance` has ended; nothing of one of several instances."""
    task = dag.task_dict.get(instance.task_id)
    if task is None or not task.is_mapped_over or not instance.state.is_terminal:
        return {}
    if instance.map_index != UNMAPPED:
        return {}
    if instance.task_id in dag.mapped_by:  # It stands alone because it has no instances.
        return {instance.task_id: 0}
    return {instance.task_id: instance.map_length}


def size_of(dag: SerializedDag, instance: TaskInstance) -> Mapping[str, int]:
    """How many instances there are beside `instance`; nothing of one that was cleared, as there may be others now."""
    if instance.state is TaskState.NONE:
        return {}
    mapped_by = dag.mapped_by.get(instance.task_id)
    return {mapped_by: instance.map_size} if mapped_by is not None and instance.map_size else {}


def sizes_of(dag: SerializedDag, instances: Iterable[TaskInstance]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    if dag.mapped_by:
        for instance in instances:
            sizes.update(size_of(dag, instance))
    return sizes


def whole_snapshot(dag: SerializedDag, instances: Sequence[TaskInstance]) -> Snapshot:
    """The snapshot of a run of which `instances` are all task instances."""
    sizes = sizes_of(dag, instances)
    states = {instance.key: instance.state for instance in instances}
    lengths: dict[str, int | None] = {}
    for instance in instances:
        lengths.update(lengths_of(dag, instance))
    for node in wiring(dag).mapped:
        if node.task.is_mapped_over and node.mapped_by in sizes and node.key not in states:
            lengths.update(_length_together(node, sizes[node.mapped_by], instances))
    skipped: dict[TaskKey, frozenset[str]] = {each.key: frozenset(each.skips) for each in instances if each.skips}
    return Snapshot(states=states, complete=True, skipped_by_branch=skipped, sizes=sizes, lengths=lengths)


def _length_together(node: Node, size: int, instances: Sequence[TaskInstance]) -> Mapping[str, int | None]:
    """How many of the instances of `node` returned something, once all have ended."""
    own = [each for each in instances if each.task_id == node.key.task_id and each.state.is_terminal]
    return {node.key.task_id: sum(has_pushed(each) for each in own)} if len(own) >= size else {}


def feeds(dag: SerializedDag, instance: TaskInstance, state: TaskState) -> tuple[str, ...]:
    """What `instance` is counted by once it has ended in `state`."""
    return joins.feeds(
        dag,
        instance.task_id,
        state,
        has_pushed=has_pushed(instance),
        map_index=instance.map_index,
        map_size=instance.map_size,
    )


def has_pushed(instance: TaskInstance) -> bool:
    return RETURN_VALUE in instance.xcoms
