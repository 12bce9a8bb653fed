"""Reads values of `sailplane.toml` that functions and queues have alike. A wrong one is a `SettingsError`."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sailplane.deploy.tables import Table

_MEMORY = re.compile(r"[1-9][0-9]*(?:Mi|Gi)")


def account(table: Table) -> str | None:
    """The email of a service account."""
    email = table.text("service_account")
    if email is not None and "@" not in email:
        raise table.error("service_account", f"= {email!r} must be an email address of a service account")
    return email


def memory(table: Table) -> str | None:
    """Such as `512Mi`."""
    size = table.text("memory")
    if size is not None and not _MEMORY.fullmatch(size):
        raise table.error("memory", f"= {size!r} must be like '512Mi' or '2Gi'")
    return size


def timeout(table: Table, longest: timedelta) -> timedelta | None:
    """At most `longest`."""
    seconds = table.whole("timeout", least=1)
    if seconds is not None and seconds > longest.total_seconds():
        raise table.error(
            "timeout",
            f"= {seconds} s is above {longest.total_seconds():.0f} s, the most that is possible here; longer tasks "
            "belong on a queue of kind 'job' or 'pull'",
        )
    return None if seconds is None else timedelta(seconds=seconds)


def secrets(table: Table) -> Mapping[str, str]:
    """Environment variable -> `SECRET:VERSION`."""
    named = table.text_table("secrets")
    for variable, reference in named.items():
        if not re.fullmatch(r"[\w-]+:(?:latest|[1-9][0-9]*)", reference, re.ASCII):
            raise table.error(f"secrets.{variable}", f"= {reference!r} must be like 'name-of-secret:latest' or ':3'")
    return named


def path(table: Table, key: str, folder: Path) -> Path | None:
    """Relative ones start in `folder`."""
    text = table.text(key)
    return None if text is None else folder / text
