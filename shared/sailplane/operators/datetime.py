"""Going one way or the other by the time of the day."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.operators.branch import BaseBranchOperator


class BranchDateTimeOperator(BaseBranchOperator):
    """Goes on with `follow_task_ids_if_true` when it is between `target_lower` and `target_upper`, both included.

    A bound is a moment, or a time of today; of two times the upper one may be that of the next day. One of them may be
    None. Times without a zone are in that of the DAG. With `use_task_logical_date` the run's logical date is asked, not
    the clock.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        target_lower: datetime | time | None,
        target_upper: datetime | time | None,
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if target_lower is None and target_upper is None:
            raise AirflowException(
                f"task {self.task_id!r}: target_lower and target_upper are both None; at least one must be given"
            )
        for name, value in (("target_lower", target_lower), ("target_upper", target_upper)):
            if not isinstance(value, datetime | time | None):
                raise TypeError(f"task {self.task_id!r}: {name} must be a datetime or a time, not {value!r}")
        self.target_lower, self.target_upper = target_lower, target_upper
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date

    def choose_branch(self, context: Mapping[str, Any]) -> str | Iterable[str]:
        now = asked_time(context, use_logical_date=self.use_task_logical_date)
        lower, upper = target_times_as_dates(now, self.target_lower, self.target_upper, self.dag.timezone or UTC)
        outside = (upper is not None and upper < now) or (lower is not None and lower > now)
        return self.follow_task_ids_if_false if outside else self.follow_task_ids_if_true


def asked_time(context: Mapping[str, Any], *, use_logical_date: bool) -> datetime:
    """The run's logical date (or when it was due, if it has none), or the clock's time."""
    if not use_logical_date:
        return datetime.now(UTC)
    run = context["dag_run"]
    moment: datetime = run.logical_date or run.run_after
    return moment


def target_times_as_dates(
    base_date: datetime, lower: datetime | time | None, upper: datetime | time | None, zone: tzinfo = UTC
) -> tuple[datetime | None, datetime | None]:
    """Both bounds as moments: times are those of `base_date`'s day, an upper one before the lower of the day after."""
    first, last = _moment(base_date, lower, zone), _moment(base_date, upper, zone)
    both_given = isinstance(lower, datetime) and isinstance(upper, datetime)
    if first is not None and last is not None and last < first and not both_given:
        last += timedelta(days=1)
    return first, last


def _moment(base_date: datetime, bound: datetime | time | None, zone: tzinfo) -> datetime | None:
    if isinstance(bound, time):
        bound = datetime.combine(base_date, bound)
    return bound.replace(tzinfo=zone) if bound is not None and bound.tzinfo is None else bound
