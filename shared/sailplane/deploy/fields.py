"""Reads values of `sailplane.toml` that functions and queues have alike. A wrong one is a `SettingsError`."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sailplane.deploy.tables import Table

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEPLOYED = frozenset(
    {
        *(
            "GOOGLE_CLOUD_PROJECT",
            "SAILPLANE_BUCKET",
            "SAILPLANE_DATABASE",
            "SAILPLANE_REGION",
            "SAILPLANE_TOPIC_PREFIX",
        ),
        *("SAILPLANE_QUEUE", "SAILPLANE_TICKET", "PORT", "THREADS"),
    }
)
"""Variables that say which deployment this is, or what its settings say elsewhere."""
_PLATFORM = ("FUNCTION_", "K_", "CLOUD_RUN_", "X_GOOGLE_")
_EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})
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


def bucket(table: Table) -> str | None:
    """The name of a bucket."""
    name = table.text("bucket")
    if name is not None and not _BUCKET.fullmatch(name):
        raise table.error("bucket", f"= {name!r} must be 3 to 63 lower-case letters, digits, dashes and dots, no gs://")
    return name


def variables(table: Table) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """`env` and `secrets`: environment variables, and those whose value is a secret."""
    env, named = table.text_table("env"), secrets(table)
    for key, one in (("env", env), ("secrets", named)):
        for variable in one:
            _check_variable(table, f"{key}.{variable}", variable)
    for variable in sorted(env.keys() & named.keys()):
        raise table.error(f"secrets.{variable}", "is in env, too; leave out one of them")
    return env, named


def _check_variable(table: Table, key: str, name: str) -> None:
    if not _VARIABLE.fullmatch(name):
        raise table.error(key, "is no name for a variable: letters, digits and underscores, and no digit first")
    if name in _DEPLOYED or name.startswith(_PLATFORM):
        raise table.error(key, "is set by the deployment or by Google Cloud itself; leave it out")


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


def members(table: Table) -> tuple[str, ...]:
    """IAM members with their kind, and not everybody."""
    named = table.texts("members")
    for member in named:
        if member in _EVERYBODY:
            raise table.error("members", f"has {member!r}, which lets everybody in; name users, groups or domains")
        if ":" not in member:
            raise table.error("members", f"has {member!r}, which lacks its kind; write 'user:{member}' or 'group:...'")
    return named
