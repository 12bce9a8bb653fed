"""What tasks ask about runs of other DAGs, answered from the store."""

from datetime import UTC, datetime, timedelta

from engine_stage import FAILED, Stage, dag, task

from sailplane.engine import other_runs
from sailplane.model.dags import SerializedGroup
from sailplane.model.other_runs import RunProblem, RunQuery, RunRequest
from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy

DAY = datetime(2026, 2, 1, tzinfo=UTC)


def test_a_run_that_a_task_asks_for_is_made_once(stage: Stage) -> None:
    stage.push(dag(task("a"), dag_id="other"))
    request = RunRequest(dag_id="other", run_id="wanted", conf={"x": 1}, logical_date=DAY)
    first = other_runs.trigger(stage.cloud, request, stage.clock)
    again = other_runs.trigger(stage.cloud, request, stage.clock)
    assert first.problem is None
    assert again.problem is RunProblem.EXISTS
    assert [run.run_id for run in again.runs] == ["wanted"]
    (made,) = stage.cloud.store.runs("other")
    context = made.context
    assert (context.run_type, context.triggered_by) == (RunType.OPERATOR_TRIGGERED, TriggeredBy.OPERATOR)
    assert (dict(context.conf), context.logical_date) == ({"x": 1}, DAY)


def test_a_run_that_is_to_be_reset_runs_again(stage: Stage) -> None:
    stage.push(dag(task("a"), dag_id="other"))
    request = RunRequest(dag_id="other", run_id="wanted", reset=True)
    assert other_runs.trigger(stage.cloud, request, stage.clock).problem is None
    stage.deliver_all()
    answer = other_runs.trigger(stage.cloud, request, stage.clock)
    assert answer.problem is None
    assert [(run.run_id, run.state) for run in answer.runs] == [("wanted", RunState.RUNNING)]
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("a", 2)]
    assert [run.state for run in stage.cloud.store.runs("other")] == [RunState.SUCCESS]


def test_a_dag_that_is_not_there_is_said_so(stage: Stage) -> None:
    answer = other_runs.trigger(stage.cloud, RunRequest(dag_id="nothere", run_id="r"), stage.clock)
    assert answer.problem is RunProblem.NO_DAG
    assert "nothere" in answer.message
    assert other_runs.find(stage.cloud, RunQuery(dag_id="nothere", run_ids=("r",))).problem is RunProblem.NO_DAG


def test_runs_are_found_by_logical_date_with_their_tasks(stage: Stage) -> None:
    stage.runner.script["b", 1] = FAILED
    of = dag(task("a"), task("b", "a", group_id="g"), groups=(SerializedGroup(group_id="g"),))
    stage.push(of)
    for number in range(3):
        request = RunRequest(dag_id="flight", run_id=f"r{number}", logical_date=DAY + timedelta(days=number))
        other_runs.trigger(stage.cloud, request, stage.clock)
    stage.deliver_all()
    dates = (DAY, DAY + timedelta(days=2), DAY + timedelta(days=9))
    found = other_runs.find(stage.cloud, RunQuery(dag_id="flight", logical_dates=dates, task_ids=("b",)))
    assert sorted(run.run_id for run in found.runs) == ["r0", "r2"]
    assert {run.state for run in found.runs} == {RunState.FAILED}
    assert [dict(run.tasks) for run in found.runs] == [{"b:-1": TaskState.FAILED}] * 2
    grouped = other_runs.find(stage.cloud, RunQuery(dag_id="flight", run_ids=("r1",), group_id="g"))
    assert dict(grouped.runs[0].tasks) == {"b:-1": TaskState.FAILED}
    everything = other_runs.find(stage.cloud, RunQuery(dag_id="flight", run_ids=("r1",), group_id=""))
    assert len(everything.runs[0].tasks) == 2


def test_a_run_under_way_is_found_with_what_it_has_so_far(stage: Stage) -> None:
    stage.start(dag(task("a"), task("b", "a")), run_id="now")
    found = other_runs.find(stage.cloud, RunQuery(dag_id="flight", run_ids=("now", "nothere"), task_ids=("a", "b")))
    assert [(run.run_id, run.state, dict(run.tasks)) for run in found.runs] == [
        ("now", RunState.RUNNING, {"a:-1": TaskState.QUEUED})
    ]


def test_a_task_that_the_dag_does_not_have_is_said_so(stage: Stage) -> None:
    stage.push(dag(task("a")))
    answer = other_runs.find(stage.cloud, RunQuery(dag_id="flight", run_ids=("r",), task_ids=("z",)))
    assert answer.problem is RunProblem.NO_TASK
    assert "'z'" in answer.message
