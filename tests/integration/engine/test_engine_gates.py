"""Task groups and whole runs that are retried."""

from datetime import timedelta
from typing import Any

import pytest
from engine_stage import FAILED, Stage, dag, task
from test_engine_mapping import MAKE, OVER_MAKE, returning

from sailplane.cloud.changes import Replace
from sailplane.engine import clearing, gates
from sailplane.engine.clearing import Clear
from sailplane.model.dags import SerializedDag, SerializedGroup
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.states import RunState, TaskState, TriggerRule


def retried(retries: int = 2, delay: int = 60, **fields: Any) -> SerializedDag:
    """before -> (g.a -> g.b) -> after"""
    group = SerializedGroup(group_id="g", retries=retries, retry_delay=timedelta(seconds=delay), **fields)
    return dag(
        task("before"),
        task("g.a", "before", group_id="g"),
        task("g.b", "g.a", group_id="g"),
        task("after", "g.b"),
        groups=(group,),
    )


def pass_time(stage: Stage, minutes: int) -> None:
    for _ in range(minutes):
        stage.clock.turn(seconds=61)
        stage.tick()
        stage.deliver_all()


def authors(stage: Stage, key: RunKey) -> dict[str, str]:
    return {name: state for name, state in stage.states(key).items() if not name.startswith("+")}


def test_a_group_that_failed_runs_again_as_a_whole_and_what_is_behind_it_waits(stage: Stage) -> None:
    stage.runner.script["g.b", 1] = FAILED
    key = stage.start(retried())
    stage.deliver_all()
    assert authors(stage, key) == {"before": "success", "g.a": "success", "g.b": "failed"}
    pass_time(stage, 1)
    assert stage.runner.tries == [("before", 1), ("g.a", 1), ("g.b", 1), ("g.a", 2), ("g.b", 2), ("after", 1)]
    run = stage.run(key)
    assert run.state is RunState.SUCCESS
    assert sorted(run.summary) == ["after:-1", "before:-1", "g.a:-1", "g.b:-1"]


def test_a_group_that_fails_each_time_fails_after_its_last_try(stage: Stage) -> None:
    stage.runner.script.update({("g.a", number): FAILED for number in range(1, 9)})
    key = stage.start(retried(retries=2))
    stage.deliver_all()
    pass_time(stage, 4)
    assert [each for each in stage.runner.tries if each[0] == "g.a"] == [("g.a", 1), ("g.a", 2), ("g.a", 3)]
    assert authors(stage, key)["after"] == "upstream_failed"
    assert stage.run(key).state is RunState.FAILED


def test_a_group_that_succeeds_lets_what_is_behind_it_go_at_once(stage: Stage) -> None:
    key = stage.start(retried())
    stage.deliver_all()
    assert stage.runner.tries == [("before", 1), ("g.a", 1), ("g.b", 1), ("after", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_failure_that_the_group_handles_itself_is_no_reason_to_retry_it(stage: Stage) -> None:
    stage.runner.script["g.a", 1] = FAILED
    of = dag(
        task("g.a", group_id="g"),
        task("g.b", "g.a", group_id="g", trigger_rule=TriggerRule.ALL_DONE),
        groups=(SerializedGroup(group_id="g", retries=1),),
    )
    key = stage.start(of)
    stage.deliver_all()
    assert stage.runner.tries == [("g.a", 1), ("g.b", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_teardown_of_the_group_runs_in_each_try(stage: Stage) -> None:
    stage.runner.script["g.work", 1] = FAILED
    of = dag(
        task("g.up", group_id="g", is_setup=True),
        task("g.work", "g.up", group_id="g"),
        task(
            "g.down",
            "g.up",
            "g.work",
            group_id="g",
            is_teardown=True,
            trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
        ),
        groups=(SerializedGroup(group_id="g", retries=1, retry_delay=timedelta(seconds=30)),),
    )
    key = stage.start(of)
    stage.deliver_all()
    pass_time(stage, 1)
    names = ("g.up", "g.work", "g.down")
    assert stage.runner.tries == [(name, number) for number in (1, 2) for name in names]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_whole_run_is_retried(stage: Stage) -> None:
    stage.runner.script["b", 1] = FAILED
    of = dag(task("a"), task("b", "a"), task("c"), retries=1, retry_delay=timedelta(seconds=30))
    key = stage.start(of)
    stage.deliver_all()
    assert stage.run(key).state is RunState.RUNNING
    pass_time(stage, 1)
    assert sorted(stage.runner.tries) == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("c", 2)]
    assert stage.run(key).state is RunState.SUCCESS


def test_each_instance_of_a_mapped_group_is_retried_by_itself(stage: Stage) -> None:
    failing = {1: FAILED}
    stage.runner.script["make", 1] = returning(3)
    stage.runner.script["g.a", 1] = lambda job: failing.get(job.map_index, returning(1))
    of = dag(
        MAKE,
        task("g.a", "make", group_id="g"),
        task("g.b", "g.a", group_id="g"),
        task("after", "g.b"),
        groups=(SerializedGroup(group_id="g", expansion=OVER_MAKE, retries=1, retry_delay=timedelta(seconds=30)),),
    )
    key = stage.start(of)
    stage.deliver_all()
    pass_time(stage, 1)
    again = sorted((job.task_id, job.map_index) for job in stage.runner.jobs if job.try_number == 2)
    assert again == [("g.a", 1)]
    assert stage.instance(key, "after").state is TaskState.SUCCESS
    assert stage.run(key).state is RunState.SUCCESS


def test_a_group_within_a_group_is_retried_first(stage: Stage) -> None:
    stage.runner.script.update({("o.i.x", number): FAILED for number in (1, 2)})
    of = dag(
        task("o.w", group_id="o"),
        task("o.i.x", "o.w", group_id="o.i"),
        groups=(
            SerializedGroup(group_id="o", retries=1, retry_delay=timedelta(seconds=30)),
            SerializedGroup(group_id="o.i", parent_id="o", retries=1, retry_delay=timedelta(seconds=30)),
        ),
    )
    key = stage.start(of)
    stage.deliver_all()
    pass_time(stage, 3)
    assert stage.runner.tries == [("o.w", 1), ("o.i.x", 1), ("o.i.x", 2), ("o.w", 2), ("o.i.x", 3)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_wide_group_is_counted(stage: Stage) -> None:
    stage.runner.script["g.t03", 1] = FAILED
    names = [f"g.t{number:02}" for number in range(30)]
    of = dag(
        *(task(name, group_id="g") for name in names),
        task("after", *names),
        groups=(SerializedGroup(group_id="g", retries=1, retry_delay=timedelta(seconds=30)),),
    )
    key = stage.start(of)
    stage.deliver_all()
    pass_time(stage, 1)
    assert [stage.runner.tries.count((name, 2)) for name in names] == [1] * 30
    assert stage.runner.tries[-1] == ("after", 1)
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.parametrize("loses", ["create", "decide"])
def test_a_gate_whose_worker_died_is_decided_by_its_alarm(stage: Stage, loses: str) -> None:
    stage.runner.script["g.b", 1] = FAILED
    key = stage.start(retried(delay=30))
    stage.deliver_all()
    if loses == "create":
        gate = stage.instance(key, "+retry.g")
        stage.cloud.store.commit([Replace(gates.undecided(gate, stage.clock()))])
    pass_time(stage, 3)
    assert stage.run(key).state is RunState.SUCCESS


def test_a_group_that_somebody_clears_has_all_its_tries_again(stage: Stage) -> None:
    stage.runner.script.update({("g.a", number): FAILED for number in (1, 2, 3)})
    key = stage.start(retried(retries=1, delay=30))
    stage.deliver_all()
    pass_time(stage, 2)
    assert stage.run(key).state is RunState.FAILED
    clearing.clear(stage.cloud, stage.clock, key, Clear(only_failed=True))
    stage.deliver_all()
    pass_time(stage, 2)
    assert [each for each in stage.runner.tries if each[0] == "g.a"][-2:] == [("g.a", 3), ("g.a", 4)]
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.instance(key, "after").key == TaskKey("after")
