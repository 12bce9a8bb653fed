"""What the engine finds in a DAG's earlier runs: the last that succeeded, a task's last instance, an XCom of before."""

import json
import textwrap
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from engine_flights import Flight
from engine_stage import FAILED, Stage, dag, task

from sailplane.authoring.loading import load_file
from sailplane.authoring.serialization import serialize
from sailplane.engine import other_runs
from sailplane.engine.memory import RunMemory
from sailplane.engine.services import Services
from sailplane.model.execution import Outcome, OutcomeKind, XComRef
from sailplane.model.ids import RunKey
from sailplane.model.other_runs import RunAnswer, RunQuery
from sailplane.model.states import RunState, TaskState

FLOW = dag(task("land"))


def day(stage: Stage, number: int) -> datetime:
    return stage.clock.now.replace(hour=0) - timedelta(days=30 - number)


def fly(stage: Stage, number: int, outcome: Outcome) -> RunKey:
    stage.runner.script["land", 1] = outcome
    key = stage.start(FLOW, logical_date=day(stage, number), run_id=f"day{number}")
    stage.deliver_all()
    return key


def pushed(value: str) -> Outcome:
    return Outcome(kind=OutcomeKind.SUCCESS, xcoms={"return_value": f'"{value}"'})


@pytest.fixture
def flown(stage: Stage) -> Iterator[Stage]:
    for number, outcome in enumerate([pushed("one"), pushed("two"), FAILED, FAILED], start=1):
        fly(stage, number, outcome)
    return stage


def asked(stage: Stage, before: int, **wanted: object) -> RunAnswer:
    return other_runs.find(stage.cloud, RunQuery(dag_id="flight", before=day(stage, before), **wanted))


def test_the_newest_earlier_run_that_succeeded(flown: Stage) -> None:
    (run,) = asked(flown, 5, run_states=(RunState.SUCCESS,)).runs
    assert (run.run_id, run.state, run.logical_date) == ("day2", RunState.SUCCESS, day(flown, 2))
    assert run.started_at is not None
    assert run.ended_at is not None
    assert asked(flown, 1, run_states=(RunState.SUCCESS,)).runs == ()


def test_the_newest_earlier_run_at_all(flown: Stage) -> None:
    assert [run.run_id for run in asked(flown, 5).runs] == ["day4"]


def test_the_newest_earlier_instance_in_a_state(flown: Stage) -> None:
    (run,) = asked(flown, 5, instance="land:-1", instance_states=(TaskState.SUCCESS,)).runs
    assert run.run_id == "day2"
    assert run.instance is not None
    assert run.instance.state is TaskState.SUCCESS
    assert asked(flown, 5, instance="other:-1").runs == ()


def services(stage: Stage, key: RunKey) -> Services:
    memory = RunMemory(stage.run(key).context, "", FLOW)
    return Services(stage.cloud, memory, stage.worker.values, stage.clock)


def test_an_xcom_of_the_newest_earlier_run_that_has_it(flown: Stage) -> None:
    asks = services(flown, RunKey("flight", "day4"))
    assert asks.xcom(XComRef(task_id="land", include_prior=True)) == '"two"'
    assert asks.xcom(XComRef(task_id="land")) is None
    assert asks.xcom(XComRef(task_id="land", key="no_such", include_prior=True)) is None


def test_an_xcom_before_another_run(flown: Stage) -> None:
    asks = services(flown, RunKey("flight", "day4"))
    assert asks.xcom(XComRef(task_id="land", run_id="day1", include_prior=True)) == '"one"'


def test_a_run_without_a_logical_date_looks_through_those_that_started_before_it(flown: Stage) -> None:
    key = flown.start(FLOW, run_id="by-hand")
    assert services(flown, key).xcom(XComRef(task_id="land", include_prior=True)) == '"two"'


def test_more_runs_than_one_look_shows_are_looked_through(stage: Stage) -> None:
    fly(stage, 1, pushed("long ago"))
    for number in range(2, 15):
        fly(stage, number, FAILED)
    assert [run.run_id for run in asked(stage, 20, run_states=(RunState.SUCCESS,)).runs] == ["day1"]


@pytest.mark.localcloud
def test_the_run_that_succeeded_last_is_found_with_one_read_when_it_is_the_last(stage: Stage) -> None:
    for number in (1, 2):
        fly(stage, number, pushed("x"))
    before = stage.count()
    asked(stage, 5, run_states=(RunState.SUCCESS,))
    assert stage.since(before)["firestore.reads"] == 1


TEXT = """
    from sailplane import DAG, task
    with DAG("flight"):
        @task
        def land(ti=None, prev_data_interval_end_success=None, dag_run=None):
            if ti.xcom_pull(task_ids="land", include_prior_dates=True) is None:
                return [0]
            run, instance = ti.get_previous_dagrun("success"), ti.get_previous_ti(state="success")
            dates = [dag_run.logical_date]
            return [run.run_id, instance.run_id, prev_data_interval_end_success == run.data_interval_end,
                    ti.get_dr_count("flight", logical_dates=dates), dag_run.triggering_user_name]
        land()
"""


def test_a_task_in_a_real_child_asks_about_earlier_runs(stage: Stage, flight: Flight) -> None:
    (stage.bundle / "dags.py").write_text(textwrap.dedent(TEXT))
    (flow,) = load_file(stage.bundle, "dags.py").values()
    for number in (1, 2):
        key = stage.start(
            serialize(flow, "dags.py"), logical_date=day(stage, number), run_id=f"day{number}", user="ada"
        )
        while taken := stage.bus.take():
            for data in taken:
                flight.worker.handle(data)
    ended = stage.instance(key, "land")
    assert ended.error is None
    assert json.loads(ended.xcoms["return_value"]) == ["day1", "day1", True, 1, "ada"]
