"""Files of Variables and Connections: JSON, YAML or `.env`, as Airflow's `LocalFilesystemBackend` and imports read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sailplane.model.errors import SettingsError
from sailplane.model.values import Connection, Variable, connection_from, parse_connection

SUFFIXES = (".env", ".json", ".yaml", ".yml")


def read_file(path: Path) -> Mapping[str, Any]:
    """What stands in a file, by name. Raises `SettingsError` that names the file and what is wrong with it."""
    try:
        return parse(path.read_text(encoding="utf-8"), path.suffix.lower(), str(path))
    except FileNotFoundError:
        raise SettingsError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error


def parse(text: str, suffix: str, where: str) -> Mapping[str, Any]:
    """The names and values in `text`. Raises `SettingsError`."""
    if suffix == ".env":
        return _parse_env(text, where)
    if suffix not in SUFFIXES:
        raise SettingsError(f"{where} must end in one of {', '.join(SUFFIXES)}")
    try:
        found = json.loads(text) if suffix == ".json" else _parse_yaml(text)
    except ValueError as error:
        raise SettingsError(f"{where} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"{where} must hold an object: names and their values")
    return {str(name): value for name, value in found.items()}


def _parse_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _parse_env(text: str, where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not (name and equals and value):
            raise SettingsError(f"{where}:{number}: a line must be NAME=VALUE")
        if name in found:
            raise SettingsError(f"{where}:{number}: {name} is there twice")
        found[name] = value
    return found


def variable_of(key: str, value: Any) -> Variable:
    """A Variable as an exported file has it: its value, or an object with `value` and `description`."""
    description = None
    if isinstance(value, dict) and "value" in value and value.keys() <= {"value", "description"}:
        value, description = value["value"], value.get("description")
    text = value if isinstance(value, str) else json.dumps(value, indent=2)
    return Variable(key=key, value=text, description=description)


def connection_of(conn_id: str, value: Any, where: str) -> Connection:
    """A Connection as a URI, as JSON or as an object. Raises `RequestError` or `SettingsError`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return parse_connection(conn_id, value)
    if isinstance(value, dict):
        return connection_from(conn_id, value)
    raise SettingsError(f"{where}: the Connection {conn_id!r} must be a URI or an object, not a {type(value).__name__}")
