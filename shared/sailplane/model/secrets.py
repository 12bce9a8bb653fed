"""What is secret, and how it is kept from being shown: by the name that it has, by the value that it is.

Names as in Airflow 3.3 (`secrets_masker`): a name is sensitive when it has one of the words below in it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

MASK = "***"
SENSITIVE_WORDS = (
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
)
SHORTEST = 5
"""Characters that a secret must have to be masked where it turns up: a shorter one would blot out half of a log."""
_NEVER = frozenset({"airflow"})
_NO_WORD = re.compile(r"\W+")


@lru_cache(maxsize=4096)
def is_sensitive(name: str | None) -> bool:
    """Whether a Variable, field or key of this name holds a secret."""
    if not name:
        return False
    plain = _NO_WORD.sub("_", name.strip().lower())
    return any(word in plain for word in SENSITIVE_WORDS)


def secrets_in(value: Any, name: str | None = None) -> Iterator[str]:
    """The secrets in `value`, which is called `name`; in a dict, its keys are the names."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from secrets_in(item, str(key))
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from secrets_in(item, name)
    elif value is not None and not isinstance(value, bool) and is_sensitive(name):
        yield str(value)


def secrets_of_variable(key: str, text: str) -> list[str]:
    """The secrets in a Variable: all of it when its name is sensitive, else what in its JSON has such a name."""
    decoded = _decoded(text)
    return [*secrets_in(text, key), *secrets_in(decoded, key if isinstance(decoded, list | str) else None)]


def secrets_of_extra(extra: str | None) -> list[str]:
    """The secrets in the `extra` of a Connection."""
    return list(secrets_in(_decoded(extra or "")))


def _decoded(text: str) -> Any:
    """The JSON value in `text`; None for other text, and for the plain numbers and words that JSON also has."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def redacted(value: Any, name: str | None = None) -> Any:
    """`value` with what sensitive names hold replaced, in the shape that it has."""
    if isinstance(value, Mapping):
        return {key: redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item, name) for item in value]
    if value is None or isinstance(value, bool) or not is_sensitive(name):
        return value
    return MASK


def redacted_text(text: str, name: str | None = None) -> str:
    """`redacted` for a text that may be JSON, as a Variable's is."""
    decoded = _decoded(text)
    if isinstance(decoded, dict | list):
        return json.dumps(redacted(decoded, name))
    return str(redacted(text, name))


def maskable(secrets: Iterable[str]) -> Iterator[str]:
    """What to look for in texts so that none of `secrets` is read there: also their forms in JSON and their lines."""
    for secret in secrets:
        for form in (secret, json.dumps(secret)[1:-1], *_lines(secret)):
            if len(form) >= SHORTEST and form.lower() not in _NEVER:
                yield form


def _lines(secret: str) -> list[str]:
    """A log has one record a line: a key of many lines is in none of them as a whole."""
    return [line.strip() for line in secret.splitlines()] if "\n" in secret else []


def unmasked(new: str, old: str, name: str | None = None) -> str:
    """`new`, which somebody made of a masked `old`, with the secrets of `old` where it still says ***."""
    if new == MASK and is_sensitive(name):
        return old
    decoded = _decoded(new)
    if not isinstance(decoded, dict | list):
        return new
    return json.dumps(_merged(decoded, _decoded(old))) if MASK in new else new


def _merged(new: Any, old: Any) -> Any:
    if new == MASK and old is not None:
        return old
    if isinstance(new, dict) and isinstance(old, dict):
        return {key: _merged(item, old.get(key)) for key, item in new.items()}
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [_merged(item, before) for item, before in zip(new, old, strict=True)]
    return new
