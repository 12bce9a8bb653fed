"""`mask_secret` and `redact`, as Airflow's `airflow.sdk.log` has them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sailplane.authoring import lookups
from sailplane.model import secrets


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Have `secret` shown as *** in the log of the running task from now on.

    With a `name`, only if that is a sensitive one; in a dict, what has sensitive keys. As in Airflow, what has fewer
    than 5 characters is not masked.
    """
    if name is None and not isinstance(secret, Mapping):
        lookups.mask(list(_texts(secret)))
    else:
        lookups.mask(list(secrets.secrets_in(secret, name)))


def _texts(secret: Any) -> Iterable[str]:
    if isinstance(secret, str):
        yield secret
    elif isinstance(secret, Mapping):
        yield from secrets.secrets_in(secret)
    elif isinstance(secret, Iterable):
        for item in secret:
            yield from _texts(item)


def redact(value: Any, name: str | None = None) -> Any:
    """`value` with what sensitive names hold shown as ***."""
    return secrets.redacted(value, name)
