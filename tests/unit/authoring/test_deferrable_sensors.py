"""Sensors and operators that wait for other DAGs, files and endpoints by a trigger."""

from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.authoring.configuration import Configuration, default_deferrable
from sailplane.authoring.exceptions import AirflowException
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.other_runs import RunAnswer, RunFacts, RunProblem
from sailplane.model.states import RunState, TaskState

UP = """
    from sailplane import DAG, BashSensor, ExternalTaskSensor, FileSensor, TriggerDagRunOperator
    with DAG("up", schedule="@daily"):
        {task}
"""
SENSOR = "ExternalTaskSensor(task_id='t', external_dag_id='down', deferrable=True, {more})"
OPERATOR = "TriggerDagRunOperator(task_id='t', trigger_dag_id='down', wait_for_completion=True, {more})"


def flown(bundle: Bundle, task: str, *answers: RunAnswer, **job: Any) -> Outcome:
    bundle.services.answers = list(answers)
    return bundle.run(bundle.one(UP.format(task=task)), "t", **job)


def one(state: RunState = RunState.RUNNING, **tasks: TaskState) -> RunAnswer:
    by_document = {f"{task_id}:-1": task_state for task_id, task_state in tasks.items()}
    return RunAnswer(runs=(RunFacts(run_id="r", state=state, tasks=by_document),))


ENDS = [
    ("", one(), OutcomeKind.DEFERRED),
    ("", one(RunState.SUCCESS), OutcomeKind.SUCCESS),
    ("", one(RunState.FAILED), OutcomeKind.DEFERRED),
    ("failed_states=['failed'],", one(RunState.FAILED), OutcomeKind.FAILED),
    ("failed_states=['failed'], soft_fail=True,", one(RunState.FAILED), OutcomeKind.SKIPPED),
    ("skipped_states=['failed'],", one(RunState.FAILED), OutcomeKind.SKIPPED),
    ("external_task_id='a',", one(a=TaskState.SUCCESS), OutcomeKind.SUCCESS),
    ("external_task_ids=['a', 'b'],", one(a=TaskState.SUCCESS, b=TaskState.RUNNING), OutcomeKind.DEFERRED),
    ("external_task_group_id='g',", one(a=TaskState.SUCCESS, b=TaskState.SUCCESS), OutcomeKind.SUCCESS),
    ("external_task_group_id='g',", one(), OutcomeKind.DEFERRED),
]


@pytest.mark.parametrize(("more", "answer", "kind"), ENDS)
def test_a_sensor_on_another_dag_goes_by_its_states(
    bundle: Bundle, more: str, answer: RunAnswer, kind: OutcomeKind
) -> None:
    outcome = flown(bundle, SENSOR.format(more=more), answer)
    assert outcome.kind is kind, outcome.error


def test_a_deferred_sensor_on_another_dag_looks_again(bundle: Bundle) -> None:
    task = SENSOR.format(more="poke_interval=30")
    first = flown(bundle, task, one())
    assert first.resumption is not None
    assert first.resumption.trigger is not None
    assert 29 < first.resumption.trigger.asleep_for <= 30
    second = flown(bundle, task, one(), resumption=first.resumption)
    assert second.kind is OutcomeKind.DEFERRED
    third = flown(bundle, task, one(RunState.SUCCESS), resumption=second.resumption)
    assert third.kind is OutcomeKind.SUCCESS


def test_a_sensor_on_a_run_asks_to_be_woken_by_its_end(bundle: Bundle) -> None:
    for more, events in (("", ("run://down/r",)), ("external_task_id='a'", ())):
        assert flown(bundle, SENSOR.format(more=more), one()).waits_for == events
        rescheduled = SENSOR.format(more=more).replace("deferrable=True", "mode='reschedule'")
        assert flown(bundle, rescheduled, one()).waits_for == events
        poked = SENSOR.format(more=f"timeout=0, {more}").replace("deferrable=True", "mode='poke'")
        assert flown(bundle, poked, one()).kind is OutcomeKind.FAILED_FOR_GOOD
    assert [query.awaits for query in bundle.services.queries] == [True, True, False, False, False, False]


def test_what_does_not_exist_fails_a_sensor_that_checks_before_it_defers(bundle: Bundle) -> None:
    gone = RunAnswer(problem=RunProblem.NO_DAG, message="there is no DAG 'down'")
    outcome = flown(bundle, SENSOR.format(more="check_existence=True"), gone)
    assert outcome.error is not None
    assert outcome.error.kind == "ExternalDagNotFoundError"


def test_an_operator_that_waits_for_its_run_is_deferred_and_may_be_woken(bundle: Bundle) -> None:
    task = OPERATOR.format(more="deferrable=True, trigger_run_id='r', poke_interval=30")
    first = flown(bundle, task, one(), one())
    assert first.kind is OutcomeKind.DEFERRED
    assert first.waits_for == ("run://down/r",)
    assert bundle.services.requests[0].is_awaited
    assert flown(bundle, task, one(RunState.SUCCESS), resumption=first.resumption).kind is OutcomeKind.SUCCESS
    failed = flown(bundle, task, one(RunState.FAILED), resumption=first.resumption)
    assert failed.error is not None
    assert "ended as failed" in failed.error.message
    assert len(bundle.services.requests) == 1


def test_an_operator_that_is_rescheduled_may_be_woken_too(bundle: Bundle) -> None:
    outcome = flown(bundle, OPERATOR.format(more="trigger_run_id='r'"), one())
    assert (outcome.kind, outcome.waits_for) == (OutcomeKind.RESCHEDULE, ("run://down/r",))


def test_a_sensor_without_a_trigger_is_rescheduled(bundle: Bundle) -> None:
    outcome = flown(bundle, "BashSensor(task_id='t', bash_command='exit 1', deferrable=True)")
    assert outcome.kind is OutcomeKind.RESCHEDULE


def test_the_environment_says_what_defers_unless_it_says_so_itself(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = "FileSensor(task_id='t', filepath='/no/file', mode='reschedule', {more})"
    assert flown(bundle, sensor.format(more="")).kind is OutcomeKind.RESCHEDULE
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert flown(bundle, sensor.format(more="")).kind is OutcomeKind.DEFERRED
    assert flown(bundle, sensor.format(more="deferrable=False")).kind is OutcomeKind.RESCHEDULE


def test_options_of_the_environment_have_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    conf = Configuration()
    assert not default_deferrable()
    assert conf.get("core", "answer", fallback=41) == 41
    monkeypatch.setenv("AIRFLOW__CORE__ANSWER", "42")
    assert (conf.get("core", "answer"), conf.getint("core", "answer")) == ("42", 42)
    assert (conf.getfloat("core", "answer"), conf.has_option("core", "answer")) == (42.0, True)
    with pytest.raises(AirflowException, match="AIRFLOW__CORE__ANSWER='42' cannot be read as true or false"):
        conf.getboolean("core", "answer")
    with pytest.raises(AirflowException, match="set the environment variable AIRFLOW__CORE__NOTHING"):
        conf.get("core", "nothing")
