"""Dynamic mapping in the engine: thousands of instances within a budget, and what expansion survives."""

import json
from collections.abc import Mapping

import pytest
from engine_deaths import Died, die_after
from engine_stage import FAILED, SUCCESS, ScriptedRunner, Stage, all_in, dag, task

from sailplane.model.dags import SerializedDag, SerializedGroup
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.states import RunState, TaskState

OVER_MAKE = Expansion(sources=(Source(kind=SourceKind.XCOM, task_id="make"),))
OVER_WORK = Expansion(sources=(Source(kind=SourceKind.XCOM, task_id="work"),))
MAKE = task("make", is_mapped_over=True)


def returning(length: int) -> Outcome:
    return Outcome(kind=OutcomeKind.SUCCESS, map_length=length, xcoms={"return_value": json.dumps([0] * length)})


def mapped(stage: Stage, length: int, **join: object) -> SerializedDag:
    """make -> work, an instance for each of `length` items -> join"""
    stage.runner.script["make", 1] = returning(length)
    return dag(MAKE, task("work", "make", expansion=OVER_MAKE, retries=2), task("join", "work", **join))


def grouped(stage: Stage, length: int) -> SerializedDag:
    """make -> a mapped group of one task after the other -> join"""
    stage.runner.script["make", 1] = returning(length)
    return dag(
        MAKE,
        task("pair.first", "make", group_id="pair"),
        task("pair.second", "pair.first", group_id="pair"),
        task("join", "pair.second"),
        groups=(SerializedGroup(group_id="pair", expansion=OVER_MAKE),),
    )


def by_task(stage: Stage, key: RunKey) -> Mapping[str, int]:
    counted: dict[str, int] = {}
    for each in stage.cloud.store.tasks(key):
        counted[each.task_id] = counted.get(each.task_id, 0) + 1
    return counted


def tries(runner: ScriptedRunner) -> list[tuple[str, int, int]]:
    return sorted((job.task_id, job.map_index, job.try_number) for job in runner.jobs)


@pytest.mark.localcloud
def test_two_thousand_instances_cost_three_writes_and_less_than_a_read_each(stage: Stage) -> None:
    size = 2100  # Three blocks, the last one short, and six commits of an expansion.
    shape = mapped(stage, size)
    stage.push(shape)
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    cost = stage.since(before)
    assert stage.run(key).state is RunState.SUCCESS
    assert len(stage.runner.jobs) == size + 2
    assert cost["firestore.writes"] <= 3 * (size + 2) + 6
    assert cost["firestore.reads"] <= size
    assert stage.bus.published <= size / stage.settings.worker_concurrency + 3


@pytest.mark.localcloud
def test_a_mapped_task_that_ends_the_run_counts_itself_as_cheaply(stage: Stage) -> None:
    size = 1200
    stage.runner.script["make", 1] = returning(size)
    shape = dag(MAKE, task("work", "make", expansion=OVER_MAKE))
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    cost = stage.since(before)
    assert stage.run(key).state is RunState.SUCCESS
    # Whoever closes the run reads all states once, for its summary.
    assert cost["firestore.reads"] <= 2 * size
    assert cost["firestore.writes"] <= 3 * (size + 1) + 6


@pytest.mark.localcloud
def test_a_mapped_group_runs_each_instance_through_at_two_writes_a_task(stage: Stage) -> None:
    size = 200
    shape = grouped(stage, size)
    stage.push(shape)
    before = stage.count()
    key = stage.start(shape)
    stage.deliver_all()
    cost = stage.since(before)
    assert stage.run(key).state is RunState.SUCCESS
    assert by_task(stage, key) == {"make": 1, "pair.first": size, "pair.second": size, "join": 1}
    assert cost["firestore.writes"] <= 5 * size + 10
    assert cost["firestore.reads"] <= 2 * size


@pytest.mark.parametrize("commit", [1, 2, 3, 4])
def test_an_expansion_that_dies_after_any_commit_is_completed(stage: Stage, commit: int) -> None:
    """They are created in three commits; the producer's message comes again to another worker."""
    size = 801
    key = stage.start(mapped(stage, size))
    dying = stage.make_worker("dying")
    die_after(dying, commit)
    stage.workers.append(dying)
    undone: list[bytes] = []
    for data in stage.bus.take():
        try:
            dying.handle(data)
        except Died:
            undone.append(data)
    for data in undone:
        stage.worker.handle(data)
    stage.deliver_all()
    while not (run := stage.run(key)).state.is_terminal:
        stage.clock.turn(minutes=6)
        stage.tick()
        stage.deliver_all()
    if run.state is RunState.FAILED:  # It died before it could say how `make` ended, which has no other try.
        assert stage.instance(key, "make").state is TaskState.FAILED
        return
    assert by_task(stage, key) == {"make": 1, "work": size, "join": 1}
    assert len(tries(stage.runner)) == len(set(tries(stage.runner)))


def test_the_producers_message_delivered_again_expands_nothing_twice(stage: Stage) -> None:
    key = stage.start(mapped(stage, 30))
    taken = stage.bus.take()
    for data in [*taken, *taken]:
        stage.worker.handle(data)
    stage.deliver_all()
    for data in taken:
        stage.worker.handle(data)
    assert stage.run(key).state is RunState.SUCCESS
    assert tries(stage.runner) == [("join", -1, 1), ("make", -1, 1), *(("work", index, 1) for index in range(30))]


def test_one_instance_is_retried_alone(stage: Stage) -> None:
    def third_fails(job: TaskJob) -> Outcome:
        return FAILED if job.map_index == 3 else SUCCESS

    stage.runner.script["work", 1] = third_fails
    key = stage.start(mapped(stage, 6))
    stage.deliver_all()
    waiting = stage.cloud.store.task(key, TaskKey("work", 3))
    assert waiting is not None
    assert waiting.state is TaskState.UP_FOR_RETRY
    assert stage.cloud.store.task(key, TaskKey("join")) is None
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert [job for job in tries(stage.runner) if job[0] == "work" and job[2] == 2] == [("work", 3, 2)]
    retried = stage.cloud.store.task(key, TaskKey("work", 3))
    assert retried is not None
    assert (retried.try_number, retried.map_size) == (2, 6)
    assert [each.try_number for each in stage.cloud.store.tries(key, TaskKey("work", 3))] == [1]


def test_an_instance_that_fails_for_good_fails_what_joins_all(stage: Stage) -> None:
    stage.runner.script["work", 1] = lambda job: (
        Outcome(kind=OutcomeKind.FAILED_FOR_GOOD) if job.map_index == 1 else SUCCESS
    )
    key = stage.start(mapped(stage, 12))
    stage.deliver_all()
    assert stage.run(key).state is RunState.FAILED
    assert stage.instance(key, "join").state is TaskState.UPSTREAM_FAILED


def test_no_items_skip_the_mapped_task_and_what_waits_for_it(stage: Stage) -> None:
    key = stage.start(mapped(stage, 0))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.states(key) == {"make": "success", "work": "skipped", "join": "skipped"}


def test_a_task_mapped_over_a_mapped_one_has_as_many_as_returned_something(stage: Stage) -> None:
    stage.runner.script["make", 1] = returning(20)
    stage.runner.script["work", 1] = lambda job: (
        Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": "1"}) if job.map_index % 2 else SUCCESS
    )
    shape = dag(
        MAKE,
        task("work", "make", expansion=OVER_MAKE, is_mapped_over=True),
        task("again", "work", expansion=OVER_WORK),
        task("join", "again"),
    )
    key = stage.start(shape)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert by_task(stage, key) == {"make": 1, "work": 20, "again": 10, "join": 1}


def test_many_workers_that_know_nothing_of_each_other_close_the_run_once(stage: Stage) -> None:
    key = stage.start(grouped(stage, 40))
    while taken := stage.bus.take():
        for data in taken:
            fresh = stage.make_worker("fresh")
            stage.workers.append(fresh)
            fresh.handle(data)
    assert stage.run(key).state is RunState.SUCCESS
    assert all_in(stage.states(key), TaskState.SUCCESS)
    assert len(tries(stage.runner)) == len(set(tries(stage.runner))) == 82
