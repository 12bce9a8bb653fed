"""A run as it is stored now, for whoever finds that what it knows of it is not true any more."""

from sailplane.cloud.wiring import Cloud
from sailplane.engine.memory import RunMemory
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.planner.wiring import wiring


def read_run(cloud: Cloud, key: RunKey) -> RunMemory | None:
    """A run as it is stored now; None when it is over or gone."""
    stored = cloud.store.run(key)
    if stored is None or stored.state.is_terminal:
        return None
    return RunMemory.of(stored, cloud.store.version(key.dag_id, stored.context.version))


def awaits_nothing(run: RunMemory, instance: TaskInstance) -> bool:
    node = wiring(run.dag).nodes[instance.task_id]
    return not (node.upstream or node.setups or node.scope)


def first_awaited(cloud: Cloud, run: RunMemory, instance: TaskInstance) -> list[TaskKey]:
    """The first task that `instance` waits for, if that has ended: to follow from, as if it had ended just now.

    If it has not, whoever ends it comes by `instance` anyway.
    """
    node = wiring(run.dag).nodes[instance.task_id]
    (first,) = node.keys_at((*node.upstream, *node.setups, *node.scope)[:1], instance.map_index)
    ended = [each for each in cloud.store.tasks(run.key, [first, TaskKey(first.task_id, 0)]) if each.state.is_terminal]
    run.learn(ended)
    return [each.key for each in ended]
