"""What was made apart, together: runs held, cleared or marked while tasks wait for slots, triggers and runs."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from engine_deaths import Died
from engine_stage import FAILED, SUCCESS, Stage, all_in, dag, task
from test_engine_mapping import grouped

from sailplane.cloud.changes import Replace
from sailplane.cloud.committer import Committed
from sailplane.engine import clearing, events, holding, interventions, marking, pools, runs
from sailplane.engine.alarms import UNANSWERED, Alarms
from sailplane.engine.clearing import Clear
from sailplane.engine.interventions import Order
from sailplane.model.dags import SerializedDag, SerializedGroup
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.other_runs import run_event
from sailplane.model.pools import Pool
from sailplane.model.resuming import Resumption
from sailplane.model.states import RunState, TaskState, TriggerRule


def deferring(seconds: float, *waits_for: str) -> Callable[[TaskJob], Outcome]:
    def go(job: TaskJob) -> Outcome:
        if job.resumption is not None:
            return SUCCESS
        return Outcome(
            kind=OutcomeKind.DEFERRED,
            resumption=Resumption(method="go_on", began_at=job.started_at),
            resume_at=job.started_at + timedelta(seconds=seconds),
            waits_for=waits_for,
        )

    return go


def in_pool(dag_id: str, width: int) -> SerializedDag:
    return dag(*(task(f"t{n:03}", pool="db") for n in range(width)), dag_id=dag_id)


def test_a_run_is_marked_to_and_fro_and_its_callbacks_are_called_each_time(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    key = stage.start(dag(task("a"), has_failure_callback=True, has_success_callback=True))
    stage.deliver_all()
    for state in (RunState.SUCCESS, RunState.FAILED, RunState.SUCCESS):
        assert marking.mark_run(stage.cloud, stage.clock, key, state).state is state
        stage.deliver_all()
    called = [job.task_id for job in stage.runner.jobs if job.about_run is not None]
    assert called == ["~failure", "~success", "~failure", "~success"]


def test_who_waits_for_a_run_is_woken_when_that_is_marked(stage: Stage) -> None:
    stage.push(dag(task("x"), dag_id="other"))
    other = runs.trigger(stage.cloud, "other", run_id="r", is_awaited=True, now=stage.clock()).key
    stage.bus.take()
    stage.runner.script["a", 1] = deferring(3600, run_event("other", "r"))
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    marking.mark_run(stage.cloud, stage.clock, other, RunState.SUCCESS)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_what_happens_while_a_run_is_held_wakes_its_tasks_when_it_goes_on(stage: Stage) -> None:
    stage.runner.script["a", 1] = deferring(3600, "gs://lake/file")
    key = stage.start(dag(task("a")))
    stage.deliver_all()
    holding.hold(stage.cloud, stage.clock, key)
    assert events.object_changed(stage.cloud, "lake", "file", events.FINALIZED, stage.clock) == 0
    holding.resume(stage.cloud, stage.clock, key)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_that_is_held_does_not_keep_the_rate_of_a_pool_from_others(stage: Stage) -> None:
    pools.put(stage.cloud, Pool(name="db", slots=5, rate="2/m"), stage.clock)
    held = stage.start(in_pool("first", 4))
    stage.clock.turn(seconds=1)
    key = stage.start(in_pool("second", 3))
    stage.deliver_all()
    holding.hold(stage.cloud, stage.clock, held)
    for _ in range(4):
        stage.clock.turn(seconds=60)
        stage.tick()
        stage.deliver_all()
    assert all_in(stage.states(key), TaskState.SUCCESS)
    holding.resume(stage.cloud, stage.clock, held)
    for _ in range(4):
        stage.deliver_all()
        stage.clock.turn(seconds=60)
        stage.tick()
    assert all_in(stage.states(held), TaskState.SUCCESS)


def test_the_tasks_of_a_run_that_is_held_stand_in_nobodys_way(stage: Stage) -> None:
    pools.put(stage.cloud, Pool(name="db", slots=1), stage.clock)
    held = stage.start(in_pool("first", 150))
    before = {each.key: each.rank for each in stage.cloud.store.tasks(held)}
    for _ in range(2):
        holding.hold(stage.cloud, stage.clock, held)
    stage.clock.turn(seconds=1)
    key = stage.start(in_pool("second", 3))
    stage.deliver_all()
    assert all_in(stage.states(key), TaskState.SUCCESS)
    holding.resume(stage.cloud, stage.clock, held)
    assert {each.key: each.rank for each in stage.cloud.store.tasks(held)} == before


def test_a_try_that_is_cleared_while_it_waits_to_go_on_is_kept_and_has_its_own_number(stage: Stage) -> None:
    pools.put(stage.cloud, Pool(name="db", slots=1), stage.clock)
    stage.runner.script["a", 1] = deferring(60)
    key = stage.start(dag(task("a", pool="db")))
    stage.deliver_all()
    pools.put(stage.cloud, Pool(name="db", slots=0), stage.clock)
    stage.clock.turn(seconds=61)
    stage.tick()
    clearing.clear(stage.cloud, stage.clock, key, Clear())
    pools.put(stage.cloud, Pool(name="db", slots=1), stage.clock)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries == [("a", 1), ("a", 2)]
    assert [each.try_number for each in stage.cloud.store.tries(key, TaskKey("a"))] == [1]


def test_an_alarm_that_rings_while_something_is_cleared_is_answered_soon(stage: Stage) -> None:
    stage.runner.script["a", 1] = deferring(60)
    key = stage.start(dag(task("a"), task("b")))
    stage.deliver_all()
    run = stage.run(key)
    order = Order(clears=[TaskKey("b")], run=run)
    noted = interventions._noted(run, order, stage.clock())
    stage.cloud.store.commit([Replace(noted)])
    stage.clock.turn(seconds=61)
    Alarms(stage.cloud, stage.clock).answer_task(stage.instance(key, "a"))
    interventions.carry_out(stage.cloud, stage.clock, stage.run(key))
    stage.clock.turn(seconds=61)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_a_failure_that_stops_its_run_while_somebody_clears_it_is_no_error(stage: Stage) -> None:
    def fail(job: TaskJob) -> Outcome:
        # Somebody who clears the run has come as far as to fence the teardown, and not to this task.
        run = stage.run(key)
        order = Order(clears=[TaskKey("a")], run=run)
        noted = interventions._noted(run, order, stage.clock())
        fence = replace(stage.instance(key, "t"), clear_number=noted.context.clear_number)
        assert isinstance(stage.cloud.store.commit([Replace(noted), Replace(fence)]), Committed)
        return FAILED

    stage.runner.script["x", 1] = fail
    clean = task("t", "x", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS)
    key = stage.start(dag(task("a"), task("x", "a"), clean, fail_fast=True))
    clearing.clear(stage.cloud, stage.clock, key, Clear(named=("a",)))
    stage.deliver_all()
    stage.clock.turn(seconds=61)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state.is_terminal
    assert stage.states(key)["t"] == "success"


def test_many_that_wait_for_another_limit_leave_the_places_of_a_pool_to_others(stage: Stage) -> None:
    pools.put(stage.cloud, Pool(name="db", slots=2), stage.clock)
    stage.start(replace(in_pool("first", 150), max_active_tasks=1))
    stage.clock.turn(seconds=1)
    stage.bus.take()
    key = stage.start(in_pool("second", 3))
    stage.deliver_all()
    assert all_in(stage.states(key), TaskState.SUCCESS)


@pytest.mark.parametrize("width", [7, 8, 9])
def test_a_run_that_is_as_wide_as_can_be_with_its_gate_ends(stage: Stage, width: int) -> None:
    group = SerializedGroup(group_id="g", retries=1)
    tasks = (task(f"g.{n}", group_id="g") for n in range(width))
    key = stage.start(dag(*tasks, groups=(group,), dagrun_timeout=timedelta(minutes=2)))
    stage.clock.turn(minutes=5)
    stage.tick()
    assert stage.run(key).state is RunState.FAILED


@pytest.mark.parametrize("retries", [0, 1])
def test_a_lost_worker_of_a_mapped_group_is_answered_for_by_who_knows_nothing_of_its_run(
    stage: Stage, retries: int
) -> None:
    def die(job: TaskJob) -> Outcome:
        if job.map_index == 1:
            raise Died
        return SUCCESS

    shape = grouped(stage, 3)
    key = stage.start(replace(shape, groups=(replace(shape.groups[0], retries=retries),)))
    stage.runner.script["pair.first", 1] = die
    with suppress(Died):
        stage.deliver_all()
    stage.workers.insert(0, stage.make_worker("two"))
    for _ in range(4 + 6 * retries):
        stage.clock.turn(seconds=61)
        stage.tick()
        stage.deliver_all()
    assert stage.run(key).state is (RunState.SUCCESS if retries else RunState.FAILED)


def test_an_alarm_that_meets_a_mistake_of_the_program_does_not_meet_the_next_tick(stage: Stage) -> None:
    def mistaken() -> None:
        raise KeyError("mistake")

    key = stage.start(dag(task("a")))
    stage.bus.take()
    with pytest.raises(KeyError):
        Alarms(stage.cloud, stage.clock).guarded(stage.instance(key, "a"), mistaken)
    assert stage.instance(key, "a").alarm_at == stage.clock() + UNANSWERED
