"""Tasks that start other DAGs and wait for them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from authored_bundle import LOGICAL_DATE, Bundle

from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.other_runs import RunAnswer, RunFacts, RunProblem
from sailplane.model.states import RunState, TaskState

TRIGGER = """
    from sailplane import DAG, TriggerDagRunOperator
    with DAG("up"):
        TriggerDagRunOperator(task_id="go", trigger_dag_id="down", {more})
"""
SENSOR = """
    from datetime import timedelta
    from sailplane import DAG, ExternalTaskSensor
    with DAG("up", schedule="@daily"):
        ExternalTaskSensor(task_id="wait", external_dag_id="down", mode="reschedule", {more})
"""


def going(bundle: Bundle, more: str, *answers: RunAnswer, **job: Any) -> Outcome:
    bundle.services.answers = list(answers)
    return bundle.run(bundle.one(TRIGGER.format(more=more)), "go", **job)


def waiting(bundle: Bundle, more: str, *answers: RunAnswer) -> Outcome:
    bundle.services.answers = list(answers)
    return bundle.run(bundle.one(SENSOR.format(more=more)), "wait")


def one(state: RunState = RunState.RUNNING, **tasks: TaskState) -> RunAnswer:
    by_document = {f"{task_id}:-1": task_state for task_id, task_state in tasks.items()}
    return RunAnswer(runs=(RunFacts(run_id="r", state=state, tasks=by_document),))


def test_a_trigger_starts_a_run_with_rendered_conf_and_succeeds_at_once(bundle: Bundle) -> None:
    outcome = going(bundle, "conf={'day': '{{ ds }}'}", one())
    assert outcome.kind is OutcomeKind.SUCCESS
    (request,) = bundle.services.requests
    assert (request.dag_id, dict(request.conf)) == ("down", {"day": "2024-05-01"})
    assert request.run_id.startswith("operator_triggered__")
    assert request.run_id in outcome.xcoms["trigger_run_id"]


def test_the_same_try_asks_for_the_same_run_wherever_it_goes_on(bundle: Bundle) -> None:
    going(bundle, "", one())
    exists = RunAnswer(runs=one().runs, problem=RunProblem.EXISTS, message="it exists")
    outcome = going(bundle, "", exists)
    first, second = bundle.services.requests
    assert first == second
    assert outcome.kind is OutcomeKind.SUCCESS


def test_only_a_run_that_was_named_is_reset(bundle: Bundle) -> None:
    for more in ("", "trigger_run_id='r'", "logical_date='2024-05-01'"):
        going(bundle, f"reset_dag_run=True, {more}", one())
    going(bundle, "trigger_run_id='r'", one())
    assert [request.reset for request in bundle.services.requests] == [False, True, True, False]


def test_waiting_for_the_end_gives_the_worker_back_between_looks(bundle: Bundle) -> None:
    more = "wait_for_completion=True, poke_interval=30"
    outcome = going(bundle, more, one())
    assert outcome.kind is OutcomeKind.RESCHEDULE
    again = {"rescheduled_since": LOGICAL_DATE + timedelta(hours=1), "started_at": LOGICAL_DATE + timedelta(hours=2)}
    assert going(bundle, more, one(), **again).kind is OutcomeKind.RESCHEDULE
    assert going(bundle, more, one(RunState.SUCCESS), **again).kind is OutcomeKind.SUCCESS
    failed = going(bundle, more, one(RunState.FAILED), **again)
    assert failed.error is not None
    assert "ended as failed" in failed.error.message
    assert len(bundle.services.requests) == 1
    assert {query.run_ids for query in bundle.services.queries} == {(bundle.services.requests[0].run_id,)}


@pytest.mark.parametrize(
    ("more", "problem", "kind", "named"),
    [
        ("", RunProblem.NO_DAG, OutcomeKind.FAILED, "DagNotFound"),
        ("trigger_run_id='mine'", RunProblem.EXISTS, OutcomeKind.FAILED, "DagRunAlreadyExists"),
        ("", RunProblem.INVALID, OutcomeKind.FAILED, "AirflowException"),
    ],
)
def test_what_keeps_a_run_from_starting_fails_the_task(
    bundle: Bundle, more: str, problem: RunProblem, kind: OutcomeKind, named: str
) -> None:
    outcome = going(bundle, more, RunAnswer(problem=problem, message="because"))
    assert outcome.error is not None
    assert (outcome.kind, outcome.error.kind, outcome.error.message) == (kind, named, "because")


def test_a_run_that_exists_may_skip_the_task(bundle: Bundle) -> None:
    exists = RunAnswer(problem=RunProblem.EXISTS, message="it exists")
    outcome = going(bundle, "trigger_run_id='mine', skip_when_already_exists=True", exists)
    assert outcome.kind is OutcomeKind.SKIPPED


def test_a_paused_dag_may_fail_the_task(bundle: Bundle) -> None:
    outcome = going(bundle, "fail_when_dag_is_paused=True", RunAnswer(is_paused=True))
    assert outcome.error is not None
    assert outcome.error.kind == "DagIsPaused"


def test_a_sensor_waits_for_the_run_with_its_own_logical_date(bundle: Bundle) -> None:
    assert waiting(bundle, "", RunAnswer()).kind is OutcomeKind.RESCHEDULE
    assert waiting(bundle, "", one()).kind is OutcomeKind.RESCHEDULE
    assert waiting(bundle, "", one(RunState.SUCCESS)).kind is OutcomeKind.SUCCESS
    assert {query.logical_dates for query in bundle.services.queries} == {(LOGICAL_DATE,)}


def test_execution_delta_and_date_fn_choose_other_runs(bundle: Bundle) -> None:
    waiting(bundle, "execution_delta=timedelta(days=1)", RunAnswer())
    waiting(bundle, "execution_date_fn=lambda date, ds: [date, date - timedelta(hours=1)]", one(RunState.SUCCESS))
    assert bundle.services.queries[0].logical_dates == (LOGICAL_DATE - timedelta(days=1),)
    assert bundle.services.queries[1].logical_dates == (LOGICAL_DATE, LOGICAL_DATE - timedelta(hours=1))


def test_tasks_are_waited_for_until_all_of_them_are_done(bundle: Bundle) -> None:
    more = "external_task_ids=['a', 'b']"
    half = one(a=TaskState.SUCCESS, b=TaskState.RUNNING)
    assert waiting(bundle, more, half).kind is OutcomeKind.RESCHEDULE
    assert waiting(bundle, more, one(a=TaskState.SUCCESS, b=TaskState.SUCCESS)).kind is OutcomeKind.SUCCESS


def test_failed_and_skipped_states_end_the_wait(bundle: Bundle) -> None:
    more = "external_task_id='a', failed_states=['failed'], skipped_states=['skipped']"
    failed = waiting(bundle, more, one(a=TaskState.FAILED))
    assert failed.error is not None
    assert failed.error.kind == "ExternalTaskFailedError"
    assert waiting(bundle, more, one(a=TaskState.SKIPPED)).kind is OutcomeKind.SKIPPED
    soft = waiting(bundle, f"{more}, soft_fail=True", one(a=TaskState.FAILED))
    assert soft.kind is OutcomeKind.SKIPPED


def test_existence_is_checked_when_asked_for(bundle: Bundle) -> None:
    gone = RunAnswer(problem=RunProblem.NO_DAG, message="there is no DAG 'down'")
    assert waiting(bundle, "", gone).kind is OutcomeKind.RESCHEDULE
    failed = waiting(bundle, "check_existence=True", gone)
    assert failed.error is not None
    assert failed.error.kind == "ExternalDagNotFoundError"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("external_task_id='a', external_task_group_id='g'", "give one of"),
        ("allowed_states=['skipped']", "'skipped' is no state"),
        ("external_task_id='a', failed_states=['success']", "stands twice"),
        ("execution_delta=timedelta(1), execution_date_fn=print", "not both"),
    ],
)
def test_mistakes_are_told_when_the_file_is_read(bundle: Bundle, more: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        bundle.one(SENSOR.format(more=more))


def test_the_context_tells_of_other_runs(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task
        with DAG("up"):
            @task
            def look(ti=None):
                return [ti.get_dagrun_state("down", "r"), ti.get_ti_count("down", states=["success"])]
            look()
    """)
    bundle.services.answers = [one(RunState.FAILED), one(a=TaskState.SUCCESS, b=TaskState.FAILED)]
    assert bundle.value(dag, "look") == ["failed", 1]


def test_a_logical_date_may_be_given_as_a_text(bundle: Bundle) -> None:
    going(bundle, "logical_date='{{ (logical_date).isoformat() }}'", one())
    assert bundle.services.requests[0].logical_date == LOGICAL_DATE
    assert LOGICAL_DATE.tzinfo is UTC
    assert isinstance(bundle.services.requests[0].logical_date, datetime)
