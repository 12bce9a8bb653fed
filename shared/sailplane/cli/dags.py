"""`sailplane dags`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sailplane.cli import rows
from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, HomeOption, Session, session_of
from sailplane.cli.values import read_conf, read_instant
from sailplane.model.errors import NotFound
from sailplane.model.ids import RunKey

if TYPE_CHECKING:
    from sailplane.api.backend import Backend
    from sailplane.model.runs import DagRecord

app = typer.Typer(no_args_is_help=True, help="List, show, trigger, pause, test and push DAGs.")

DagId = Annotated[str, typer.Argument(metavar="DAG_ID", show_default=False)]
ConfOption = Annotated[str | None, typer.Option("--conf", metavar="JSON", help="The run's conf, a JSON object.")]
LogicalDateOption = Annotated[
    str | None, typer.Option("--logical-date", metavar="DATE", help="The run's logical date, ISO; UTC without a zone.")
]


def find_dag(backend: "Backend", dag_id: str) -> "DagRecord":
    """Raises `NotFound`."""
    record = backend.dag(dag_id)
    if record is None:
        raise NotFound(f"there is no DAG {dag_id!r}; `sailplane dags list` shows all")
    return record


@app.command("list")
def list_dags(
    context: typer.Context,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Only DAGs with this tag; may be repeated.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also DAGs that the newest push no longer had.")] = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List the DAGs."""
    session = session_of(context)
    backend = session.backend(home)
    records = [
        record
        for record in sorted(backend.dags(), key=lambda one: one.dag_id)
        if (all_ or not record.is_stale) and (not tags or set(tags) & set(record.tags))
    ]
    schedules = backend.schedules([record.dag_id for record in records])
    listed = [rows.dag_row(record, schedules.get(record.dag_id)) for record in records]
    session.output.rows(listed, rows.DAG_COLUMNS, form)


@app.command()
def show(context: typer.Context, dag_id: DagId, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Show a DAG and its tasks."""
    session = session_of(context)
    backend = session.backend(home)
    record = find_dag(backend, dag_id)
    dag = backend.version(dag_id, record.version)
    details = rows.dag_details_row(record, backend.schedules([dag_id]).get(dag_id), dag)
    if form is not Format.TABLE:
        session.output.document(details, form)
        return
    tasks = details.pop("tasks")
    session.output.record(details, form)
    session.output.line("")
    session.output.rows(tasks, rows.TASK_COLUMNS, form)


@app.command()
def trigger(
    context: typer.Context,
    *,
    dag_id: DagId,
    conf: ConfOption = None,
    logical_date: LogicalDateOption = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", help="The run's id; made from the time if left out.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="A note kept with the run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end; exit code 1 when it fails.")] = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Start a run of a DAG, for now unless a logical date is given."""
    from sailplane.api.backend import TriggerOrder
    from sailplane.engine.runs import utc_now
    from sailplane.model.states import TriggeredBy

    session = session_of(context)
    order = TriggerOrder(
        dag_id=dag_id,
        run_id=run_id,
        conf=read_conf(conf),
        logical_date=read_instant(logical_date) or utc_now(),
        note=note,
        triggered_by=TriggeredBy.CLI,
    )
    backend = session.backend(home)
    run = backend.trigger(order)
    if not wait:
        session.output.rows([rows.run_row(run)], rows.RUN_COLUMNS, form)
        return
    session.output.note(f"run {run.context.run_id} of {dag_id} started")
    follow_and_print(session, backend, run.key, form)


def follow_and_print(session: Session, backend: "Backend", key: RunKey, form: Format) -> None:
    """Follow a run to its end and print how it ended. Raises `typer.Exit` 1 when it failed."""
    from sailplane.cli.follow import follow
    from sailplane.model.states import RunState

    run = follow(backend, key, on_change=session.output.note, sleep=session.sleep)
    instances = rows.instance_rows(backend.tasks(key), backend.version(key.dag_id, run.context.version))
    if form is Format.TABLE:
        session.output.rows(instances, rows.INSTANCE_COLUMNS, form)
        session.output.line(f"\n{key.dag_id} {key.run_id}: {run.state}")
    else:
        session.output.document({**rows.run_row(run), "task_instances": instances}, form)
    if run.state is not RunState.SUCCESS:
        raise typer.Exit(1)


@app.command()
def pause(context: typer.Context, dag_id: DagId, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Pause a DAG: nothing of it starts by schedule."""
    _set_paused(session_of(context), dag_id, paused=True, form=form, home=home)


@app.command()
def unpause(context: typer.Context, dag_id: DagId, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Let a paused DAG go on."""
    _set_paused(session_of(context), dag_id, paused=False, form=form, home=home)


def _set_paused(session: Session, dag_id: str, *, paused: bool, form: Format, home: Path | None) -> None:
    backend = session.backend(home)
    record = backend.set_paused(dag_id, paused)
    row = rows.dag_row(record, backend.schedules([dag_id]).get(dag_id))
    session.output.rows([row], ("dag_id", "is_paused", "next_run"), form)


@app.command("list-import-errors")
def list_import_errors(context: typer.Context, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """List the DAG files that could not be read."""
    session = session_of(context)
    errors = session.backend(home).file_errors()
    session.output.rows(map(rows.error_row, errors), rows.ERROR_COLUMNS, form)


@app.command()
def push(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder with DAG files.", show_default=False)],
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Register the DAGs of a folder. Exit code 1 when a file could not be read."""
    from sailplane.cli.target import target_environment
    from sailplane.standalone.registration import push_folder

    session = session_of(context)
    report = push_folder(target_environment(session.environment, home), folder)
    document = report.as_row()
    if form is Format.TABLE:
        for line in report.lines():
            session.output.line(line)
    else:
        session.output.document(document, form)
    if report.errors:
        raise typer.Exit(1)


@app.command("test")
def try_dag(
    context: typer.Context,
    *,
    dag_id: DagId,
    folder: Annotated[Path, typer.Option("--dags", help="Folder with DAG files.")] = Path("dags"),
    logical_date: LogicalDateOption = None,
    conf: ConfOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Run a DAG to its end in this process, on a cloud that is gone afterwards. Exit code 1 when the run fails."""
    from sailplane.cli import testing
    from sailplane.standalone.trial import Trial

    trial = Trial(dag_id=dag_id, folder=folder, logical_date=read_instant(logical_date), conf=read_conf(conf))
    testing.run_test(session_of(context), trial, form)
