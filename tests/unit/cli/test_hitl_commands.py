"""`sailplane hitl`."""

from collections.abc import Callable
from typing import Any

import pytest

from sailplane.model.human_steps import HumanRequest, Person
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.states import TaskState

RUN = RunKey("etl", "second")
FORM = {"price": {"value": 3, "description": "EUR", "schema": {"type": "integer"}}, "note": {"value": ""}}
ONE = ("etl", "second", "extract")
Cli = Callable[..., Any]


@pytest.fixture
def asked(backend: Any) -> Any:
    request = HumanRequest(
        subject="Ship it?",
        body="now",
        options=("Yes", "No"),
        defaults=("No",),
        params=FORM,
        assigned_users=(Person(id="ada", name="Ada"),),
    )
    backend.add_question(RUN, "extract", request)
    return backend


def test_what_waits_for_an_answer_is_listed(cli: Cli, asked: Any) -> None:
    (row,) = cli("hitl", "list", "-o", "json").json
    assert (row["task_id"], row["subject"], row["options"]) == ("extract", "Ship it?", ["Yes", "No"])
    assert cli("hitl", "list", "--dag-id", "nightly", "-o", "json").json == []
    assert "Ship it?" in cli("hitl", "list", "--run-id", "second").out


def test_a_question_is_shown_with_its_form(cli: Cli, asked: Any) -> None:
    shown = cli("hitl", "show", *ONE, "-o", "json").json
    assert (shown["body"], shown["defaults"], shown["params"]) == ("now", ["No"], {"price": 3, "note": ""})
    assert shown["assigned_users"] == ["ada"]


def test_an_answer_fills_in_what_is_given_and_keeps_other_defaults(cli: Cli, asked: Any) -> None:
    done = cli("hitl", "respond", *ONE, "--option", "Yes", "--param", "price=7", "--as", "ada")
    assert (done.code, done.err) == (0, "etl second extract: answered Yes.\n")
    step = asked.question(RUN, TaskKey("extract"), 1)
    assert (step.answer.chosen_options, step.answer.params_input) == (("Yes",), {"price": 7, "note": ""})
    assert cli("hitl", "list", "-o", "json").json == []
    assert [row["answered_by"] for row in cli("hitl", "list", "--all", "-o", "json").json] == ["ada"]


def test_a_question_whose_task_was_stopped_is_not_listed(cli: Cli, asked: Any) -> None:
    asked.add_task(RUN, "extract", TaskState.SKIPPED)
    assert cli("hitl", "list", "-o", "json").json == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--option", "Maybe", "--as", "ada"), "Invalid options ['Maybe']"),
        (("--option", "Yes"), "only ada may answer"),
        (("--option", "Yes", "--param", "size=3"), "'size=3' is not NAME=VALUE of a field; there are: price, note"),
    ],
)
def test_what_is_no_answer_is_refused(cli: Cli, asked: Any, arguments: tuple[str, ...], message: str) -> None:
    refused = cli("hitl", "respond", *ONE, *arguments)
    assert refused.code != 0
    assert message in refused.err


def test_a_task_that_asks_nothing_says_so(cli: Cli, backend: Any) -> None:
    assert "asks nothing" in cli("hitl", "show", *ONE).err
    assert "nothere" in cli("hitl", "respond", "etl", "nothere", "extract", "--option", "Yes").err
