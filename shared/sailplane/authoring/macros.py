"""`macros` of the context: what templates may call."""

import json
import random as _random
import time
import uuid
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

__all__ = [
    "datetime",
    "datetime_diff_for_humans",
    "ds_add",
    "ds_format",
    "json",
    "random",
    "time",
    "timedelta",
    "uuid",
]

random = _random.random


def ds_add(ds: str, days: int) -> str:
    """The day `days` after `ds` (YYYY-MM-DD); before it when negative."""
    moved = datetime.strptime(str(ds), "%Y-%m-%d") + timedelta(days=days)  # noqa: DTZ007 (A day has no zone.)
    return moved.strftime("%Y-%m-%d")


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """`ds` in another form, both given as for strptime."""
    return datetime.strptime(str(ds), input_format).strftime(output_format)  # noqa: DTZ007


def datetime_diff_for_humans(dt: Any, since: Any = None) -> str:
    """How long before or after `since` (now when None), in words: `2 days ago`."""
    import pendulum

    return str(pendulum.instance(dt).diff_for_humans(pendulum.instance(since) if since is not None else None))


def __getattr__(name: str) -> Any:
    """Modules that few templates use, imported for those."""
    if name == "dateutil":
        for part in ("dateutil.parser", "dateutil.relativedelta", "dateutil.tz"):
            import_module(part)
    if name in ("dateutil", "yaml"):
        return import_module(name)
    raise AttributeError(f"there is no macro {name!r}")
