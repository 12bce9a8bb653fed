"""Days of the week."""

from collections.abc import Iterable
from enum import IntEnum, unique
from typing import Any


@unique
class WeekDay(IntEnum):
    """Days by their ISO number."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> "WeekDay":
        """The day of that English name, in capitals or not."""
        try:
            return cls[week_day_str.upper()]
        except KeyError:
            known = ", ".join(day.name.capitalize() for day in cls)
            raise AttributeError(f"there is no week day {week_day_str!r}; there are {known}") from None

    @classmethod
    def convert(cls, day: "str | WeekDay") -> "WeekDay":
        return day if isinstance(day, WeekDay) else cls.get_weekday_number(day)

    @classmethod
    def validate_week_day(cls, week_day: Any) -> set[int]:
        """The numbers of one day or several, each a name or a `WeekDay`."""
        days = [week_day] if isinstance(week_day, str | WeekDay) else week_day
        if not isinstance(days, Iterable):
            raise TypeError(f"week_day must be a name such as 'Monday', a WeekDay, or several of them, not {days!r}")
        found = list(days)
        for day in found:
            if not isinstance(day, str | WeekDay):
                raise TypeError(f"week_day must be names such as 'Monday' or WeekDays, not {day!r}")
        return {int(cls.convert(day)) for day in found}
