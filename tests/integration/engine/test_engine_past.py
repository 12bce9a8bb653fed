"""`depends_on_past` and `wait_for_downstream`, over runs of one DAG that are under way together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from engine_stage import FAILED, SUCCESS, Stage, dag, task

from sailplane.engine import runs
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState

DAY = datetime(2026, 2, 1, tzinfo=UTC)
SKIPPED = Outcome(kind=OutcomeKind.SKIPPED)
PAST: dict[str, Any] = {"depends_on_past": True}


def start(stage: Stage, number: int) -> RunKey:
    date = DAY + timedelta(days=number)
    return runs.trigger(stage.cloud, "flight", run_id=f"r{number}", logical_date=date, now=stage.clock()).key


def test_the_first_run_waits_for_nothing(stage: Stage) -> None:
    key = stage.start(dag(task("a", **PAST)), run_id="r0", logical_date=DAY)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS


def test_the_next_run_waits_until_the_one_before_has_succeeded(stage: Stage) -> None:
    stage.push(dag(task("a", **PAST), task("b", "a")))
    first, second = start(stage, 0), start(stage, 1)
    assert stage.states(second) == {"a": "scheduled"}
    stage.deliver_all()
    assert [stage.run(key).state for key in (first, second)] == [RunState.SUCCESS] * 2
    assert stage.runner.tries.count(("a", 1)) == 2


def test_runs_in_sequence_are_worked_off_one_after_the_other(stage: Stage) -> None:
    stage.push(dag(task("a", **PAST)))
    keys = [start(stage, number) for number in range(4)]
    stage.deliver_all()
    assert [stage.run(key).state for key in keys] == [RunState.SUCCESS] * 4
    assert [job.run.run_id for job in stage.runner.jobs] == ["r0", "r1", "r2", "r3"]


def test_a_skip_before_is_as_good_as_a_success(stage: Stage) -> None:
    stage.runner.script["a", 1] = SKIPPED
    stage.push(dag(task("a", **PAST)))
    _, second = start(stage, 0), start(stage, 1)
    stage.deliver_all()
    assert stage.run(second).state is RunState.SUCCESS


def test_a_failure_before_holds_the_next_run(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    stage.push(dag(task("a", **PAST)))
    _, second = start(stage, 0), start(stage, 1)
    stage.deliver_all()
    for _ in range(3):
        stage.clock.turn(minutes=11)
        stage.tick()
        stage.deliver_all()
    assert stage.states(second) == {"a": "scheduled"}
    assert stage.run(second).state is RunState.RUNNING


def test_wait_for_downstream_waits_for_what_is_behind_it_too(stage: Stage) -> None:
    stage.runner.script["b", 1] = Outcome(kind=OutcomeKind.FAILED)
    stage.push(
        dag(task("a", **PAST, wait_for_downstream=True), task("b", "a", retries=1, retry_delay=timedelta(hours=1)))
    )
    first, second = start(stage, 0), start(stage, 1)
    stage.deliver_all()
    assert stage.states(first) == {"a": "success", "b": "up_for_retry"}
    assert stage.states(second) == {"a": "scheduled"}
    stage.runner.script["b", 2] = stage.runner.script["b", 1] = SUCCESS
    stage.clock.turn(hours=1, seconds=1)
    stage.tick()
    stage.deliver_all()
    assert [stage.run(key).state for key in (first, second)] == [RunState.SUCCESS] * 2


def test_a_wake_up_that_was_lost_is_made_good_by_the_alarm(stage: Stage) -> None:
    stage.push(dag(task("a", **PAST)))
    _, second = start(stage, 0), start(stage, 1)
    (message,) = stage.bus.take()
    stage.worker.handle(message)
    stage.bus.take()
    stage.clock.turn(minutes=11)
    stage.tick()
    stage.deliver_all()
    assert stage.run(second).state is RunState.SUCCESS


@pytest.mark.parametrize("number", [1, 2])
def test_a_run_without_a_logical_date_has_no_past(stage: Stage, number: int) -> None:
    stage.push(dag(task("a", **PAST)))
    keys = [runs.trigger(stage.cloud, "flight", run_id=f"m{each}", now=stage.clock()).key for each in range(number)]
    stage.deliver_all()
    assert [stage.run(key).state for key in keys] == [RunState.SUCCESS] * number


def test_a_task_that_the_run_before_did_not_have_starts(stage: Stage) -> None:
    stage.push(dag(task("z")))
    start(stage, 0)
    stage.deliver_all()
    stage.push(dag(task("a", **PAST)))
    second = start(stage, 1)
    stage.deliver_all()
    assert stage.run(second).state is RunState.SUCCESS


def test_with_catchup_only_runs_of_the_schedule_count(stage: Stage) -> None:
    stage.runner.script["a", 1] = FAILED
    stage.push(dag(task("a", **PAST), catchup=True))
    start(stage, 0)
    second = start(stage, 1)
    stage.runner.script["a", 1] = SUCCESS
    stage.deliver_all()
    assert stage.run(second).state is RunState.SUCCESS


def test_a_dag_without_such_tasks_reads_nothing_of_other_runs(stage: Stage) -> None:
    stage.push(dag(task("a"), task("b", "a")))
    start(stage, 0)
    second = start(stage, 1)
    assert stage.states(second) == {"a": "queued"}
