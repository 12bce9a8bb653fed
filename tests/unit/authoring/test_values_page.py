"""The page on Variables and Connections: its example returns what it says, its commands exist."""

import json
import re
import shlex
from pathlib import Path

import pytest
from authored_bundle import Bundle
from typer.main import get_command

from sailplane.cli.main import app

PAGE = (Path(__file__).parents[3] / "docs" / "variables-and-connections.md").read_text()
URI = "postgres://ada:s%40fe@db.example.org:5432/main?sslmode=require"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_returns_what_the_page_says(bundle: Bundle) -> None:
    bundle.services.variables = {"city": "Seattle", "limits": '{"low": 3}'}
    bundle.services.connections = {"warehouse": URI}
    (example,), (results,) = blocks("python"), blocks("text")
    dag = bundle.one(example)
    told = dict(line.split(": ", 1) for line in results.splitlines())
    assert {name: bundle.value(dag, name) for name in told} == {name: json.loads(text) for name, text in told.items()}


COMMANDS = [line for block in blocks("bash") for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_exists_with_its_options(line: str) -> None:
    _, group, name, *rest = shlex.split(line, comments=True)
    command = get_command(app).commands[group].commands[name]  # type: ignore[attr-defined]
    command.make_context(name, rest, resilient_parsing=False)


def test_the_commands_set_what_the_example_reads() -> None:
    assert any(URI in line for line in COMMANDS)
