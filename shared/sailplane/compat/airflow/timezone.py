"""`airflow.utils.timezone`: instants with a zone, in UTC where none is given."""

import datetime as dt
from typing import Any

import pendulum

utc = pendulum.UTC
utc_epoch = pendulum.datetime(1970, 1, 1)


def utcnow() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def is_localized(value: dt.datetime) -> bool:
    return value.utcoffset() is not None


def is_naive(value: dt.datetime) -> bool:
    return not is_localized(value)


def datetime(*args: Any, **kwargs: Any) -> dt.datetime:
    """As `datetime.datetime`, in UTC when no zone is given."""
    if kwargs.get("tzinfo") is None:
        kwargs["tzinfo"] = utc
    return dt.datetime(*args, **kwargs)  # noqa: DTZ001 (The line above gives it one.)


def convert_to_utc(value: dt.datetime | None) -> pendulum.DateTime | None:
    """`value` in UTC; one without a zone is meant as UTC."""
    if value is None:
        return None
    return pendulum.instance(value if is_localized(value) else value.replace(tzinfo=utc)).in_timezone(utc)


def make_aware(value: dt.datetime | None, timezone: dt.tzinfo | None = None) -> dt.datetime | None:
    """`value` with the zone it is meant in. Raises `ValueError` when it has one."""
    if value is None:
        return None
    if is_localized(value):
        raise ValueError(f"make_aware expects a naive datetime, got {value}")
    if isinstance(timezone, pendulum.Timezone):
        return timezone.convert(value)
    return value.replace(tzinfo=timezone or utc)


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """`value` as the clocks of `timezone` (UTC when None) show it. Raises `ValueError` when it has no zone."""
    if is_naive(value):
        raise ValueError("make_naive() cannot be applied to a naive datetime")
    return value.astimezone(timezone or utc).replace(tzinfo=None)


def parse(string: str, timezone: Any = None, *, strict: bool = False) -> pendulum.DateTime:
    """The instant that `string` says, in `timezone` (UTC when None) unless it names its own."""
    parsed: Any = pendulum.parse(string, tz=timezone or utc, strict=strict)
    moment: pendulum.DateTime = pendulum.instance(parsed)
    return moment


def coerce_datetime(v: dt.datetime | None, tz: dt.tzinfo | None = None) -> pendulum.DateTime | None:
    """`v` as pendulum's DateTime with a zone: `tz`, or UTC, where it has none."""
    if v is None:
        return None
    aware = v if is_localized(v) else make_aware(v, tz)
    return pendulum.instance(aware) if aware is not None else None


def parse_timezone(name: str | int) -> dt.tzinfo:
    """A zone by name, or by its offset in seconds."""
    zone: dt.tzinfo = pendulum.timezone(name)
    return zone


def from_timestamp(timestamp: float, tz: Any = utc) -> pendulum.DateTime:
    moment: pendulum.DateTime = pendulum.from_timestamp(timestamp, tz=tz)
    return moment
