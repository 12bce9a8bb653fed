"""Sensors that wait for a day of the week."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sailplane.authoring.weekday import WeekDay
from sailplane.sensors.base import BaseSensorOperator


class DayOfWeekSensor(BaseSensorOperator):
    """Waits until it is one of the days `week_day`, names or `WeekDay`s, in UTC.

    With `use_task_logical_date` the run's logical date is asked, not the clock.
    """

    def __init__(
        self,
        *,
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date
        self._week_day_num = WeekDay.validate_week_day(week_day)

    def poke(self, context: Mapping[str, Any]) -> bool:
        run = context["dag_run"]
        asked = run.logical_date or run.run_after if self.use_task_logical_date else datetime.now(UTC)
        self.log.info("Poking until weekday is in %s; it is %s", self.week_day, WeekDay(asked.isoweekday()).name)
        return asked.isoweekday() in self._week_day_num
