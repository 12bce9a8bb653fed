"""Going one way or the other by the day of the week."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from sailplane.authoring.weekday import WeekDay
from sailplane.operators.branch import BaseBranchOperator
from sailplane.operators.datetime import asked_time

__all__ = ["BranchDayOfWeekOperator", "WeekDay"]


class BranchDayOfWeekOperator(BaseBranchOperator):
    """Goes on with `follow_task_ids_if_true` on one of the days `week_day`, names or `WeekDay`s; else with the others.

    The day is today's in the DAG's time zone, or with `use_task_logical_date` that of the run's logical date.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date
        self._week_day_num = WeekDay.validate_week_day(week_day)

    def choose_branch(self, context: Mapping[str, Any]) -> str | Iterable[str]:
        now = asked_time(context, use_logical_date=self.use_task_logical_date)
        if not self.use_task_logical_date:
            now = now.astimezone(self.dag.timezone or UTC)
        return self.follow_task_ids_if_true if now.isoweekday() in self._week_day_num else self.follow_task_ids_if_false
