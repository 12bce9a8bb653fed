"""Clearing of mapped tasks, of thousands of instances, and what dies in the middle of it."""

from contextlib import suppress
from typing import Any

import pytest
from engine_deaths import Died, dying
from engine_stage import SUCCESS, Stage, chain, dag, task
from test_engine_mapping import by_task, grouped, mapped, returning, tries

from sailplane.cloud.wiring import Cloud
from sailplane.engine import clearing
from sailplane.engine.clearing import Clear
from sailplane.model.execution import Outcome, TaskJob
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.states import RunState, TaskState


def clear(stage: Stage, key: RunKey, *named: str | TaskKey, cloud: Cloud | None = None, **options: Any) -> list[str]:
    what = Clear(named=named or None, **options)
    return [str(each.key) for each in clearing.clear(cloud or stage.cloud, stage.clock, key, what)]


def test_one_instance_of_a_mapped_task_runs_again_and_what_follows_it(stage: Stage) -> None:
    key = stage.start(mapped(stage, 4))
    stage.deliver_all()
    before = len(stage.runner.jobs)
    assert clear(stage, key, TaskKey("work", 2), downstream=True) == ["join", "work[2]"]
    stage.deliver_all()
    assert [(job.task_id, job.map_index, job.try_number) for job in stage.runner.jobs[before:]] == [
        ("work", 2, 2),
        ("join", -1, 2),
    ]
    assert stage.run(key).state is RunState.SUCCESS


def test_an_instance_of_a_mapped_group_takes_those_of_its_own_index_along(stage: Stage) -> None:
    key = stage.start(grouped(stage, 3))
    stage.deliver_all()
    assert clear(stage, key, TaskKey("pair.first", 1), downstream=True) == ["join", "pair.first[1]", "pair.second[1]"]
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert [each for each in tries(stage.runner) if each[2] == 2] == [
        ("join", -1, 2),
        ("pair.first", 1, 2),
        ("pair.second", 1, 2),
    ]


@pytest.mark.parametrize("length", [0, 2, 4, 7])
def test_a_task_that_is_mapped_over_what_ran_again_has_as_many_instances_as_that_returned(
    stage: Stage, length: int
) -> None:
    key = stage.start(mapped(stage, 4))
    stage.deliver_all()
    stage.runner.script["make", 2] = returning(length)
    clear(stage, key, "make", downstream=True)
    stage.deliver_all()
    run = stage.run(key)
    assert run.state is RunState.SUCCESS
    there = {key.map_index: state for key, state in summary(run.summary) if key.task_id == "work"}
    alive = {index: state for index, state in there.items() if state is not TaskState.REMOVED}
    expected = dict.fromkeys(range(length), TaskState.SUCCESS) if length else {-1: TaskState.SKIPPED}
    assert alive == expected
    assert {index for index, state in there.items() if state is TaskState.REMOVED} == set(range(length, 4))
    assert TaskState.NONE not in {each.state for each in stage.cloud.store.tasks(key) if each.map_index >= 0}


def summary(states: Any) -> list[tuple[TaskKey, TaskState]]:
    return [(TaskKey.parse(document), state) for document, state in states.items()]


@pytest.mark.parametrize("after", range(1, 8))
def test_a_clear_that_dies_on_the_way_is_completed_by_an_alarm(stage: Stage, after: int) -> None:
    key = stage.start(mapped(stage, 450))
    stage.deliver_all()
    try:
        clear(stage, key, "work", downstream=True, cloud=dying(stage.cloud, after))
    except Died:
        assert stage.run(key).state in (RunState.QUEUED, RunState.RUNNING)
    stage.bus.take()
    for _ in range(4):
        stage.clock.turn(seconds=61)
        stage.tick()
        stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert [each[2] for each in tries(stage.runner) if each[0] == "work"].count(2) == 450
    assert stage.instance(key, "join").try_number == 2


def test_a_clear_of_a_run_that_goes_on_survives_a_death_at_any_step(stage: Stage) -> None:
    for after in range(1, 8):
        stage.runner.script["t01", 1] = _clearing(stage, after)
        key = stage.start(chain(4), run_id=f"run{after}")
        stage.deliver_all()
        stage.bus.take()
        for _ in range(4):
            stage.clock.turn(seconds=61)
            stage.tick()
            stage.deliver_all()
        assert stage.run(key).state is RunState.SUCCESS, after
        assert stage.instance(key, "t00").try_number == 2
        stage.clock.turn(seconds=1)


def _clearing(stage: Stage, after: int) -> Any:
    def clears(job: TaskJob) -> Outcome:
        with suppress(Died):
            clear(stage, job.run.key, "t00", downstream=True, cloud=dying(stage.cloud, after))
        return SUCCESS

    return clears


def test_thousands_of_instances_are_cleared_although_who_did_it_died(stage: Stage) -> None:
    over = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=3_000),))
    of = dag(task("work", expansion=over, needs_code=False), task("join", "work"))
    key = _finished(stage, of)
    with pytest.raises(Died):
        clear(stage, key, "work", downstream=True, cloud=dying(stage.cloud, 10))
    cleared = [each.clear_number for each in stage.cloud.store.tasks(key)]
    assert 0 < sum(cleared) < 3_001
    stage.clock.turn(seconds=61)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert by_task(stage, key) == {"work": 3_000, "join": 1}
    assert all(each.clear_number == 1 for each in stage.cloud.store.tasks(key))
    assert stage.runner.tries == [("join", 2)]


def _finished(stage: Stage, of: Any) -> RunKey:
    """A run with thousands of instances, as if they had run."""
    key = stage.start(of)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    stage.runner.jobs.clear()
    return key
