"""The command `sailplane`. Nothing heavy is imported before a command needs it."""

import os
import sys
from collections.abc import Sequence

import typer

from sailplane.cli import (
    assets,
    connections,
    cost,
    dags,
    deploy,
    emulators,
    hitl,
    migrate,
    pools,
    reruns,
    run_task,
    runs,
    serve,
    tasks,
    variables,
    worker,
)
from sailplane.cli.output import Format, Output
from sailplane.cli.session import FormatOption, Session, session_of
from sailplane.model.errors import InternalError, SailplaneError

app = typer.Typer(
    name="sailplane",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Airflow-style orchestration on Google Cloud, or all of it on this machine.",
)
app.add_typer(dags.app, name="dags")
app.add_typer(runs.app, name="runs")
app.add_typer(tasks.app, name="tasks")
app.add_typer(hitl.app, name="hitl")
app.add_typer(assets.app, name="assets")
app.add_typer(variables.app, name="variables")
app.add_typer(connections.app, name="connections")
app.add_typer(pools.app, name="pools")
app.add_typer(cost.app, name="cost")
app.add_typer(emulators.app, name="emulators")
app.add_typer(migrate.app, name="migrate")
reruns.add_commands(dags.app, runs.app, tasks.app)
serve.add_commands(app)
worker.add_commands(app)
run_task.add_commands(app)
deploy.add_commands(app)


@app.command()
def version(context: typer.Context, form: FormatOption = Format.TABLE) -> None:
    """Print the version."""
    from sailplane.api.release import version as release

    output = session_of(context).output
    if form is Format.TABLE:
        output.line(release())
    else:
        output.document({"version": release()}, form)


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command line; its exit code. What a user can do something about is one line on standard error."""
    try:
        code = app(args=list(arguments), prog_name="sailplane", obj=session, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        hint = f"; see `{_command(error)} --help`" if error.exit_code == 2 else ""
        session.output.note(f"Error: {_one_line(error.format_message())}{hint}")
        return error.exit_code
    except InternalError:
        raise
    except SailplaneError as error:
        session.output.note(f"Error: {_one_line(str(error))}")
        return 1
    except (typer.Abort, KeyboardInterrupt):
        session.output.note("Stopped.")
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough. What is buffered must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _command(error: typer.TyperException) -> str:
    """The command that was called wrongly, as far as it is known."""
    return str(getattr(getattr(error, "ctx", None), "command_path", "sailplane"))


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".")


def main() -> None:
    session = Session(environment=os.environ, output=Output(stdout=sys.stdout, stderr=sys.stderr))
    sys.exit(run(sys.argv[1:], session))
