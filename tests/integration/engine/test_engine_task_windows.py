"""Runs of a DAG whose tasks have start and end dates of their own."""

from datetime import UTC, datetime

from engine_stage import Stage, dag, task

from sailplane.model.states import RunState

FLOW = dag(task("check"), task("fly", "check", start_date=datetime(2026, 2, 1, tzinfo=UTC)), task("land", "fly"))


def test_a_run_before_a_tasks_start_date_goes_without_it_and_in_order(stage: Stage) -> None:
    key = stage.start(FLOW, logical_date=datetime(2026, 1, 1, tzinfo=UTC))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.states(key) == {"check": "success", "land": "success"}
    assert [name for name, _ in stage.runner.tries] == ["check", "land"]


def test_a_later_run_has_it(stage: Stage) -> None:
    key = stage.start(FLOW, logical_date=datetime(2026, 2, 1, tzinfo=UTC))
    stage.deliver_all()
    assert stage.states(key) == {"check": "success", "fly": "success", "land": "success"}


def test_a_run_that_has_none_of_the_tasks_succeeds_at_once(stage: Stage) -> None:
    flow = dag(task("fly", start_date=datetime(2026, 2, 1, tzinfo=UTC)))
    key = stage.start(flow, logical_date=datetime(2026, 1, 1, tzinfo=UTC))
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.states(key) == {}


def test_an_alarm_plans_such_a_run_from_its_documents_alike(stage: Stage) -> None:
    key = stage.start(FLOW, logical_date=datetime(2026, 1, 1, tzinfo=UTC))
    stage.bus.take()  # Lost.
    stage.clock.turn(minutes=15)
    for _ in range(3):
        stage.tick()
        stage.deliver_all()
    assert stage.states(key) == {"check": "success", "land": "success"}
