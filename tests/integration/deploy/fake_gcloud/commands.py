"""The table of commands: what each does, whether it changes anything, and which API it calls."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fake_gcloud.cloud import Cloud
from fake_gcloud.surface import Call

Answer = Any
"""What a command prints: JSON, text, or None."""
Handler = Callable[[Cloud, Call], Answer]


class Command(NamedTuple):
    run: Handler
    api: str | None
    mutates: bool


COMMANDS: dict[str, Command] = {}


def reads(path: str, api: str | None = None) -> Callable[[Handler], Handler]:
    """Registers a command that changes nothing."""
    return lambda handler: _register(path, Command(run=handler, api=api, mutates=False))


def mutates(path: str, api: str | None = None) -> Callable[[Handler], Handler]:
    """Registers a command that changes something, or would if it were not so already."""
    return lambda handler: _register(path, Command(run=handler, api=api, mutates=True))


def _register(path: str, command: Command) -> Handler:
    if path in COMMANDS:
        raise ValueError(f"{path} is there twice")
    COMMANDS[path] = command
    return command.run
