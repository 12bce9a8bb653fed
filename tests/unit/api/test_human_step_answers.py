"""Questions to people over the REST API, as Airflow's `hitlDetails`."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.human_steps import HumanRequest, Person
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.states import RunState, TaskState

ONE = "/api/v2/dags/release/dagRuns/one"
ALL = "/api/v2/dags/~/dagRuns/~/hitlDetails"
FIELD = {"value": 3, "description": "EUR", "schema": {"type": "integer"}, "source": "task"}


@pytest.fixture
def asked(backend: Any) -> Any:
    """`release` with a question in each of its two runs."""
    tasks = tuple(SerializedTask(task_id=name, operator="ApprovalOperator") for name in ("approve", "price"))
    backend.add_dag(SerializedDag(dag_id="release", file="release.py", tasks=tasks))
    one = backend.add_run("release", "one", RunState.RUNNING).key
    two = backend.add_run("release", "two", RunState.RUNNING, after=timedelta(hours=1)).key
    request = HumanRequest(subject="Ship it?", body="*now*", options=("Approve", "Reject"), defaults=("Reject",))
    backend.add_question(one, "approve", request)
    form = HumanRequest(subject="How much?", options=("OK",), params={"price": FIELD, "currency": "EUR"})
    backend.add_question(two, "price", form)
    return backend


def subjects(document: Any) -> list[str]:
    return [one["subject"] for one in document["hitl_details"]]


def respond(client: Any, body: Any, task_id: str = "approve") -> Any:
    return client.ask("PATCH", f"{ONE}/taskInstances/{task_id}/-1/hitlDetails", body)


def test_a_question_is_shown_with_its_task_instance(client: Any, asked: Any) -> None:
    shown = client.read(f"{ONE}/taskInstances/approve/-1/hitlDetails")
    instance = shown.pop("task_instance")
    assert (instance["task_id"], instance["state"]) == ("approve", "awaiting_input")
    assert shown == {
        "options": ["Approve", "Reject"],
        "subject": "Ship it?",
        "body": "*now*",
        "defaults": ["Reject"],
        "multiple": False,
        "params": {},
        "assigned_users": [],
        "created_at": "2026-03-01T12:00:00Z",
        "responded_by_user": None,
        "responded_at": None,
        "chosen_options": None,
        "params_input": {},
        "response_received": False,
    }


def test_the_fields_of_a_form_are_shown_as_params(client: Any, asked: Any) -> None:
    shown = client.read("/api/v2/dags/release/dagRuns/two/taskInstances/price/-1/hitlDetails")
    assert shown["params"] == {"price": FIELD, "currency": {"value": "EUR", "description": None, "schema": {}}}


def test_questions_of_all_dags_are_listed_newest_first(client: Any, asked: Any) -> None:
    assert subjects(client.read(ALL)) == ["How much?", "Ship it?"]
    assert subjects(client.read(f"{ONE}/hitlDetails")) == ["Ship it?"]
    assert subjects(client.read("/api/v2/dags/etl/dagRuns/~/hitlDetails")) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("response_received=true", []),
        ("response_received=false", ["How much?", "Ship it?"]),
        ("task_id=price", ["How much?"]),
        ("task_id_pattern=pri", ["How much?"]),
        ("task_id_prefix_pattern=app", ["Ship it?"]),
        ("dag_id_pattern=nothing", []),
        ("dag_id_prefix_pattern=rel&map_index=-1", ["How much?", "Ship it?"]),
        ("subject_search=ship", ["Ship it?"]),
        ("body_search=now", ["Ship it?"]),
        ("state=awaiting_input&limit=1", ["How much?"]),
        ("state=success", []),
        ("responded_by_user_id=ada", []),
        ("created_at_gt=2026-03-01T12:30:00Z", ["How much?"]),
        ("order_by=subject", ["How much?", "Ship it?"]),
        ("order_by=created_at", ["Ship it?", "How much?"]),
        ("order_by=-run_after&offset=1", ["Ship it?"]),
    ],
)
def test_a_list_is_filtered_and_ordered(client: Any, asked: Any, query: str, found: list[str]) -> None:
    assert subjects(client.read(f"{ALL}?{query}")) == found


def test_an_answer_lets_the_task_go_on_and_is_shown(client: Any, asked: Any) -> None:
    answer = respond(client, {"chosen_options": ["Approve"]})
    told = json.loads(answer.body)
    assert (answer.status, told["chosen_options"], told["responded_by"]["name"]) == (200, ["Approve"], "anonymous")
    assert asked.instances[RunKey("release", "one"), TaskKey("approve")].state is TaskState.QUEUED
    shown = client.read(f"{ONE}/taskInstances/approve/-1/hitlDetails")
    assert (shown["response_received"], shown["responded_by_user"]["id"]) == (True, "anonymous")
    assert subjects(client.read(f"{ALL}?response_received=true&responded_by_user_name=anonymous")) == ["Ship it?"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"chosen_options": ["Maybe"]}, 400, "Invalid options ['Maybe']"),
        ({"chosen_options": ["Approve", "Reject"]}, 400, "accepts only a single option"),
        ({"chosen_options": []}, 400, "no option is chosen"),
        ({}, 422, "missing required field `chosen_options`"),
    ],
)
def test_what_is_no_answer_is_refused(client: Any, asked: Any, body: Any, status: int, message: str) -> None:
    answer = respond(client, body)
    assert answer.status == status
    assert message in str(json.loads(answer.body)["detail"])


def test_a_second_answer_is_a_conflict(client: Any, asked: Any) -> None:
    respond(client, {"chosen_options": ["Approve"]})
    assert respond(client, {"chosen_options": ["Reject"]}).status == 409


def test_only_those_who_are_asked_may_answer(client: Any, asked: Any) -> None:
    run = RunKey("release", "one")
    only_ada = HumanRequest(subject="?", options=("Approve",), assigned_users=(Person(id="ada", name="Ada"),))
    asked.add_question(run, "approve", only_ada)
    answer = respond(client, {"chosen_options": ["Approve"]})
    assert answer.status == 403
    assert "is not a respondent for the task" in json.loads(answer.body)["detail"]


def test_a_task_that_asks_nothing_has_no_details(client: Any, asked: Any) -> None:
    path = "/api/v2/dags/etl/dagRuns/first/taskInstances/extract/-1/hitlDetails"
    assert client.get(path).status == 404
    assert client.get(f"{path}/tries/1").status == 404
    assert respond(client, {"chosen_options": ["Approve"]}, "price").status == 404


def test_what_an_earlier_try_asked_stays(client: Any, asked: Any) -> None:
    run = RunKey("release", "one")
    (first,) = (step for step in asked.questions(run_id="one"))
    asked.earlier[run, first.task] = [asked.instances[run, first.task]]
    asked.add_question(run, "approve", HumanRequest(subject="Really?", options=("Approve",)), try_number=2)
    path = f"{ONE}/taskInstances/approve/-1/hitlDetails"
    assert client.read(path)["subject"] == "Really?"
    assert client.read(f"{path}/tries/1")["subject"] == "Ship it?"
    assert client.get(f"{path}/tries/3").status == 404
    assert subjects(client.read(f"{ONE}/hitlDetails")) == ["Really?"]
