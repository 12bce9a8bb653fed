"""Reading what the next task waits for, after one's own end is committed: "commit, then look"."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sailplane.cloud.wiring import Cloud
from sailplane.engine.memory import RunMemory
from sailplane.model.ids import TaskKey
from sailplane.model.states import TaskState
from sailplane.planner import joins
from sailplane.planner.advance import Look
from sailplane.planner.rules import UpstreamCounts


@dataclass
class Sight:
    """What was read since the end that is being followed: true at a moment after its commit."""

    states: dict[TaskKey, TaskState] = field(default_factory=dict)
    counts: dict[str, UpstreamCounts] = field(default_factory=dict)


def look(cloud: Cloud, run: RunMemory, looks: Sequence[Look], sight: Sight) -> bool:
    """Read what `looks` name into `sight`, and into memory what ended. False when all of it had been read before."""
    keys = {key for each in looks for key in each.keys} - sight.states.keys()
    joined = [each.task_id for each in looks if each.counted and each.task_id not in sight.counts]
    if keys:
        _read(cloud, run, keys, sight)
    for join in joined:
        sight.counts[join] = _count(cloud, run, join)
    return bool(keys or joined)


def _read(cloud: Cloud, run: RunMemory, keys: set[TaskKey], sight: Sight) -> None:
    found = cloud.store.tasks(run.key, sorted(keys))
    run.learn(instance for instance in found if instance.state.is_terminal)
    sight.states.update(dict.fromkeys(keys, TaskState.NONE))
    sight.states.update({instance.key: instance.state for instance in found})


def _count(cloud: Cloud, run: RunMemory, join: str) -> UpstreamCounts:
    answers: dict[str, int] = {}
    while (question := joins.next_question(run.dag, join, answers)) is not None:
        answers[question] = cloud.store.feeding(run.key, question)
    return joins.counts(run.dag, join, answers)
