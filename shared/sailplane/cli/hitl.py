"""`sailplane hitl`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sailplane.cli.dags import DagId
from sailplane.cli.output import Format
from sailplane.cli.runs import RunId, no_run
from sailplane.cli.session import FormatOption, HomeOption, session_of
from sailplane.cli.tasks import MapIndexOption, TaskId
from sailplane.model.errors import NotFound
from sailplane.model.human_steps import HumanReply, HumanStep, Person
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey

if TYPE_CHECKING:
    from sailplane.api.backend import Backend

app = typer.Typer(no_args_is_help=True, help="List what tasks ask people (human in the loop), and answer.")
COLUMNS = ("dag_id", "run_id", "task_id", "map_index", "subject", "options", "asked_at", "chosen")


@app.command("list")
def list_questions(
    context: typer.Context,
    *,
    dag_id: Annotated[str | None, typer.Option("--dag-id", help="Of this DAG alone.")] = None,
    run_id: Annotated[str | None, typer.Option("--run-id", help="Of this run alone.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="What has been answered, too.")] = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List the questions that wait for an answer, the newest first."""
    session = session_of(context)
    answered = None if everything else False
    backend = session.backend(home)
    found = backend.questions(dag_id=dag_id, run_id=run_id, answered=answered)
    waiting = found if everything else [step for step in found if _waits(backend, step)]
    session.output.rows(map(_row, waiting), COLUMNS, form)


def _waits(backend: "Backend", step: HumanStep) -> bool:
    """Whether its task instance still does: a run may have been stopped, or tried again."""
    instance = backend.task(step.run, step.task)
    return instance is not None and instance.state.is_live and instance.try_number == step.try_number


@app.command()
def show(
    context: typer.Context,
    *,
    dag_id: DagId,
    run_id: RunId,
    task_id: TaskId,
    map_index: MapIndexOption = UNMAPPED,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show what a task instance asks, with its form."""
    session = session_of(context)
    step = _find(session.backend(home), RunKey(dag_id, run_id), TaskKey(task_id, map_index))
    session.output.record({**_row(step), **_details(step)}, form)


@app.command()
def respond(
    context: typer.Context,
    *,
    dag_id: DagId,
    run_id: RunId,
    task_id: TaskId,
    map_index: MapIndexOption = UNMAPPED,
    option: Annotated[list[str], typer.Option("--option", help="What is chosen; several times where that may be.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", help="A field of the form as NAME=VALUE; VALUE is JSON, or text.")
    ] = None,
    name: Annotated[str | None, typer.Option("--as", help="Who answers.  [default: $USER]")] = None,
    home: HomeOption = None,
) -> None:
    """Answer what a task instance asks. Fields of the form that are not given keep their default."""
    session = session_of(context)
    backend = session.backend(home)
    run, task = RunKey(dag_id, run_id), TaskKey(task_id, map_index)
    who = name or session.environment.get("USER") or "cli"
    entered = _entered(_find(backend, run, task), param or [])
    reply = HumanReply(by=Person(id=who, name=who), chosen_options=tuple(option), params_input=entered)
    backend.answer(run, task, reply)
    session.output.note(f"{dag_id} {run_id} {task}: answered {', '.join(option)}.")


def _find(backend: "Backend", run: RunKey, task: TaskKey) -> HumanStep:
    instance = backend.task(run, task)
    if instance is None and backend.run(run) is None:
        raise no_run(run)
    step = backend.question(run, task, instance.try_number) if instance is not None else None
    if step is None:
        raise NotFound(
            f"task instance {task} of run {run.run_id!r} asks nothing; `sailplane hitl list` shows what does"
        )
    return step


def _entered(step: HumanStep, given: list[str]) -> dict[str, Any]:
    """The whole form, as it is filled in."""
    entered = {name: _default(field) for name, field in step.request.params.items()}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or name not in entered:
            known = ", ".join(entered) or "none"
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE of a field; there are: {known}", param_hint="--param")
        entered[name] = _value(value)
    return entered


def _default(field: Any) -> Any:
    return field["value"] if isinstance(field, dict) and "value" in field else field


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _row(step: HumanStep) -> dict[str, Any]:
    answer = step.answer
    return {
        "dag_id": step.run.dag_id,
        "run_id": step.run.run_id,
        "task_id": step.task.task_id,
        "map_index": step.task.map_index,
        "subject": step.request.subject,
        "options": list(step.request.options),
        "asked_at": step.asked_at,
        "chosen": list(answer.chosen_options) if answer else [],
        "answered_by": answer.answered_by.name if answer and answer.answered_by else None,
        "answered_at": answer.answered_at if answer else None,
    }


def _details(step: HumanStep) -> dict[str, Any]:
    request = step.request
    return {
        "body": request.body,
        "defaults": list(request.defaults) if request.defaults is not None else None,
        "multiple": request.multiple,
        "params": {name: _default(field) for name, field in request.params.items()},
        "assigned_users": [person.id for person in request.assigned_users],
        "params_input": dict(step.answer.params_input) if step.answer else {},
    }
