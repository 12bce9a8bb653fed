"""How urgent tasks are among those that wait for the same slots: `priority_weight` and `weight_rule`."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sailplane.model.ids import UNMAPPED

if TYPE_CHECKING:
    from sailplane.authoring.operator import BaseOperator

MOST_TRIES = 20
"""For so many tries a rule of an author's own is asked; later ones are as urgent as the last of them."""


class WeightRule(StrEnum):
    """What counts as a task's priority."""

    DOWNSTREAM = "downstream"
    """Its own weight and those of all tasks behind it: what more depends on goes first."""
    UPSTREAM = "upstream"
    """Its own weight and those of all tasks before it: what is nearly done goes first."""
    ABSOLUTE = "absolute"
    """Its own weight."""


class PriorityWeightStrategy:
    """Base of a rule for priorities of one's own, as `weight_rule=` takes it.

    It is asked when the DAG is pushed, for each try of each task that has it: `ti` has `task`, `task_id`, `dag_id`,
    `try_number` and `map_index` (-1), and nothing that is known only in a run.
    """

    def get_weight(self, ti: Any) -> int:
        """The priority of a task instance. Subclasses say it."""
        raise NotImplementedError(f"{type(self).__name__} has no get_weight")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


def weight_rule(task_id: str, value: Any) -> WeightRule | PriorityWeightStrategy:
    """What an operator was given as `weight_rule`: a name, a strategy, its class or its path. Raises `ValueError`."""
    if value is None:
        return WeightRule.ABSOLUTE
    if isinstance(value, str) and value in set(WeightRule):
        return WeightRule(value)
    found = _imported(value) if isinstance(value, str) and "." in value else value
    if isinstance(found, type) and issubclass(found, PriorityWeightStrategy):
        found = found()
    if isinstance(found, PriorityWeightStrategy):
        return found
    raise ValueError(
        f"task {task_id!r}: there is no weight_rule {value!r}; there are {', '.join(WeightRule)}, and subclasses of "
        "PriorityWeightStrategy"
    )


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def priorities(order: Sequence["BaseOperator"]) -> Mapping[str, tuple[int, ...]]:
    """By task_id: the priority of each try, the last for all later ones. `order` is all tasks of a DAG, topological."""
    rules = {task.weight_rule for task in order if isinstance(task.weight_rule, WeightRule)}
    sums = {rule: _weigh(rule, order) for rule in rules}
    return {task.task_id: _of(task, sums) for task in order}


Weigh = Callable[["BaseOperator"], int]


def _weigh(rule: WeightRule, order: Sequence["BaseOperator"]) -> Weigh:
    match rule:
        case WeightRule.DOWNSTREAM:
            return _sums(list(reversed(order)), lambda task: task.downstream_task_ids)
        case WeightRule.UPSTREAM:
            return _sums(order, lambda task: task.upstream_task_ids)
        case WeightRule.ABSOLUTE:
            return lambda task: task.priority_weight


def _of(task: "BaseOperator", sums: Mapping[WeightRule, Weigh]) -> tuple[int, ...]:
    rule = task.weight_rule
    return (sums[rule](task),) if isinstance(rule, WeightRule) else _by_strategy(task, rule)


def _by_strategy(task: "BaseOperator", strategy: PriorityWeightStrategy) -> tuple[int, ...]:
    found: list[int] = []
    for number in range(1, min(task.retries + 1, MOST_TRIES) + 1):
        ti = SimpleNamespace(task=task, task_id=task.task_id, dag_id=task.dag_id, try_number=number, map_index=UNMAPPED)
        weight: Any = strategy.get_weight(ti)
        if not isinstance(weight, int):
            name = type(strategy).__name__
            raise TypeError(f"task {task.task_id!r}: {name}.get_weight gave {weight!r}, which is no int")
        found.append(weight)
    while len(found) > 1 and found[-1] == found[-2]:
        found.pop()
    return tuple(found)


def _sums(order: Sequence["BaseOperator"], beyond: Callable[["BaseOperator"], set[str]]) -> Weigh:
    """Sums of the weights of each task and all that lies beyond it, each counted once however many ways lead there.

    Sets of tasks are the bits of integers: for ten thousand tasks that takes a moment, a walk from each would not.
    """
    bit = {task.task_id: 1 << number for number, task in enumerate(order)}
    with_weight: dict[int, int] = {}
    for task in order:
        with_weight[task.priority_weight] = with_weight.get(task.priority_weight, 0) | bit[task.task_id]
    reached: dict[str, int] = {}
    for task in order:
        found = bit[task.task_id]
        for task_id in beyond(task):
            found |= reached[task_id]
        reached[task.task_id] = found

    def weigh(task: "BaseOperator") -> int:
        mask = reached[task.task_id]
        return sum(weight * (mask & tasks).bit_count() for weight, tasks in with_weight.items())

    return weigh
