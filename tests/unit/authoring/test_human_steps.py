"""Tasks that ask a person: what their arguments must be, what they ask, and how they go on with the answer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane import ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator, Param
from sailplane.compat.airflow.warnings import AirflowProviderDeprecationWarning
from sailplane.model import xcom
from sailplane.model.errors import RequestError
from sailplane.model.execution import OutcomeKind
from sailplane.model.human_steps import HumanRequest
from sailplane.model.ids import TaskKey
from sailplane.testing.harness import DagHarness
from sailplane.testing.questions import at_terminal


def ask(**changes: Any) -> HITLOperator:
    return HITLOperator(**{"task_id": "ask", "subject": "Which?", "options": ["a", "b"], **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": []}, '"options" cannot be empty.'),
        ({"params": {"_options": 1}}, '"_options" is not allowed in params'),
        ({"defaults": ["c"]}, r"defaults \"\['c'\]\" should be a subset of options \"\['a', 'b'\]\""),
        ({"defaults": ["a", "b"]}, 'More than one defaults given when "multiple" is set to False.'),
        ({"assigned_users": ["ada"]}, "assigned_users are dicts as .*, not 'ada'"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask(**changes)


def test_one_default_may_stand_alone_and_several_for_several_choices() -> None:
    assert ask(defaults="a").defaults == ["a"]
    assert ask(defaults=["a", "b"], multiple=True).defaults == ["a", "b"]


def test_the_fields_of_the_form_are_the_tasks_own_params(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, HITLEntryOperator, Param

        with DAG("flow", params={"day": 1}):
            HITLEntryOperator(task_id="ask", subject="?", params={"price": Param(3, type="integer", description="EUR")})
    """)
    field = {"value": 3, "schema": {"type": "integer"}, "description": "EUR", "source": "task"}
    assert dag.get_task("ask").serialized_params == {"price": field}


def test_an_execution_timeout_becomes_the_response_timeout_with_a_warning() -> None:
    with pytest.warns(AirflowProviderDeprecationWarning, match="response_timeout"):
        task = ask(execution_timeout=timedelta(minutes=1))
    assert (task.response_timeout, task.execution_timeout) == (timedelta(minutes=1), None)


@pytest.mark.parametrize("name", ["options", "multiple"])
def test_an_approval_has_its_options_already(name: str) -> None:
    with pytest.raises(ValueError, match=f"Passing {name} to ApprovalOperator is not allowed"):
        ApprovalOperator(task_id="ask", subject="?", **{name: ["a"]})


@pytest.mark.parametrize(
    ("mapping", "message"),
    [({"c": "t"}, r"keys that are not in `options`: \['c'\]"), ({"a": 1}, "values must be strings")],
)
def test_a_branchs_mapping_names_options_and_tasks(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HITLBranchOperator(task_id="ask", subject="?", options=["a", "b"], options_mapping=mapping)


def test_an_entry_is_confirmed_with_ok() -> None:
    task = HITLEntryOperator(task_id="ask", subject="?", params={"name": Param("", type="string")})
    assert (task.options, task.defaults) == (["OK"], ["OK"])
    assert HITLEntryOperator(task_id="other", subject="?", options=["Go"]).defaults is None


class Instance:
    dag_id, run_id, task_id, map_index = "flow", "manual__1", "ask", -1


def test_the_link_to_the_question_carries_what_is_to_be_filled_in() -> None:
    link = ask(params={"n": 1}).generate_link_to_ui(
        task_instance=Instance, base_url="https://web.example/x", options="a", params_input={"n": 2}
    )
    path = "/dags/flow/runs/manual__1/tasks/ask/required_actions"
    assert link == f"https://web.example{path}?_options=%5B%27a%27%5D&n=2&map_index=-1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options": ["z"]}, "are not valid options"),
        ({"params_input": {"z": 1}}, "are not valid params"),
        ({"base_url": None}, "Not able to retrieve base_url"),
    ],
)
def test_a_link_that_would_lead_nowhere_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask().generate_link_to_ui(task_instance=Instance, **{"base_url": "https://web.example", **arguments})


OWN = """
    from sailplane import DAG, BaseOperator
    from sailplane.authoring.exceptions import TaskAwaitingInput
    from sailplane.authoring.human_steps import upsert_hitl_detail

    class Confirm(BaseOperator):
        def execute(self, context):
            context["ti"].xcom_push("before", 1)
            {ask}
            try:
                raise TaskAwaitingInput(method_name="confirmed", kwargs={{"times": 2}})
            except Exception:
                pass

        def confirmed(self, context, times, event):
            return [event["chosen_options"], times]

    with DAG("own"):
        Confirm(task_id="confirm")
"""


def test_a_task_that_asks_ends_its_part_of_the_try_with_its_question(bundle: Bundle) -> None:
    dag = bundle.one(OWN.format(ask='upsert_hitl_detail(options=["y"], subject="Go on?", defaults=["y"])'))
    outcome = bundle.run(dag, "confirm")
    assert (outcome.kind, outcome.resume_at) == (OutcomeKind.AWAITING_INPUT, None)
    assert outcome.question == HumanRequest(subject="Go on?", options=("y",), defaults=("y",))
    assert outcome.xcoms == {"before": "1"}


def test_the_answer_goes_to_the_method_that_the_task_named(bundle: Bundle) -> None:
    dag = bundle.one(OWN.format(ask='upsert_hitl_detail(options=["y"], subject="Go on?")'))
    waiting = bundle.run(dag, "confirm")
    assert waiting.resumption is not None
    event = xcom.dumps({"chosen_options": ["y"]})
    ended = bundle.run(dag, "confirm", resumption=replace(waiting.resumption, event=event))
    assert (ended.kind, ended.error) == (OutcomeKind.SUCCESS, None)
    assert xcom.loads(ended.xcoms["return_value"]) == [["y"], 2]


def test_a_task_that_waits_without_having_asked_fails_and_is_told_how(bundle: Bundle) -> None:
    outcome = bundle.run(bundle.one(OWN.format(ask="pass")), "confirm")
    assert outcome.error is not None
    assert "has asked nothing: call upsert_hitl_detail() before" in outcome.error.message


APPROVAL = """
    from datetime import timedelta
    from sailplane import DAG, ApprovalOperator, EmptyOperator

    with DAG("flow"):
        ask = ApprovalOperator(task_id="ask", subject="?", {arguments})
        first = EmptyOperator(task_id="first")
        ask >> first >> EmptyOperator(task_id="last", trigger_rule="all_done")
"""


@pytest.mark.parametrize(
    ("arguments", "answers", "states"),
    [
        ("", "Reject", {"ask": "success", "first": "skipped", "last": "success"}),
        ("ignore_downstream_trigger_rules=True", "Reject", {"ask": "success", "first": "skipped", "last": "skipped"}),
        ("fail_on_reject=True", "Reject", {"ask": "failed", "first": "upstream_failed", "last": "success"}),
        ("fail_on_reject=True", "Approve", {"ask": "success", "first": "success", "last": "success"}),
        ("response_timeout=timedelta(hours=1)", None, {"ask": "failed", "first": "upstream_failed", "last": "success"}),
        ("defaults='Approve'", None, {"ask": "failed", "first": "upstream_failed", "last": "success"}),
    ],
)
def test_what_follows_an_approval(bundle: Bundle, arguments: str, answers: str | None, states: dict[str, str]) -> None:
    harness = DagHarness(bundle.one(APPROVAL.format(arguments=arguments)))
    run = harness.run(answers={"ask": answers} if answers else {})
    assert run.states == states


def test_a_test_that_answers_what_is_no_option_is_told(bundle: Bundle) -> None:
    with pytest.raises(RequestError, match=r"the answer to ask: Invalid options \['Maybe'\]"):
        DagHarness(bundle.one(APPROVAL.format(arguments=""))).run(answers={"ask": "Maybe"})


def test_at_the_terminal_options_and_fields_are_asked_for() -> None:
    lines = iter(["a, b", "7", ""])
    shown: list[str] = []

    def read(prompt: str) -> str:
        shown.append(prompt)
        return next(lines)

    params = {"n": {"value": 3}, "note": {"value": "x"}}
    request = HumanRequest(subject="Which?", options=("a", "b"), multiple=True, params=params)
    reply = at_terminal(read)(TaskKey("ask"), request)
    assert reply is not None
    assert (reply.chosen_options, reply.params_input) == (("a", "b"), {"n": 7, "note": "x"})
    assert "ask asks: Which?" in shown[0]
    assert at_terminal(lambda prompt: "")(TaskKey("ask"), request) is None


def test_what_was_entered_once_is_not_the_default_of_the_next_time(bundle: Bundle) -> None:
    harness = DagHarness(
        bundle.one("""
            from datetime import timedelta
            from sailplane import DAG, HITLEntryOperator, Param

            with DAG("flow"):
                HITLEntryOperator(task_id="ask", subject="?", params={"n": 3}, response_timeout=timedelta(hours=1))
        """)
    )
    entered = {"chosen_options": "OK", "params_input": {"n": 7}}
    assert harness.run(answers={"ask": entered}).xcom("ask")["params_input"] == {"n": 7}
    assert harness.run().xcom("ask")["params_input"] == {"n": 3}
