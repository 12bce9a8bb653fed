"""Reading and writing files of Variables and Connections for `import` and `export`."""

import json
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from sailplane.model.values import Connection, Variable


class FileForm(StrEnum):
    JSON = "json"
    YAML = "yaml"
    ENV = "env"


class OnExisting(StrEnum):
    """What an import does with what is there already."""

    OVERWRITE = "overwrite"
    FAIL = "fail"
    SKIP = "skip"


def read_values(path: Path) -> Mapping[str, Any]:
    """What stands in the file; of standard input, JSON, for `-`."""
    from sailplane.engine.value_files import parse, read_file

    return parse(sys.stdin.read(), ".json", "standard input") if str(path) == "-" else read_file(path)


def write_values(path: Path, text: str) -> None:
    """Write an export, which holds secrets: nobody else may read the file."""
    if str(path) == "-":
        sys.stdout.write(text)
        return
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="'FILE'") from error


def variables_text(variables: Iterable[Variable]) -> str:
    """As Airflow exports them: values that are JSON as such; with a description, as objects."""
    found: dict[str, Any] = {}
    for variable in sorted(variables, key=lambda one: one.key):
        value = _decoded(variable.value)
        described = {"value": value, "description": variable.description}
        found[variable.key] = described if variable.description else value
    return json.dumps(found, indent=4, ensure_ascii=False) + "\n"


def _decoded(text: str) -> Any:
    """Only what an import makes the same text of."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict | list) else text


def connections_text(connections: Iterable[Connection], form: FileForm, as_uri: bool) -> str:
    """As Airflow exports them."""
    ordered = sorted(connections, key=lambda one: one.conn_id)
    if form is FileForm.ENV:
        texts = {one.conn_id: one.get_uri() if as_uri else one.as_json() for one in ordered}
        return "".join(f"{name}={text}\n" for name, text in texts.items())
    found = {one.conn_id: one.get_uri() if as_uri else one.fields() for one in ordered}
    if form is FileForm.JSON:
        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    import yaml

    return str(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))
