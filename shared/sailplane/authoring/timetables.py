"""When runs are due: Airflow's timetables and everything else that `schedule=` takes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Protocol, runtime_checkable

from sailplane.authoring.asset_schedules import by_assets, is_asset_schedule
from sailplane.authoring.exceptions import AirflowTimetableInvalid
from sailplane.authoring.timetable_base import Timetable
from sailplane.authoring.timetable_dates import StandardTimetable, as_schedule
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
_EVER = timedelta(days=36_525)
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@runtime_checkable
class SaysSchedule(Protocol):
    """Anything that says its schedule as data."""

    def to_schedule(self) -> Schedule: ...


class CronTriggerTimetable(StandardTimetable):
    """Fires at the cron line's times, read in `timezone`; a run's data interval is the `interval` before.

    `run_immediately` is for a DAG without start_date: True lets it run at once for the last time, a timedelta if that
    is no longer ago.
    """

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | tzinfo,
        interval: timedelta = timedelta(0),
        run_immediately: bool | timedelta = False,
    ) -> None:
        self.expression = cron
        self.timezone = timezone
        self.interval = interval
        self.run_immediately = run_immediately

    def to_schedule(self) -> Schedule:
        made = _cron(ScheduleKind.CRON, self.expression, zone_name(self.timezone))
        return replace(made, interval=_length(self.interval), first_run_within=_first_within(self.run_immediately))


class MultipleCronTriggerTimetable(StandardTimetable):
    """Fires whenever one of several cron lines does; once when two of them do at the same time."""

    def __init__(
        self,
        *crons: str,
        timezone: str | tzinfo,
        interval: timedelta = timedelta(0),
        run_immediately: bool | timedelta = False,
    ) -> None:
        if not crons:
            raise AirflowTimetableInvalid("MultipleCronTriggerTimetable needs at least one cron line")
        self.expressions = crons
        self.timezone = timezone
        self.interval = interval
        self.run_immediately = run_immediately

    def to_schedule(self) -> Schedule:
        zone = zone_name(self.timezone)
        made = [_cron(ScheduleKind.MULTIPLE_CRON, each, zone) for each in self.expressions]
        return Schedule(
            kind=ScheduleKind.MULTIPLE_CRON,
            crons=tuple(each.cron for each in made if each.cron),
            timezone=zone,
            summary=", ".join(self.expressions),
            interval=_length(self.interval),
            first_run_within=_first_within(self.run_immediately),
        )


class EventsTimetable(StandardTimetable):
    """Fires at each of `event_dates`.

    With `restrict_to_events`, a run by hand gets the last event before it as its data interval.
    """

    def __init__(
        self,
        event_dates: Iterable[datetime],
        *,
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        self.event_dates = list(event_dates)
        for each in self.event_dates:
            if not isinstance(each, datetime):
                raise AirflowTimetableInvalid(f"EventsTimetable takes datetimes, not {each!r}")
        self.restrict_to_events = restrict_to_events
        self.description = description or ""

    def to_schedule(self) -> Schedule:
        moments = {_in_utc(each) for each in self.event_dates}
        return Schedule(
            kind=ScheduleKind.EVENTS,
            events=tuple(sorted(moments)),
            restrict_to_events=self.restrict_to_events,
            summary=self.description or f"{len(moments)} events",
        )


class NullTimetable(StandardTimetable):
    """Never fires: what `schedule=None` means."""

    can_be_scheduled = periodic = False

    def to_schedule(self) -> Schedule:
        return Schedule()


class OnceTimetable(StandardTimetable):
    """Fires once: `@once`."""

    periodic = False

    def to_schedule(self) -> Schedule:
        return Schedule(kind=ScheduleKind.ONCE, summary="@once")


class ContinuousTimetable(StandardTimetable):
    """Fires whenever the last run has ended: `@continuous`."""

    active_runs_limit = 1

    def to_schedule(self) -> Schedule:
        return Schedule(kind=ScheduleKind.CONTINUOUS, summary="@continuous")


class CronDataIntervalTimetable(StandardTimetable):
    """A run covers the time between two of the cron line's times and starts when it is over."""

    def __init__(self, expression: str, timezone: str | tzinfo) -> None:
        self.expression = expression
        self.timezone = timezone

    def to_schedule(self) -> Schedule:
        return _cron(ScheduleKind.CRON_INTERVAL, self.expression, zone_name(self.timezone))


class DeltaTriggerTimetable(StandardTimetable):
    """Fires each `delta`; a run's data interval is the `interval` before."""

    def __init__(self, delta: timedelta, *, interval: timedelta = timedelta(0)) -> None:
        self.delta = delta
        self.interval = interval

    def to_schedule(self) -> Schedule:
        return replace(_delta(ScheduleKind.DELTA, self.delta), interval=_length(self.interval))


class DeltaDataIntervalTimetable(StandardTimetable):
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
    if isinstance(value, Timetable):
        value.validate()
        return as_schedule(value)
    if isinstance(value, SaysSchedule) and not isinstance(value, type):
        return value.to_schedule()
    if is_asset_schedule(value):
        return by_assets(value)
    raise AirflowTimetableInvalid(
        f"schedule={value!r} is no schedule: it must be a cron line, a preset such as '@daily', a timedelta, a "
        "timetable, assets or None"
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


def _length(interval: timedelta) -> timedelta:
    if not isinstance(interval, timedelta) or interval < timedelta():
        raise AirflowTimetableInvalid(f"a timetable's interval must be a timedelta, not negative, but is {interval!r}")
    return interval


def _first_within(run_immediately: bool | timedelta | None) -> timedelta | None:
    if isinstance(run_immediately, timedelta):
        return run_immediately
    return _EVER if run_immediately else None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else datetime.fromtimestamp(moment.timestamp(), UTC)


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
