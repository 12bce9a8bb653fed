"""The page where people answer what tasks ask."""

import re
from typing import Any

import pytest

from sailplane.model.human_steps import HumanRequest, Person
from sailplane.model.ids import RunKey
from sailplane.model.states import TaskState

PAGE = "/dags/etl/runs/second/tasks/extract/required_actions"
RUN = RunKey("etl", "second")
FORM = {
    "price": {"value": 3, "description": "in <EUR>", "schema": {"type": "integer"}},
    "note": {"value": "", "description": None, "schema": {"type": "string"}},
}


def shown(client: Any, url: str = PAGE) -> str:
    answer = client.get(url)
    assert answer.status == 200, answer
    return str(answer.body.decode())


@pytest.fixture
def asked(backend: Any) -> Any:
    request = HumanRequest(
        subject="Ship <it>?",
        body="*All* green & ready",
        options=("Yes", 'No "way"'),
        params=FORM,
        assigned_users=(Person(id="ada", name="Ada"),),
    )
    backend.add_question(RUN, "extract", request)
    return backend


def test_a_question_is_shown_with_a_button_for_each_option(client: Any, asked: Any) -> None:
    html = shown(client)
    assert "<h1>Ship &lt;it&gt;?</h1>" in html
    assert "*All* green &amp; ready" in html
    assert re.findall(r'<button value="([^"]*)">', html) == ["Yes", "No &quot;way&quot;"]
    assert 'action="/api/v2/dags/etl/dagRuns/second/taskInstances/extract/-1/hitlDetails"' in html
    assert "For Ada." in html


def test_the_fields_of_a_form_have_their_defaults_or_what_the_link_says(client: Any, asked: Any) -> None:
    fields = r'name="(\w+)" data-kind="(\w+)" value="([^"]*)"'
    assert re.findall(fields, shown(client)) == [("price", "json", "3"), ("note", "text", "")]
    assert re.findall(fields, shown(client, PAGE + "?price=7&map_index=-1")) == [
        ("price", "json", "7"),
        ("note", "text", ""),
    ]
    assert "in &lt;EUR&gt;" in shown(client)


def test_several_options_are_boxes_that_a_link_may_check(client: Any, backend: Any) -> None:
    backend.add_question(RUN, "extract", HumanRequest(subject="?", options=("a", "b"), multiple=True))
    html = shown(client, PAGE + "?_options=%5B%27b%27%5D")
    assert re.findall(r'value="(\w)"( checked)?', html) == [("a", ""), ("b", " checked")]


def test_an_answer_is_shown_instead_of_the_form(client: Any, backend: Any) -> None:
    backend.add_question(RUN, "extract", HumanRequest(subject="?", options=("a", "b")))
    path = "/api/v2/dags/etl/dagRuns/second/taskInstances/extract/-1/hitlDetails"
    client.ask("PATCH", path, {"chosen_options": ["a"], "params_input": {"n": 1}})
    html = shown(client)
    assert "Answered <b>a</b> by anonymous" in html
    assert "<form" not in html


def test_what_waits_no_more_has_no_form(client: Any, asked: Any) -> None:
    asked.add_task(RUN, "extract", TaskState.SKIPPED)
    assert "It waits for no answer any more." in shown(client)


def test_a_task_that_asks_nothing_has_no_such_page(client: Any, backend: Any) -> None:
    assert client.get(PAGE).status == 404
