"""Whole runs through the real store, bus messages delivered by the test."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from engine_stage import FAILED, SUCCESS, Stage, all_in, chain, dag, fan, task

from sailplane.engine import events, runs, xcoms
from sailplane.model.dags import Schedule, ScheduleKind, SerializedParam
from sailplane.model.errors import AlreadyExists, InvalidConf, NotFound
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, RunType, TaskState, TriggerRule


def test_a_chain_ends_in_one_message_by_one_worker(stage: Stage) -> None:
    key = stage.start(chain(5))
    stage.deliver_all()
    run = stage.run(key)
    assert run.state is RunState.SUCCESS
    assert run.summary == {f"t{n:02}:-1": TaskState.SUCCESS for n in range(5)}
    assert stage.bus.published == 1
    assert stage.runner.tries == [(f"t{n:02}", 1) for n in range(5)]


def test_a_join_over_several_workers_starts_once(stage: Stage) -> None:
    stage.workers.append(stage.make_worker("two"))
    key = stage.start(dag(task("a"), task("b"), task("c"), task("join", "a", "b", "c")))
    (wave,) = stage.bus.held
    assert wave.wave is not None
    for index, ticket in enumerate(wave.wave.tickets):
        part = replace(wave, wave=replace(wave.wave, tickets=(ticket,)))
        stage.bus.held = [part]
        for data in stage.bus.take():
            stage.workers[index % 2].handle(data)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert [tried for tried, _ in stage.runner.tries].count("join") == 1


def test_a_wide_join_counts_what_other_workers_ended(stage: Stage) -> None:
    stage.workers += [stage.make_worker("two"), stage.make_worker("three")]
    key = stage.start(fan(30))
    turn = 0
    while taken := stage.bus.take():
        for data in taken:
            stage.workers[turn % 3].handle(data)
            turn += 1
    assert turn > 2
    assert stage.run(key).state is RunState.SUCCESS
    assert all_in(stage.states(key), TaskState.SUCCESS)


def test_a_fan_out_beyond_one_commit_is_created_whole(stage: Stage) -> None:
    key = stage.start(dag(task("first"), *(task(f"f{n:03}", "first") for n in range(450))))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert len(stage.states(key)) == 451


def test_a_failure_reaches_the_leaves_and_the_run(stage: Stage) -> None:
    stage.runner.script["b", 1] = FAILED
    key = stage.start(
        dag(task("a"), task("b", "a"), task("c", "b"), task("clean", "c", trigger_rule=TriggerRule.ALL_DONE))
    )
    stage.deliver_all()
    assert stage.states(key) == {
        "a": "success",
        "b": "failed",
        "c": "upstream_failed",
        "clean": "success",
    }
    assert stage.run(key).state is RunState.SUCCESS
    error = stage.instance(key, "b").error
    assert error is not None
    assert (error.kind, error.message) == ("ValueError", "no")


def test_a_task_without_code_takes_no_process(stage: Stage) -> None:
    key = stage.start(
        dag(task("begin", needs_code=False), task("work", "begin"), task("end", "work", needs_code=False))
    )
    stage.deliver_all()
    assert stage.runner.tries == [("work", 1)]
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.parametrize("tasks", [(), (task("only", needs_code=False),)])
def test_a_run_with_nothing_to_do_ends_at_once(stage: Stage, tasks: tuple[()]) -> None:
    key = stage.start(dag(*tasks))
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.bus.published == 0


def test_a_retry_waits_for_its_delay_and_keeps_the_first_try(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(minutes=5)), task("b", "a")))
    stage.deliver_all()
    assert stage.instance(key, "a").state is TaskState.UP_FOR_RETRY
    stage.clock.turn(minutes=4)
    stage.tick()
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1)]
    stage.clock.turn(minutes=2)
    stage.tick()
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("a", 2), ("b", 1)]
    assert stage.run(key).state is RunState.SUCCESS
    (first,) = stage.cloud.store.tries(key, TaskKey("a"))
    assert (first.try_number, first.state, first.error) == (1, TaskState.UP_FOR_RETRY, FAILED.error)


def test_a_retry_that_is_due_at_once_is_made_by_the_same_worker(stage: Stage) -> None:
    stage.runner.script["a", 1] = stage.runner.script["a", 2] = FAILED
    key = stage.start(dag(task("a", retries=2, retry_delay=timedelta(0))))
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("a", 2), ("a", 3)]
    assert stage.bus.published == 1
    assert stage.run(key).state is RunState.SUCCESS
    assert [each.try_number for each in stage.cloud.store.tries(key, TaskKey("a"))] == [1, 2]


def test_a_failure_for_good_is_not_retried(stage: Stage) -> None:
    stage.runner.script["a", 1] = Outcome(kind=OutcomeKind.FAILED_FOR_GOOD, error=FAILED.error)
    key = stage.start(dag(task("a", retries=3)))
    stage.deliver_all()
    assert stage.run(key).state is RunState.FAILED
    assert stage.runner.tries == [("a", 1)]


def test_a_rescheduled_sensor_pokes_again_in_the_same_try(stage: Stage) -> None:
    stage.runner.script["wait", 1] = lambda job: _poke(stage, job, pokes=2)
    key = stage.start(dag(task("wait", is_sensor=True), task("go", "wait")))
    stage.deliver_all()
    assert stage.instance(key, "wait").state is TaskState.UP_FOR_RESCHEDULE
    stage.clock.turn(seconds=31)
    stage.tick()
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries == [("wait", 1), ("wait", 1), ("go", 1)]
    first, second, _ = stage.runner.jobs
    assert first.rescheduled_since is None
    assert second.rescheduled_since == first.started_at


def _poke(stage: Stage, job: TaskJob, pokes: int) -> Outcome:
    if stage.runner.tries.count(("wait", 1)) >= pokes:
        return SUCCESS
    return Outcome(
        kind=OutcomeKind.RESCHEDULE,
        resume_at=job.started_at + timedelta(seconds=30),
        waits_for=("gs://lake/data.csv",),
    )


def test_an_object_wakes_the_sensor_that_waits_for_it(stage: Stage) -> None:
    stage.runner.script["wait", 1] = lambda job: _poke(stage, job, pokes=2)
    key = stage.start(dag(task("wait", is_sensor=True)))
    stage.deliver_all()
    wake = _waker(stage)
    assert wake("other.csv") == 0
    assert wake("data.csv") == 1
    assert wake("data.csv") == 0
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ("gs://lake/*", {"x.csv": 1}),
        ("gs://lake/*", {"in/deep/x.csv": 1}),
        ("gs://lake/in/*", {"x.csv": 0, "out/x.csv": 0, "inside": 0, "in/deep/x.csv": 1}),
        ("gs://lake/in/*", {"in/" + "d/" * 40 + "x": 1}),
    ],
)
def test_an_object_wakes_sensors_that_wait_for_anything_in_a_folder(
    stage: Stage, event: str, names: dict[str, int]
) -> None:
    stage.runner.script["wait", 1] = lambda job: replace(_poke(stage, job, pokes=2), waits_for=(event,))
    stage.start(dag(task("wait", is_sensor=True)))
    stage.deliver_all()
    wake = _waker(stage)
    assert {name: wake(name) for name in names} == names


def _waker(stage: Stage) -> Callable[[str], int]:
    return lambda name: events.object_changed(stage.cloud, "lake", name, events.FINALIZED, stage.clock)


def test_the_tick_stays_for_a_poke_that_is_due_within_its_minute(stage: Stage) -> None:
    stage.runner.script["wait", 1] = lambda job: _poke(stage, job, pokes=2)
    stage.start(dag(task("wait", is_sensor=True)))
    stage.deliver_all()
    report = stage.tick(stay=timedelta(seconds=55))
    assert report.alarms_answered == 1
    assert stage.bus.held


def test_returned_values_reach_the_tasks_that_read_them(stage: Stage) -> None:
    stage.runner.script["a", 1] = Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": "21"})
    stage.start(dag(task("a"), task("b", "a", reads=("a",))))
    stage.deliver_all()
    assert stage.runner.jobs[-1].xcoms == {"a:-1:return_value": "21"}


def test_a_large_value_goes_to_the_bucket_and_comes_back_whole(stage: Stage) -> None:
    large = '"' + "x" * 200_000 + '"'
    stage.runner.script["a", 1] = Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": large, "small": "1"})
    key = stage.start(dag(task("a"), task("b", "a", reads=("a",))))
    stage.deliver_all()
    stored = stage.instance(key, "a")
    assert len(stored.xcoms["return_value"]) < 400
    assert stored.xcoms["small"] == "1"
    assert xcoms.values(stage.cloud, stored)["return_value"] == "x" * 200_000
    assert stage.runner.jobs[-1].xcoms == {"a:-1:return_value": large}


def test_more_runs_than_may_be_active_wait_their_turn(stage: Stage) -> None:
    limited = dag(task("a"), max_active_runs=1)
    first = stage.start(limited, run_id="first")
    second = stage.start(limited, run_id="second")
    assert stage.run(second).state is RunState.QUEUED
    stage.deliver_all()
    assert stage.run(first).state is RunState.SUCCESS
    assert stage.run(second).state is RunState.SUCCESS


def test_a_run_id_is_used_once(stage: Stage) -> None:
    stage.start(chain(1), run_id="mine")
    with pytest.raises(AlreadyExists, match="'mine' already; give another run id"):
        stage.start(chain(1), run_id="mine")


def test_triggering_what_is_not_there_says_how_to_find_what_is(stage: Stage) -> None:
    with pytest.raises(NotFound, match="there is no DAG 'nothing'; `sailplane dags list`"):
        runs.trigger(stage.cloud, "nothing", now=stage.clock())


def test_a_conf_that_does_not_fit_creates_no_run(stage: Stage) -> None:
    strict = dag(task("a"), params={"size": SerializedParam(value=1, schema={"type": "integer"})})
    with pytest.raises(InvalidConf, match=r"conf\['size'\] does not fit the param of DAG 'flight'"):
        stage.start(strict, conf={"size": "big"})
    assert stage.cloud.store.runs("flight") == []


HOURLY = Schedule(kind=ScheduleKind.CRON, cron="0 * * * *", summary="0 * * * *")


def test_a_due_run_is_created_once_by_two_ticks(stage: Stage) -> None:
    stage.push(dag(task("a"), schedule=HOURLY, start_date=datetime(2026, 3, 1, 13, tzinfo=UTC)))
    stage.clock.turn(hours=1, seconds=1)
    assert [stage.tick().runs_created, stage.tick().runs_created] == [1, 0]
    (run,) = stage.cloud.store.runs("flight")
    assert run.context.run_type is RunType.SCHEDULED
    assert run.context.run_id == "scheduled__2026-03-01T13:00:00+00:00"
    stage.deliver_all()
    assert stage.run(run.key).state is RunState.SUCCESS


def test_without_catchup_only_the_latest_missed_run_is_made(stage: Stage) -> None:
    stage.push(dag(task("a"), schedule=HOURLY, start_date=datetime(2026, 3, 1, 13, tzinfo=UTC)))
    stage.clock.turn(hours=10, seconds=1)
    stage.tick()
    assert [run.context.run_after.hour for run in stage.cloud.store.runs("flight")] == [22]


def test_catchup_makes_every_missed_run_as_far_as_runs_may_be_active(stage: Stage) -> None:
    start = datetime(2026, 3, 1, 8, tzinfo=UTC)
    stage.push(dag(task("a"), schedule=HOURLY, start_date=start, catchup=True, max_active_runs=2))
    stage.clock.turn(seconds=1)
    for _ in range(12):
        stage.tick()
        stage.deliver_all()
        stage.clock.turn(seconds=1)
    found = stage.cloud.store.runs("flight", newest_first=False)
    assert [run.context.run_after.hour for run in found] == [8, 9, 10, 11, 12]
    assert {run.state for run in found} == {RunState.SUCCESS}


def test_a_paused_dag_starts_nothing_until_it_goes_on(stage: Stage) -> None:
    stage.push(dag(task("a"), schedule=HOURLY, start_date=datetime(2026, 3, 1, 13, tzinfo=UTC)))
    assert runs.set_paused(stage.cloud, "flight", True, stage.clock()).is_paused
    stage.clock.turn(hours=2, seconds=1)
    assert stage.tick().runs_created == 0
    runs.set_paused(stage.cloud, "flight", False, stage.clock())
    assert stage.tick().runs_created == 1


def test_catchup_goes_on_as_runs_end_without_waiting_for_the_next_tick(stage: Stage) -> None:
    start = datetime(2026, 3, 1, 8, tzinfo=UTC)
    stage.push(dag(task("a"), schedule=HOURLY, start_date=start, catchup=True, max_active_runs=1))
    stage.clock.turn(seconds=1)
    stage.tick(stay=timedelta(seconds=55))
    stage.deliver_all()
    found = stage.cloud.store.runs("flight", newest_first=False)
    assert [run.context.run_after.hour for run in found] == [8, 9, 10, 11, 12]
    assert {run.state for run in found} == {RunState.SUCCESS}


def test_what_a_branch_did_not_choose_is_skipped_also_after_a_crash(stage: Stage) -> None:
    chose_b = Outcome(kind=OutcomeKind.SUCCESS, skip_tasks=("c",))
    stage.runner.script["branch", 1] = chose_b
    shape = dag(
        task("branch"),
        task("b", "branch"),
        task("c", "branch", trigger_rule=TriggerRule.ALL_DONE),
        task("join", "b", "c", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS),
    )
    key = stage.start(shape)
    stage.deliver_all()
    assert stage.states(key) == {"branch": "success", "b": "success", "c": "skipped", "join": "success"}
    assert stage.instance(key, "branch").skips == ("c",)


def test_a_wide_join_behind_a_settled_task_starts_in_the_same_message(stage: Stage) -> None:
    """The settle ends only with its commit: the join that counts it is looked at after that."""
    leaves = [task(f"f{n}") for n in range(9)]
    shape = dag(
        *leaves,
        task("extra", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", trigger_rule=TriggerRule.ALL_FAILED),
        task("join", "extra", *(leaf.task_id for leaf in leaves), trigger_rule=TriggerRule.ALL_DONE),
    )
    key = stage.start(shape)
    while taken := stage.bus.take():
        for data in taken:
            worker = stage.make_worker("fresh")
            stage.workers.append(worker)
            worker.handle(data)
    assert stage.states(key)["extra"] == "skipped"
    assert stage.states(key)["join"] == "success"
    assert stage.run(key).state is RunState.SUCCESS


def test_a_short_circuit_skips_all_that_follows_whatever_the_rules(stage: Stage) -> None:
    stage.runner.script["stop", 1] = Outcome(kind=OutcomeKind.SUCCESS, skip_tasks=("a", "b", "clean"))
    shape = dag(
        task("stop"),
        task("a", "stop"),
        task("b", "a"),
        task("clean", "b", trigger_rule=TriggerRule.ALL_DONE),
        task("beside"),
        task("last", "clean", "beside", trigger_rule=TriggerRule.ALL_DONE),
    )
    key = stage.start(shape)
    stage.deliver_all()
    skipped = dict.fromkeys(("a", "b", "clean"), "skipped")
    assert stage.states(key) == {"stop": "success", "beside": "success", "last": "success", **skipped}
    assert stage.run(key).state is RunState.SUCCESS


def test_a_run_without_a_logical_date_has_no_data_interval_either(stage: Stage) -> None:
    run = stage.run(stage.start(chain(1)))
    assert run.context.logical_date is None
    assert run.context.data_interval_start is None
    assert run.context.run_after == stage.clock()
    dated = stage.run(stage.start(chain(1), logical_date=datetime(2026, 1, 2, tzinfo=UTC)))
    assert dated.context.logical_date == dated.context.data_interval_start == datetime(2026, 1, 2, tzinfo=UTC)


def test_values_beyond_what_a_worker_keeps_in_memory_are_read_when_needed(stage: Stage) -> None:
    value = '"' + "x" * 40_000 + '"'
    width = 500
    names = [f"f{n:03}" for n in range(width)]
    for name in names:
        stage.runner.script[name, 1] = Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": value})
    join = task("join", *names, reads=tuple(names))
    key = stage.start(dag(*map(task, names), join))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.jobs[-1].xcoms == {f"{name}:-1:return_value": value for name in names}
