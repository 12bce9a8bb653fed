"""`sailplane standalone` and `sailplane demo`."""

from pathlib import Path
from typing import Annotated

import typer

from sailplane.cli.session import HomeOption, session_of
from sailplane.cli.target import home_of

PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of web page and API; 0: any free one.")]


def add_commands(app: typer.Typer) -> None:
    app.command()(standalone)
    app.command()(demo)


def standalone(
    context: typer.Context,
    home: HomeOption = None,
    dags: Annotated[Path | None, typer.Option("--dags", help="Folder with DAG files.  [default: HOME/dags]")] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The queues.  [default: sailplane.toml in the DAG folder or beside it]"),
    ] = None,
    port: PortOption = 8080,
    no_tick: Annotated[bool, typer.Option("--no-tick", help="No clock: nothing starts by itself.")] = False,
) -> None:
    """Run all of Sailplane on this machine until Ctrl-C."""
    from sailplane.standalone.serve import Plan, serve

    session = session_of(context)
    folder = home_of(session.environment, home)
    plan = Plan(
        home=folder,
        dags=dags.absolute() if dags else folder / "dags",
        config=config.absolute() if config else None,
        port=port,
        tick=not no_tick,
    )
    serve(plan, session.environment, session.output.line)


def demo(
    context: typer.Context,
    exit_: Annotated[
        bool, typer.Option("--exit", help="Stop after the run; exit code 0 only if it succeeded.")
    ] = False,
    home: HomeOption = None,
    port: PortOption = 8080,
) -> None:
    """Start everything, run the example `weather_report`, show how it went, and go on serving."""
    from sailplane.cli.demo import run_demo

    session = session_of(context)
    folder = home or home_of(session.environment, None) / "demo"
    succeeded = run_demo(session, folder.absolute(), port=port, stop_after=exit_)
    if exit_ and not succeeded:
        raise typer.Exit(1)
