"""Wide joins: how an ended task instance is counted instead of read.

An ended task instance writes into its `feeds` field which wide joins it belongs to, plainly and with its state. A join
then asks the store `count(feeds contains X)`: with `next_question` until enough is known, and `counts` makes the
`UpstreamCounts` of the answers. A join over a thousand tasks that all succeed costs one count for each worker that
looks too early, and two for the one that starts it.
"""

from collections.abc import Callable, Mapping

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import UNMAPPED
from sailplane.model.states import TaskState
from sailplane.planner.rules import STARTS_EARLY, UpstreamCounts, tally
from sailplane.planner.wiring import WIDE, wiring

__all__ = ["BLOCK", "RUN_JOIN", "WIDE", "block", "block_size", "counts", "feeds", "length", "next_question", "pushed"]

BLOCK = 1000
"""Instances of a mapped task that are counted together before all are: a count costs a read for each thousand, so that
of ten thousand instances each would cost as many reads as there are thousands before it."""

RUN_JOIN = "~run"
"""The join of a run's end: all its task instances feed it."""

_ENDED, _PUSHED = "#", "#pushed"
"""After a mapped task's id: the labels by which its instances are counted for who is mapped over them."""

_LIKELY_FIRST = (
    TaskState.SUCCESS,
    TaskState.SKIPPED,
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.REMOVED,
)


def feeds(
    dag: SerializedDag,
    task_id: str,
    state: TaskState,
    *,
    has_pushed: bool = False,
    map_index: int = UNMAPPED,
    map_size: int = 0,
) -> tuple[str, ...]:
    """What an instance of `task_id` that ended in `state` writes into its `feeds` field.

    `has_pushed`: it returned something. `map_index` and `map_size`: which of how many instances it is.
    """
    if task_id not in dag.task_dict:
        return ()  # It calls the DAG's callbacks, and nothing waits for it.
    plain = [RUN_JOIN] if len(dag.tasks) > WIDE or wiring(dag).mapped else []
    node = wiring(dag).nodes[task_id]
    for join in node.wide_joins:
        plain += [join, f"{join}={state}"]
    if node.mapped_by is not None and node.task.is_mapped_over:
        plain.append(f"{task_id}{_ENDED}")
    if node.mapped_by is not None and has_pushed:
        plain.append(pushed(task_id))
    if map_size > BLOCK:
        plain.append(block(task_id, map_index))
    return tuple(plain)


def block(task_id: str, map_index: int) -> str:
    """The label by which the instances are counted that stand in one block with `map_index`."""
    return f"{task_id}{_ENDED}{map_index // BLOCK}"


def block_size(map_index: int, map_size: int) -> int:
    """How many instances stand in one block with `map_index`, of `map_size` in all."""
    first = map_index // BLOCK * BLOCK
    return min(BLOCK, map_size - first)


def pushed(task_id: str) -> str:
    """The label by which those instances of a mapped task are counted that returned something."""
    return f"{task_id}{_PUSHED}"


def length(task_id: str, instances: int, count: Callable[[str], int]) -> int | None:
    """How many items a mapped task with so many `instances` returned; None as long as some of them have not ended."""
    return count(pushed(task_id)) if count(f"{task_id}{_ENDED}") >= instances else None


def next_question(dag: SerializedDag, join: str, answers: Mapping[str, int], total: int) -> str | None:
    """The value of `feeds` that is to be counted next to decide the wide join `join`; None when `answers` are enough.

    `total`: how many task instances it waits for, apart from those of its own mapped group.

    Each answer must be counted after the one before it: first how many have ended, only then in which states. The other
    way round an end between the two would be missed.
    """
    return next((value for value in _questions(dag, join, answers, total) if value not in answers), None)


def _questions(dag: SerializedDag, join: str, answers: Mapping[str, int], total: int) -> list[str]:
    task = dag.task_dict[join]
    if answers.get(join, total) < total:
        enough = [f"{join}={state}" for state in STARTS_EARLY.get(task.trigger_rule, ())]
        return [] if any(answers.get(value) for value in enough) else enough
    states = [f"{join}={state}" for state in _LIKELY_FIRST]
    known = sum(answers.get(value, 0) for value in states)
    return [join] if known >= total else [join, *states]


def counts(join: str, answers: Mapping[str, int], total: int) -> UpstreamCounts:
    """What the answers to `next_question` say."""
    states = {state: answers.get(f"{join}={state}", 0) for state in _LIKELY_FIRST}
    return tally(total, states)
