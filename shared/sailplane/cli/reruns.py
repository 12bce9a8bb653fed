"""`sailplane tasks clear`, `dags clear`, `runs clear`, `runs hold`...: what is done with runs that exist."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sailplane.cli import rows
from sailplane.cli.dags import DagId, find_dag
from sailplane.cli.output import Format
from sailplane.cli.runs import RunId, no_run
from sailplane.cli.session import FormatOption, HomeOption, Session, session_of
from sailplane.cli.tasks import TaskId
from sailplane.cli.values import read_instant
from sailplane.model.errors import RequestError
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.states import RunState, TaskState

if TYPE_CHECKING:
    from sailplane.api.backend import Backend
    from sailplane.engine.clearing import Clear
    from sailplane.model.runs import DagRun, TaskInstance

TaskRegex = Annotated[
    str | None, typer.Option("--task-regex", "-t", help="Only tasks whose task_id this regular expression finds.")
]
StartOption = Annotated[str | None, typer.Option("--start-date", "-s", help="Runs from this logical date on.")]
EndOption = Annotated[str | None, typer.Option("--end-date", "-e", help="Runs up to this logical date.")]
RunOption = Annotated[str | None, typer.Option("--run-id", help="Only this run.")]
IndexOption = Annotated[int | None, typer.Option("--map-index", help="Only this one of a mapped task.")]
UpstreamOption = Annotated[bool, typer.Option("--upstream", "-u", help="And all upstream tasks.")]
DownstreamOption = Annotated[bool, typer.Option("--downstream", "-d", help="And all downstream tasks.")]
OnlyFailedOption = Annotated[bool, typer.Option("--only-failed", "-f", help="Only what failed.")]
OnlyRunningOption = Annotated[bool, typer.Option("--only-running", "-r", help="Only what is running.")]
LatestOption = Annotated[bool, typer.Option("--latest-version", help="Go on with the DAG's newest version.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
CLEARED_COLUMNS = ("run_id", "task_id", "map_index", "state", "try_number")


def clear_tasks(
    context: typer.Context,
    *,
    dag_id: DagId,
    task_regex: TaskRegex = None,
    start_date: StartOption = None,
    end_date: EndOption = None,
    run_id: RunOption = None,
    map_index: IndexOption = None,
    upstream: UpstreamOption = False,
    downstream: DownstreamOption = False,
    only_failed: OnlyFailedOption = False,
    only_running: OnlyRunningOption = False,
    latest_version: LatestOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Clear task instances: they run again, in runs that have ended too."""
    from sailplane.engine.clearing import Clear

    session = session_of(context)
    backend = session.backend(home)
    runs = _runs(backend, dag_id, run_id, start_date, end_date)
    what = Clear(
        named=_named(backend, dag_id, task_regex, map_index),
        upstream=upstream,
        downstream=downstream,
        only_failed=only_failed,
        only_running=only_running,
        on_latest_version=latest_version,
    )
    _clear_all(session, backend, runs, what, form, is_dry=dry_run, is_sure=yes)


def clear_dag(
    context: typer.Context,
    *,
    dag_id: DagId,
    start_date: StartOption = None,
    end_date: EndOption = None,
    only_failed: OnlyFailedOption = False,
    only_running: OnlyRunningOption = False,
    latest_version: LatestOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Clear all task instances of a DAG's runs with a logical date in a range."""
    from sailplane.engine.clearing import Clear

    session = session_of(context)
    backend = session.backend(home)
    what = Clear(only_failed=only_failed, only_running=only_running, on_latest_version=latest_version)
    runs = _runs(backend, dag_id, None, start_date, end_date)
    _clear_all(session, backend, runs, what, form, is_dry=dry_run, is_sure=yes)


def clear_run(
    context: typer.Context,
    *,
    dag_id: DagId,
    run_id: RunId,
    only_failed: OnlyFailedOption = False,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Clear nothing, and run the tasks that the DAG has got since.")
    ] = False,
    latest_version: LatestOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Clear a run: all of it, or what failed in it."""
    from sailplane.engine.clearing import Clear

    session = session_of(context)
    backend = session.backend(home)
    run = _run(backend, RunKey(dag_id, run_id))
    if only_new:
        changes = backend.changes
        added = changes.new_tasks(run.key) if dry_run else changes.add_new_tasks(run.key, None)
        session.output.rows([{"task_id": name} for name in added], ("task_id",), form)
        return
    what = Clear(only_failed=only_failed, on_latest_version=latest_version)
    _clear_all(session, backend, [run], what, form, is_dry=dry_run, is_sure=yes)


def _clear_all(
    session: Session,
    backend: "Backend",
    runs: Sequence["DagRun"],
    what: "Clear",
    form: Format,
    *,
    is_dry: bool,
    is_sure: bool,
) -> None:
    """Show what `what` means, and clear it when that is wanted."""
    meant = {run.key: backend.changes.would_clear(run, what) for run in runs}
    listed = [_cleared_row(each) for run in runs for each in meant[run.key]]
    session.output.rows(listed, CLEARED_COLUMNS, form)
    if is_dry or not listed:
        return
    if not is_sure:
        typer.confirm(f"Clear these {len(listed)} task instances?", abort=True, err=True)
    for run in runs:
        if meant[run.key]:
            backend.changes.clear(run.key, what)
    session.output.note(f"{len(listed)} task instances cleared")


def _cleared_row(instance: "TaskInstance") -> dict[str, object]:
    return {**rows.instance_row(instance), "run_id": instance.run.run_id}


def _named(
    backend: "Backend", dag_id: str, task_regex: str | None, map_index: int | None
) -> tuple[str | TaskKey, ...] | None:
    if task_regex is None:
        if map_index is not None:
            raise RequestError("--map-index needs --task-regex: say of which task")
        return None
    try:
        pattern = re.compile(task_regex)
    except re.error as error:
        raise RequestError(f"--task-regex {task_regex!r} is no regular expression: {error}") from error
    dag = backend.version(dag_id, find_dag(backend, dag_id).version)
    found: list[str] = [task.task_id for task in dag.tasks if pattern.search(task.task_id)]
    if not found:
        raise RequestError(f"DAG {dag_id!r} has no task that {task_regex!r} finds; `sailplane tasks list` shows all")
    return tuple(found if map_index is None else [TaskKey(name, map_index) for name in found])


def _runs(
    backend: "Backend", dag_id: str, run_id: str | None, start_date: str | None, end_date: str | None
) -> Sequence["DagRun"]:
    find_dag(backend, dag_id)
    if run_id is not None:
        if start_date or end_date:
            raise RequestError("give --run-id or dates, not both")
        return [_run(backend, RunKey(dag_id, run_id))]
    return backend.changes.runs_between(dag_id, read_instant(start_date), read_instant(end_date))


def _run(backend: "Backend", key: RunKey) -> "DagRun":
    run = backend.run(key)
    if run is None:
        raise no_run(key)
    return run


def mark_task(
    context: typer.Context,
    *,
    dag_id: DagId,
    run_id: RunId,
    task_id: TaskId,
    state: Annotated[TaskState, typer.Argument(metavar="STATE", help="success, failed or skipped.")],
    map_index: IndexOption = None,
    upstream: UpstreamOption = False,
    downstream: DownstreamOption = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Give a task instance a state by hand; the run goes on from there."""
    from sailplane.engine.marking import Mark

    session = session_of(context)
    backend = session.backend(home)
    named: tuple[str | TaskKey, ...] = (task_id,) if map_index is None else (TaskKey(task_id, map_index),)
    what = Mark(named=named, state=state, upstream=upstream, downstream=downstream)
    marked = backend.changes.mark(RunKey(dag_id, run_id), what)
    _print_marked(session, marked, state, form)


def _print_marked(session: Session, marked: Iterable[TaskKey], state: TaskState, form: Format) -> None:
    listed = [{"task_id": each.task_id, "map_index": each.map_index, "state": str(state)} for each in marked]
    session.output.rows(listed, ("task_id", "map_index", "state"), form)


def mark_run(
    context: typer.Context,
    dag_id: DagId,
    run_id: RunId,
    state: Annotated[RunState, typer.Argument(metavar="STATE", help="success or failed.")],
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """End a run as success or failed."""
    session = session_of(context)
    run = session.backend(home).changes.mark_run(RunKey(dag_id, run_id), state)
    session.output.rows([rows.run_row(run)], rows.RUN_COLUMNS, form)


def hold_run(
    context: typer.Context,
    dag_id: DagId,
    run_id: RunId,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown to whoever looks at the run.")] = "",
    resume_at: Annotated[
        str | None, typer.Option("--resume-at", metavar="DATE", help="When it goes on by itself; UTC without a zone.")
    ] = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Hold a run: what runs may end, nothing of it starts until it is resumed."""
    session = session_of(context)
    changes = session.backend(home).changes
    run = changes.hold(RunKey(dag_id, run_id), reason=reason, resume_at=read_instant(resume_at), by="cli")
    session.output.record(hold_row(run), form)


def resume_run(
    context: typer.Context, dag_id: DagId, run_id: RunId, form: FormatOption = Format.TABLE, home: HomeOption = None
) -> None:
    """Let a run that is held go on."""
    session = session_of(context)
    session.output.record(hold_row(session.backend(home).changes.resume(RunKey(dag_id, run_id))), form)


def hold_row(run: "DagRun") -> dict[str, object]:
    hold = run.hold
    return {
        "dag_id": run.context.dag_id,
        "run_id": run.context.run_id,
        "state": run.state,
        "is_held": hold is not None,
        "reason": hold.reason if hold else None,
        "since": hold.since if hold else None,
        "resume_at": hold.resume_at if hold else None,
    }


def add_commands(dags: typer.Typer, runs: typer.Typer, tasks: typer.Typer) -> None:
    tasks.command("clear")(clear_tasks)
    tasks.command("mark")(mark_task)
    dags.command("clear")(clear_dag)
    runs.command("clear")(clear_run)
    runs.command("mark")(mark_run)
    runs.command("hold")(hold_run)
    runs.command("resume")(resume_run)
