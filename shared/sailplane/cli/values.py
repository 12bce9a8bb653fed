"""Arguments from the command line, checked: what is wrong is told in one line and ends with exit code 2."""

import json
from datetime import UTC, datetime
from typing import Any

import typer


def read_conf(text: str | None) -> dict[str, Any] | None:
    """A run's conf. Raises `typer.BadParameter`."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _bad("--conf", f"not JSON: {error}. Example: --conf '{{\"day\": 1}}'") from error
    if not isinstance(value, dict):
        raise _bad("--conf", "must be a JSON object. Example: --conf '{\"day\": 1}'")
    return value


def read_instant(text: str | None) -> datetime | None:
    """An ISO date or time, UTC where it names no zone. Raises `typer.BadParameter`."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad("--logical-date", f"{text!r} is not one. Examples: 2026-03-01, 2026-03-01T06:00Z") from error
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _bad(option: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=f"'{option}'")
