"""Cron lines: checking them, and walking from one of their times to the next in a time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sailplane.model.errors import InvalidSchedule

if TYPE_CHECKING:
    from croniter import croniter

PRESETS: Mapping[str, str] = MappingProxyType(
    {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@quarterly": "0 0 1 */3 *",
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
    }
)
"""Names for cron lines. `@once` and `@continuous` are not among them: they are kinds of schedules of their own."""

_EXAMPLE = "a cron line is like '30 6 * * 1-5' (minute hour day month weekday: 6:30 from Monday to Friday)"
_HOUR = 1


def validate_cron(line: str) -> None:
    """Raise `InvalidSchedule`, which says what is wrong, unless `line` is a cron line that fires at some time.

    It has five fields, or six with seconds last. A preset must have been replaced by its line before.
    """
    fields = line.split()
    if len(fields) not in (5, 6):
        raise InvalidSchedule(f"cron line {line!r} has {len(fields)} fields, not 5 (or 6, seconds last); {_EXAMPLE}")
    if any(field[0] in "rR" for field in fields):
        raise InvalidSchedule(
            f"cron line {line!r} asks for a random time (R), which would be another each time; {_EXAMPLE}"
        )
    from croniter import CroniterBadDateError, CroniterError, croniter

    try:
        croniter(line, datetime(2000, 1, 1)).get_next(datetime)  # noqa: DTZ001 - croniter walks wall-clock times
    except CroniterBadDateError as error:
        raise InvalidSchedule(f"cron line {line!r} names a date that never comes; {_EXAMPLE}") from error
    except (CroniterError, ValueError) as error:
        raise InvalidSchedule(f"cron line {line!r} cannot be read: {error}; {_EXAMPLE}") from error


@dataclass(frozen=True)
class CronLine:
    """The times of a cron line, read on the wall clock of `zone`.

    Around a change of the clock it goes as in Airflow: a line that fires in every hour goes on by elapsed time, so that
    it fires in both of the two hours with the same name; any other fires once on each day, in the second of two hours
    with the same name, and an hour later than it says when its hour is left out.
    """

    line: str
    zone: ZoneInfo

    def after(self, instant: datetime) -> datetime:
        """The first of its times after `instant`, in UTC."""
        wall = self._wall(instant)
        walk = _walk(self.line, wall)
        found: datetime = walk.get_next(datetime)
        if _fires_each_hour(walk):
            return instant.astimezone(UTC) + (found - wall)
        return self._instant(found)

    def before(self, instant: datetime) -> datetime:
        """The last of its times before `instant`, in UTC."""
        wall = self._wall(instant)
        walk = _walk(self.line, wall)
        found: datetime = walk.get_prev(datetime)
        if _fires_each_hour(walk):
            return instant.astimezone(UTC) - (wall - found)
        return self._instant(found)

    def _wall(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def _instant(self, wall: datetime) -> datetime:
        first, second = wall.replace(tzinfo=self.zone, fold=0), wall.replace(tzinfo=self.zone, fold=1)
        left_out = _offset(second) - _offset(first)
        if left_out > timedelta():
            second += left_out
        return second.astimezone(UTC)


def _offset(instant: datetime) -> timedelta:
    return instant.utcoffset() or timedelta()


def _walk(line: str, wall: datetime) -> "croniter":
    # Imported when the first date is asked for: a tick that finds nothing due starts sooner without.
    from croniter import croniter

    return croniter(line, wall)


def _fires_each_hour(walk: "croniter") -> bool:
    return bool(walk.expanded[_HOUR] == ["*"])
