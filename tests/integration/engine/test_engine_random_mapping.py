"""Random runs with mapped tasks and groups, on good and bad days: they end as the rules say of them written out."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import plain_rules
import pytest
from engine_stage import FAILED, Stage, dag, task
from test_engine_random_runs import MOST_ROUNDS, RULES, deliver

from sailplane.model.dags import SerializedDag, SerializedGroup, SerializedTask
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.states import TaskState
from sailplane.planner import joins


def over(*producers: str) -> Expansion:
    return Expansion(sources=tuple(Source(kind=SourceKind.XCOM, task_id=each) for each in producers))


def random_mapped_dag(chance: random.Random) -> SerializedDag:
    """Up to nine tasks: alone, mapped over one or two before them or over a literal, or in a mapped group."""
    tasks = [task("a0")]
    for number in range(1, chance.randint(3, 8)):
        tasks.append(_random_task(chance, f"a{number}", tasks))
    groups = (SerializedGroup(group_id="group", expansion=over("a0")),)
    producers = {"a0", *(each for one in tasks if one.expansion for each in one.expansion.producers)}
    marked = (replace(each, is_mapped_over=each.task_id in producers) for each in tasks)
    return dag(*marked, groups=groups)


def _random_task(chance: random.Random, task_id: str, tasks: list[SerializedTask]) -> SerializedTask:
    earlier = [each.task_id for each in tasks]
    upstream = set(chance.sample(earlier, chance.randint(0, min(2, len(earlier)))))
    fields: dict[str, Any] = {"trigger_rule": chance.choice(RULES)}
    kind = chance.choice(["alone", "own", "own", "literal", "group", "group"])
    if kind == "own":
        producers = chance.sample(earlier, chance.randint(1, min(2, len(earlier))))
        fields["expansion"] = over(*producers)
        upstream |= set(producers)
    elif kind == "literal":
        fields["expansion"] = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=chance.randint(0, 4)),))
    elif kind == "group":
        fields["group_id"] = "group"
        inside = {each.task_id for each in tasks if each.group_id}
        upstream |= set() if upstream & inside else {"a0"}
    return task(task_id, *upstream, **fields)


def scripted(
    chance: random.Random, each: SerializedTask, lengths: dict[str, int], *, is_mapped: bool
) -> Callable[[TaskJob], Outcome]:
    """Each instance ends in its own way; a success returns what others are mapped over."""
    kinds = [chance.choice(["success"] * 5 + ["failed", "skipped"]) for _ in range(100)]
    length = lengths[each.task_id] = chance.randint(0, 5)

    def run(job: TaskJob) -> Outcome:
        kind = kinds[job.map_index % 100]
        if kind != "success":
            return FAILED if kind == "failed" else Outcome(kind=OutcomeKind.SKIPPED)
        counted = length if each.is_mapped_over and not is_mapped else None
        return Outcome(kind=OutcomeKind.SUCCESS, map_length=counted, xcoms={"return_value": "[]"})

    return run


@pytest.mark.localcloud
@pytest.mark.parametrize("block", [1000, 2])
@pytest.mark.parametrize("seed", [*range(25), 99])
def test_a_random_mapped_run_ends_as_the_rules_say(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, seed: int, block: int
) -> None:
    monkeypatch.setattr(joins, "BLOCK", block)  # A thousand is more than random runs have.
    chance = random.Random(seed)
    trouble = 0.0 if seed % 3 == 0 else 0.15
    stage.workers += [stage.make_worker("two"), stage.make_worker("three")]
    shape = random_mapped_dag(chance)
    lengths: dict[str, int] = {}
    for each in shape.tasks:
        is_mapped = each.task_id in shape.mapped_by
        stage.runner.script[each.task_id, 1] = scripted(chance, each, lengths, is_mapped=is_mapped)
    key = stage.start(shape)
    deliver(stage, chance, trouble)
    if not trouble:
        assert stage.run(key).state.is_terminal, "without trouble no alarm is needed"
    for _ in range(MOST_ROUNDS):
        if stage.run(key).state.is_terminal:
            break
        stage.clock.turn(minutes=3)
        stage.tick()
        deliver(stage, chance, trouble)
    states = {name: TaskState(state) for name, state in stage.states(key).items()}
    keys = [TaskKey(job.task_id, job.map_index) for job in stage.runner.jobs]
    assert len(set(keys)) == len(keys), "an instance ran twice"
    ran = {str(each): states[str(each)] for each in keys}
    assert states == plain_rules.mapped_end_states(shape, ran, lengths)
    sizes = {each.task_id: each.map_size for each in stage.cloud.store.tasks(key) if each.map_size}
    assert stage.run(key).state is plain_rules.run_state(plain_rules.unrolled(shape, sizes), states)
