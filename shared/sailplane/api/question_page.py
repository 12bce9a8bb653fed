"""The page where a person answers what a task asks: where the links lead that notifiers send."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response
from sailplane.api.pages import instant_cell, link, page, state_cell
from sailplane.api.paging import Page
from sailplane.api.routes import Routes
from sailplane.api.task_instances import find
from sailplane.model.human_steps import HumanRequest, HumanStep
from sailplane.model.ids import UNMAPPED
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

routes = Routes("", "Pages")

# The API takes JSON alone, which a form of some other site cannot send: so this page sends it by script.
_SCRIPT = """
const form = document.forms[0], told = document.getElementById("told");
const value = (field) => {
  if (field.dataset.kind === "text") return field.value;
  try { return JSON.parse(field.value); } catch { return field.value; }
};
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const boxes = [...form.querySelectorAll("input[name=option]:checked")].map((box) => box.value);
  const chosen = event.submitter?.value ? [event.submitter.value] : boxes;
  const entered = Object.fromEntries([...form.querySelectorAll("[data-kind]")].map((f) => [f.name, value(f)]));
  const answer = await fetch(form.action, {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ chosen_options: chosen, params_input: entered }),
  });
  const said = await answer.json();
  if (answer.ok) location.reload();
  else told.textContent = typeof said.detail === "string" ? said.detail : JSON.stringify(said.detail);
});
"""


class QuestionQuery(Page, frozen=True, kw_only=True):
    map_index: int = UNMAPPED


@routes.get("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/required_actions", documented=False)
def get_question_page(call: Call, dag_id: str, run_id: str, task_id: str, query: QuestionQuery) -> Response:
    """What a task instance asks, with a form for the answer; the query may fill it in."""
    run = call.run(dag_id, run_id)
    instance = find(call, run, task_id, query.map_index)
    step = call.backend.question(run.key, instance.key, instance.try_number)
    if step is None:
        raise HttpError(404, f"task instance {instance.key} of run {run_id} asks nothing")
    given = {name: texts[-1] for name, texts in call.request.query.items() if texts}
    waits = instance.state is TaskState.AWAITING_INPUT
    return page(
        step.request.subject,
        f"<p>{link(run_id, 'dags', dag_id, 'runs', run_id)}: {escape(str(instance.key))} "
        f"{state_cell(instance.state)}, asked {instant_cell(step.asked_at)}</p>",
        f"<pre>{escape(step.request.body)}</pre>" if step.request.body else "",
        _form(instance, step.request, given) if waits else _outcome(step),
    )


def _outcome(step: HumanStep) -> str:
    answer = step.answer
    if answer is None:
        return '<p class="muted">It waits for no answer any more.</p>'
    by = answer.answered_by.name if answer.answered_by else "nobody in time: these are the defaults"
    entered = f"<pre>{escape(json.dumps(dict(answer.params_input), indent=1))}</pre>" if answer.params_input else ""
    chosen = escape(", ".join(answer.chosen_options))
    return f"<p>Answered <b>{chosen}</b> by {escape(by)}, {instant_cell(answer.answered_at)}</p>{entered}"


def _form(instance: TaskInstance, request: HumanRequest, given: Mapping[str, str]) -> str:
    ids = ("api/v2/dags", instance.run.dag_id, "dagRuns", instance.run.run_id, "taskInstances", instance.task_id)
    action = "/".join(quote(part, safe="/") for part in (*ids, str(instance.map_index), "hitlDetails"))
    fields = (_field(name, field, given.get(name)) for name, field in request.params.items())
    people = ", ".join(person.name for person in request.assigned_users)
    return (
        f'<form action="/{escape(action)}">{"".join(fields)}{_choices(request, given.get("_options", ""))}</form>'
        f"{f'<p>For {escape(people)}.</p>' if people else ''}"
        f'<p id="told" role="alert" class="failed"></p><script>{_SCRIPT}</script>'
    )


def _choices(request: HumanRequest, filled_in: str) -> str:
    """A button for each option, or boxes where several may be chosen."""
    if not request.multiple:
        return "<p>" + " ".join(_buttons(request.options)) + "</p>"
    boxes = (
        f'<p><label><input type="checkbox" name="option" value="{escape(option)}"'
        f"{' checked' if repr(option) in filled_in else ''}> {escape(option)}</label></p>"
        for option in request.options
    )
    return f"{''.join(boxes)}<p><button>Answer</button></p>"


def _buttons(options: Iterable[str]) -> Iterable[str]:
    return (f'<button value="{escape(option)}">{escape(option)}</button>' for option in options)


def _field(name: str, field: Any, filled_in: str | None) -> str:
    described: Mapping[str, Any] = field if isinstance(field, Mapping) and "value" in field else {"value": field}
    is_text = described.get("schema", {}).get("type") == "string" or isinstance(described["value"], str)
    value = described["value"] if is_text else json.dumps(described["value"])
    shown = filled_in if filled_in is not None else value or ""
    hint = f' <span class="muted">{escape(described["description"])}</span>' if described.get("description") else ""
    return (
        f'<p><label>{escape(name)}{hint}<br><input name="{escape(name)}" data-kind="{"text" if is_text else "json"}" '
        f'value="{escape(str(shown))}"></label></p>'
    )
