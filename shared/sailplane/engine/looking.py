"""Reading what the next task waits for, after one's own end is committed: "commit, then look"."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sailplane.cloud.wiring import Cloud
from sailplane.engine.memory import RunMemory
from sailplane.model.ids import TaskKey
from sailplane.model.states import TaskState
from sailplane.planner import joins
from sailplane.planner.plan import Look, Measure
from sailplane.planner.rules import UpstreamCounts


@dataclass
class Sight:
    """What was read since the end that is being followed: true at a moment after its commit."""

    states: dict[TaskKey, TaskState] = field(default_factory=dict)
    counts: dict[str, UpstreamCounts] = field(default_factory=dict)
    lengths: dict[str, int | None] = field(default_factory=dict)
    measured: set[Measure] = field(default_factory=set)
    blocks: dict[str, bool] = field(default_factory=dict)
    """Label of a block of a mapped task's instances -> whether some of them have not ended; see `engine.blocks`."""


def look(cloud: Cloud, run: RunMemory, looks: Sequence[Look], sight: Sight) -> bool:
    """Read what `looks` name into `sight`, and into memory what ended. False when all of it had been read before."""
    keys = {key for each in looks for key in each.keys} - sight.states.keys()
    measures = {measure for each in looks for measure in each.measures} - sight.measured
    keys |= {TaskKey(measure.task_id) for measure in measures if not measure.instances}
    joined = {each.task_id: each for each in looks if each.counted and each.task_id not in sight.counts}
    if keys:
        _read(cloud, run, keys, sight)
    for join, each in joined.items():
        sight.counts[join] = _count(cloud, run, join, each.total)
    for measure in measures:
        _measure(cloud, run, measure, sight)
    return bool(keys or joined or measures)


def feeding(cloud: Cloud, run: RunMemory, label: str) -> int:
    """How many task instances have `label` in `feeds`, counted after this call began, once for all threads that ask."""
    return run.counts.ask(label, lambda: cloud.store.feeding(run.key, label))


def _read(cloud: Cloud, run: RunMemory, keys: set[TaskKey], sight: Sight) -> None:
    found = cloud.store.tasks(run.key, sorted(keys))
    run.learn(instance for instance in found if instance.state.is_terminal)
    sight.states.update(dict.fromkeys(keys, TaskState.NONE))
    sight.states.update({instance.key: instance.state for instance in found})


def _count(cloud: Cloud, run: RunMemory, join: str, total: int) -> UpstreamCounts:
    answers: dict[str, int] = {}
    while (question := joins.next_question(run.dag, join, answers, total)) is not None:
        answers[question] = feeding(cloud, run, question)
    return joins.counts(join, answers, total)


def _measure(cloud: Cloud, run: RunMemory, measure: Measure, sight: Sight) -> None:
    sight.measured.add(measure)
    if not measure.instances:
        return  # Its document was read: memory has what it says, if it has ended.
    length = joins.length(measure.task_id, measure.instances, lambda label: feeding(cloud, run, label))
    if length is not None:
        sight.lengths[measure.task_id] = length
