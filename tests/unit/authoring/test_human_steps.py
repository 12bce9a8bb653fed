"""Tasks that ask a person: what their arguments must be, what they ask, and how they go on with the answer."""

from datetime import timedelta
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane import ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator, Param
from sailplane.compat.airflow.warnings import AirflowProviderDeprecationWarning


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
