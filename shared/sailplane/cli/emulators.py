"""`sailplane emulators`: what `emulator-compose.yml` calls."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sailplane.cli.session import session_of

app = typer.Typer(no_args_is_help=True, help="Set up emulators of Google's services, and be their clock.")


@app.command("set-up")
def set_up(
    context: typer.Context,
    functions: Annotated[
        str, typer.Option("--functions", metavar="URL", help="URL of the functions, with {function} for the name.")
    ] = "http://{function}:8080",
    config: Annotated[Path | None, typer.Option("--config", help="The deployment's sailplane.toml.")] = None,
) -> None:
    """Make topics, subscriptions and bucket on the emulators that the *_EMULATOR_HOST variables name."""
    from sailplane.deploy.config import load
    from sailplane.standalone.emulators import Emulators
    from sailplane.standalone.emulators import set_up as make

    session = session_of(context)
    make(Emulators.named_in(session.environment), load(config), functions, session.output.line)


@app.command()
def clock(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="TICK_URL", help="URL of the function `tick`.", show_default=False)],
) -> None:
    """Post the tick at once and then each minute, until stopped."""
    from sailplane.standalone.emulators import Clock

    session = session_of(context)
    ticking = Clock(url, now=lambda: datetime.now(UTC), sleep=session.sleep, say=session.output.note)
    while True:
        ticking.ring()
        ticking.wait()
