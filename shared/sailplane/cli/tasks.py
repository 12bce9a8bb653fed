"""`sailplane tasks`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sailplane.cli import rows
from sailplane.cli.dags import DagId, find_dag
from sailplane.cli.output import Format
from sailplane.cli.runs import RunId, no_run
from sailplane.cli.session import FormatOption, HomeOption, Session, session_of
from sailplane.model.errors import NotFound
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from sailplane.api.backend import Backend
    from sailplane.model.runs import TaskInstance

app = typer.Typer(no_args_is_help=True, help="List tasks, and show their states and logs.")
FOLLOW_SECONDS = 1.0

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", show_default=False)]
MapIndexOption = Annotated[int, typer.Option("--map-index", help="Which one of a mapped task.")]


@app.command("list")
def list_tasks(
    context: typer.Context, dag_id: DagId, form: FormatOption = Format.TABLE, home: HomeOption = None
) -> None:
    """List the tasks of a DAG."""
    session = session_of(context)
    backend = session.backend(home)
    dag = backend.version(dag_id, find_dag(backend, dag_id).version)
    session.output.rows(map(rows.task_row, dag.tasks), rows.TASK_COLUMNS, form)


@app.command("states-for-dag-run")
def states_for_dag_run(
    context: typer.Context, dag_id: DagId, run_id: RunId, form: FormatOption = Format.TABLE, home: HomeOption = None
) -> None:
    """List the task instances of a run with their states."""
    session = session_of(context)
    backend = session.backend(home)
    key = RunKey(dag_id, run_id)
    run = backend.run(key)
    if run is None:
        raise no_run(key)
    dag = backend.version(dag_id, run.context.version)
    session.output.rows(rows.instance_rows(backend.tasks(key), dag), rows.INSTANCE_COLUMNS, form)


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
    """Show a task instance, with what it used and cost over all its tries."""
    session = session_of(context)
    instance = _find(session.backend(home), RunKey(dag_id, run_id), TaskKey(task_id, map_index))
    session.output.record(rows.instance_row(instance), form)


@app.command()
def render(
    context: typer.Context,
    *,
    dag_id: DagId,
    run_id: RunId,
    task_id: TaskId,
    map_index: MapIndexOption = UNMAPPED,
    try_number: Annotated[int, typer.Option("--try", min=0, help="Which try; 0: the newest.")] = 0,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show the templated fields of a task instance as its try rendered them, with secrets masked."""
    from sailplane.api.views import rendered_fields

    session = session_of(context)
    backend = session.backend(home)
    run, task = RunKey(dag_id, run_id), TaskKey(task_id, map_index)
    newest = _find(backend, run, task)
    tries = {one.try_number: one for one in (*backend.tries(run, task), newest)}
    if (number := try_number or newest.try_number) not in tries:
        raise NotFound(f"task instance {task} of run {run_id!r} has no try {number}; there are 1 to {max(tries)}")
    fields = rendered_fields(tries[number])
    if not fields:
        session.output.note(
            f"Try {number} of {task} has rendered nothing: it is still at work, or has no templated field."
        )
    session.output.record(fields, form)


@app.command()
def logs(
    context: typer.Context,
    *,
    dag_id: DagId,
    run_id: RunId,
    task_id: TaskId,
    map_index: MapIndexOption = UNMAPPED,
    try_number: Annotated[int, typer.Option("--try", min=0, help="Which try; 0: the newest.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the try has ended.")] = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Print the log of a task instance."""
    session = session_of(context)
    backend = session.backend(home)
    run, task = RunKey(dag_id, run_id), TaskKey(task_id, map_index)
    number = try_number or _find(backend, run, task).try_number
    lines: list[Mapping[str, Any]] = []
    offset = 0
    while True:
        over = not follow or _has_ended(backend, run, task, number)
        chunk = backend.read_log(run, task, number, offset)
        offset = chunk.next_offset
        _print(session, chunk.lines, form, lines)
        if over:
            break
        session.sleep(FOLLOW_SECONDS)
    if form is not Format.TABLE:
        session.output.document(lines, form)
    elif not offset:
        session.output.note(f"Nothing was logged: {task} is {_find(backend, run, task).state}, try {number}.")


def _print(session: Session, new: Sequence[Mapping[str, Any]], form: Format, lines: list[Mapping[str, Any]]) -> None:
    """A table shows lines as they come; a document is printed when all are there."""
    if form is not Format.TABLE:
        lines += new
        return
    from sailplane.api.logs import log_line

    for line in new:
        session.output.line(log_line(line))


def _find(backend: "Backend", run: RunKey, task: TaskKey) -> "TaskInstance":
    instance = backend.task(run, task)
    if instance is not None:
        return instance
    if backend.run(run) is None:
        raise no_run(run)
    indexes = [one.map_index for one in backend.tasks(run) if one.task_id == task.task_id]
    if indexes:
        raise NotFound(f"task {task.task_id!r} is mapped; give --map-index {min(indexes)} to {max(indexes)}")
    raise NotFound(f"run {run.run_id!r} has no task instance {task} yet; see `sailplane tasks states-for-dag-run`")


def _has_ended(backend: "Backend", run: RunKey, task: TaskKey, number: int) -> bool:
    instance = _find(backend, run, task)
    return instance.try_number != number or not instance.state.is_live or instance.state is TaskState.UP_FOR_RETRY
