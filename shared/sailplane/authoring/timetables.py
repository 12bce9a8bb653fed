"""When runs are due: Airflow's timetables and everything else that `schedule=` takes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Protocol, runtime_checkable

from sailplane.authoring.exceptions import AirflowTimetableInvalid
from sailplane.model.dags import Schedule, ScheduleKind

PRESETS: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EVENTS = {"@once": ScheduleKind.ONCE, "@continuous": ScheduleKind.CONTINUOUS}
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@runtime_checkable
class Timetable(Protocol):
    """Anything that says its schedule as data."""

    def to_schedule(self) -> Schedule: ...


class CronTriggerTimetable:
    """Fires at the cron line's times, read in `timezone`."""

    def __init__(
        self,
        expression: str,
        *,
        timezone: str | tzinfo,
        interval: timedelta = timedelta(0),
        run_immediately: bool | timedelta = False,
    ) -> None:
        self.expression = expression
        self.timezone = timezone
        self.interval = interval
        self.run_immediately = run_immediately

    def to_schedule(self) -> Schedule:
        return _cron(ScheduleKind.CRON, self.expression, zone_name(self.timezone))


class CronDataIntervalTimetable:
    """A run covers the time between two of the cron line's times and starts when it is over."""

    def __init__(self, expression: str, timezone: str | tzinfo) -> None:
        self.expression = expression
        self.timezone = timezone

    def to_schedule(self) -> Schedule:
        return _cron(ScheduleKind.CRON_INTERVAL, self.expression, zone_name(self.timezone))


class DeltaTriggerTimetable:
    """Fires each `delta`."""

    def __init__(self, delta: timedelta, *, interval: timedelta = timedelta(0)) -> None:
        self.delta = delta
        self.interval = interval

    def to_schedule(self) -> Schedule:
        return _delta(ScheduleKind.DELTA, self.delta)


class DeltaDataIntervalTimetable:
    """A run covers `delta` and starts when it is over."""

    def __init__(self, delta: timedelta) -> None:
        self.delta = delta

    def to_schedule(self) -> Schedule:
        return _delta(ScheduleKind.DELTA_INTERVAL, self.delta)


def to_schedule(value: Any, timezone: tzinfo | None) -> Schedule:
    """What `schedule=value` means in a DAG whose dates are in `timezone`. Raises `AirflowTimetableInvalid`."""
    if value is None:
        return Schedule()
    if isinstance(value, timedelta):
        return _delta(ScheduleKind.DELTA, value)
    if isinstance(value, str):
        if value in _EVENTS:
            return Schedule(kind=_EVENTS[value], summary=value)
        return _cron(ScheduleKind.CRON, value, zone_name(timezone or UTC))
    if isinstance(value, Timetable) and not isinstance(value, type):
        return value.to_schedule()
    raise AirflowTimetableInvalid(
        f"schedule={value!r} is no schedule: it must be a cron line, a preset such as '@daily', a timedelta, a "
        "timetable or None"
    )


def _cron(kind: ScheduleKind, line: str, timezone: str) -> Schedule:
    expression = " ".join(PRESETS.get(line, line).split())
    _check_cron(line, expression)
    return Schedule(kind=kind, cron=expression, timezone=timezone, summary=line)


def _check_cron(line: str, expression: str) -> None:
    if line.startswith("@") and line not in PRESETS:
        known = ", ".join([*PRESETS, *_EVENTS])
        raise AirflowTimetableInvalid(f"there is no schedule {line!r}; the presets are {known}")
    if len(expression.split()) not in (5, 6):
        raise AirflowTimetableInvalid(
            f"{line!r} is no cron line: it must have five fields (minute hour day month weekday), or six with seconds "
            "last"
        )
    from croniter import CroniterError, croniter

    try:
        croniter(expression, _SOME_DAY).get_next(datetime)
    except CroniterError as error:
        raise AirflowTimetableInvalid(f"{line!r} is no cron line that ever fires: {error}") from error


def _delta(kind: ScheduleKind, delta: timedelta) -> Schedule:
    if not isinstance(delta, timedelta):
        raise AirflowTimetableInvalid(f"a schedule's delta must be a timedelta, not {delta!r}")
    if delta <= timedelta(0):
        raise AirflowTimetableInvalid(f"a schedule's delta must be longer than nothing, but is {delta}")
    return Schedule(kind=kind, delta=delta, summary=str(delta))


def zone_name(zone: str | tzinfo) -> str:
    """The IANA name of `zone`. Raises `AirflowTimetableInvalid` when it has none."""
    name = zone if isinstance(zone, str) else getattr(zone, "key", None) or getattr(zone, "name", None)
    if name is None or name[:1] in "+-":
        name = _offset_name(zone)
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise AirflowTimetableInvalid(f"there is no time zone {name!r}; use a name such as 'Europe/Paris'") from None


def _offset_name(zone: Any) -> str:
    """The IANA name of a zone of whole hours from UTC."""
    offset = zone.utcoffset(None) if isinstance(zone, tzinfo) else None
    if offset is None:
        offset = zone.utcoffset(_SOME_DAY.replace(tzinfo=None)) if isinstance(zone, tzinfo) else None
    if offset is None or offset % timedelta(hours=1):
        raise AirflowTimetableInvalid(f"the time zone {zone} has no name; use one such as 'Europe/Paris'")
    hours = offset // timedelta(hours=1)
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"
