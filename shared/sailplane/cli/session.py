"""What every command is given: the environment, the backend's door, the two streams."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sailplane.cli.output import Format, Output
from sailplane.cli.target import HOME_VARIABLE, target_environment

if TYPE_CHECKING:
    from sailplane.api.backend import Backend

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help=f"Folder of the standalone to talk to.  [default: ${HOME_VARIABLE} or ~/.sailplane]"),
]
FormatOption = Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")]


def connect_backend(environment: Mapping[str, str]) -> "Backend":
    """The engine over the cloud that `environment` names. Google's packages are imported here, not before."""
    from sailplane.api.backend import EngineBackend
    from sailplane.cloud.settings import Settings
    from sailplane.cloud.wiring import connect

    return EngineBackend(connect(Settings.from_mapping(environment)))


@dataclass(kw_only=True)
class Session:
    """One invocation of the CLI."""

    environment: Mapping[str, str]
    output: Output
    open_backend: Callable[[Mapping[str, str]], "Backend"] = connect_backend
    sleep: Callable[[float], None] = field(default=time.sleep)

    def backend(self, home: Path | None) -> "Backend":
        """What the environment or the standalone in `home` points at. Raises `SettingsError`."""
        return self.open_backend(target_environment(self.environment, home))


def session_of(context: typer.Context) -> Session:
    session: Session = context.find_root().obj
    return session
