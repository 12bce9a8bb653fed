"""Short ways to write DAGs and states in tests of the planner."""

from collections.abc import Mapping
from typing import Any

from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.ids import TaskKey
from sailplane.model.states import TaskState


def task(task_id: str, *upstream: str, **fields: Any) -> SerializedTask:
    return SerializedTask(task_id=task_id, operator="EmptyOperator", upstream=tuple(sorted(upstream)), **fields)


def dag(*tasks: SerializedTask) -> SerializedDag:
    """`tasks` must be in topological order."""
    return SerializedDag(dag_id="small", file="small.py", tasks=tasks)


def chain(*task_ids: str) -> SerializedDag:
    return dag(*(task(each, *task_ids[max(place - 1, 0) : place]) for place, each in enumerate(task_ids)))


def fan(width: int, **join_fields: Any) -> SerializedDag:
    """first -> part00... -> join"""
    parts = [f"part{number:02}" for number in range(width)]
    return dag(task("first"), *(task(part, "first") for part in parts), task("join", *parts, **join_fields))


def states(**by_task: TaskState) -> dict[TaskKey, TaskState]:
    return {TaskKey(task_id): state for task_id, state in by_task.items()}


def task_ids(proposals: Any) -> list[str]:
    """The task_ids of starts, settles or looks."""
    return [each.task_id if hasattr(each, "task_id") else each.key.task_id for each in proposals]


def settled(plan: Any) -> Mapping[str, TaskState]:
    return {each.key.task_id: each.state for each in plan.settles}
