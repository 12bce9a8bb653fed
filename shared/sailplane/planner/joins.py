"""Wide joins: how an ended task instance is counted instead of read.

An ended task instance writes into its `feeds` field which wide joins it belongs to, plainly and with its state. A join
then asks the store `count(feeds contains X)`: with `next_question` until enough is known, and `counts` makes the
`UpstreamCounts` of the answers. A join over a thousand tasks that all succeed costs one count for each worker that
looks too early, and two for the one that starts it.
"""

from collections.abc import Mapping

from sailplane.model.dags import SerializedDag
from sailplane.model.states import TaskState
from sailplane.planner.rules import STARTS_EARLY, UpstreamCounts, tally
from sailplane.planner.wiring import WIDE, wiring

__all__ = ["RUN_JOIN", "WIDE", "counts", "feeds", "next_question"]

RUN_JOIN = "~run"
"""The join of a run's end: all its task instances feed it."""

_LIKELY_FIRST = (
    TaskState.SUCCESS,
    TaskState.SKIPPED,
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.REMOVED,
)


def feeds(dag: SerializedDag, task_id: str, state: TaskState) -> tuple[str, ...]:
    """What an instance of `task_id` that ended in `state` writes into its `feeds` field."""
    plain = [RUN_JOIN] if len(dag.tasks) > WIDE else []
    for join in wiring(dag).nodes[task_id].wide_joins:
        plain += [join, f"{join}={state}"]
    return tuple(plain)


def next_question(dag: SerializedDag, join: str, answers: Mapping[str, int]) -> str | None:
    """The value of `feeds` that is to be counted next to decide the wide join `join`; None when `answers` are enough.

    Each answer must be counted after the one before it: first how many have ended, only then in which states. The other
    way round an end between the two would be missed.
    """
    return next((value for value in _questions(dag, join, answers) if value not in answers), None)


def _questions(dag: SerializedDag, join: str, answers: Mapping[str, int]) -> list[str]:
    task = dag.task_dict[join]
    total = len(task.upstream)
    if answers.get(join, total) < total:
        enough = [f"{join}={state}" for state in STARTS_EARLY.get(task.trigger_rule, ())]
        return [] if any(answers.get(value) for value in enough) else enough
    states = [f"{join}={state}" for state in _LIKELY_FIRST]
    known = sum(answers.get(value, 0) for value in states)
    return [join] if known >= total else [join, *states]


def counts(dag: SerializedDag, join: str, answers: Mapping[str, int]) -> UpstreamCounts:
    """What the answers to `next_question` say."""
    states = {state: answers.get(f"{join}={state}", 0) for state in _LIKELY_FIRST}
    return tally(len(dag.task_dict[join].upstream), states)
