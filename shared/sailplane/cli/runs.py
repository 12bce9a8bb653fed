"""`sailplane runs`."""

from typing import Annotated

import typer

from sailplane.cli import rows
from sailplane.cli.dags import DagId, find_dag
from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, HomeOption, session_of
from sailplane.model.errors import NotFound
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState

app = typer.Typer(no_args_is_help=True, help="List and show DAG runs.")

RunId = Annotated[str, typer.Argument(metavar="RUN_ID", show_default=False)]


@app.command("list")
def list_runs(
    context: typer.Context,
    *,
    dag_id: Annotated[str | None, typer.Argument(metavar="[DAG_ID]", help="Only runs of this DAG.")] = None,
    states: Annotated[
        list[RunState] | None, typer.Option("--state", help="Only runs in this state; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 25,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List DAG runs, newest first."""
    session = session_of(context)
    backend = session.backend(home)
    if dag_id is not None:
        find_dag(backend, dag_id)
    runs = backend.runs(dag_id, limit=limit, states=states or ())
    session.output.rows(map(rows.run_row, runs), rows.RUN_COLUMNS, form)


@app.command()
def show(
    context: typer.Context, dag_id: DagId, run_id: RunId, form: FormatOption = Format.TABLE, home: HomeOption = None
) -> None:
    """Show a DAG run and its task instances, with what they used and cost."""
    session = session_of(context)
    backend = session.backend(home)
    key = RunKey(dag_id, run_id)
    run = backend.run(key)
    if run is None:
        raise no_run(key)
    stored = backend.tasks(key)
    row = rows.run_details_row(run, stored)
    instances = rows.instance_rows(stored, backend.version(dag_id, run.context.version))
    if form is not Format.TABLE:
        session.output.document({**row, "task_instances": instances}, form)
        return
    session.output.record(row, form)
    session.output.line("")
    session.output.rows(instances, rows.INSTANCE_COLUMNS, form)


def no_run(key: RunKey) -> NotFound:
    return NotFound(f"DAG {key.dag_id!r} has no run {key.run_id!r}; `sailplane runs list {key.dag_id}` shows its runs")
