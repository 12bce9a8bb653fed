"""Sensors that wait for a moment.

With `deferrable=True` or in mode `reschedule` they give their slot back until that very moment, whatever their
`poke_interval`: they are deferred, or rescheduled.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sailplane.authoring.exceptions import AirflowRescheduleException
from sailplane.sensors.deferrable import DeferrableSensor
from sailplane.triggers.temporal import DateTimeTrigger


class MomentSensor(DeferrableSensor):
    """Waits until `moment`."""

    end_from_trigger: bool = False
    """Whether it ends when deferred as soon as the moment has come, without `execute_complete`."""

    def moment(self, context: Mapping[str, Any]) -> datetime:
        """When the wait is over."""
        raise NotImplementedError(f"{type(self).__name__} has no moment()")

    def poke(self, context: Mapping[str, Any]) -> bool:
        moment = self.moment(context)
        self.log.info("Checking if the time (%s) has come", moment)
        return datetime.now(UTC) >= moment

    @property
    def deferral_timeout(self) -> timedelta | None:
        """None: a moment comes for certain. `timeout` is for the other modes, as in Airflow."""
        return None

    def trigger(self, context: Mapping[str, Any]) -> DateTimeTrigger:
        return DateTimeTrigger(moment=self.moment(context), end_from_trigger=self.end_from_trigger)

    def execute(self, context: Mapping[str, Any]) -> Any:
        if self.deferrable or not self.reschedule or self.exponential_backoff:
            return super().execute(context)
        started_at, elapsed = self._clock(context)
        found = self._poke(context)
        if found:
            return None
        if elapsed() > self.timeout:
            self._time_out(elapsed())
        raise AirflowRescheduleException(min(self.moment(context), started_at + timedelta(seconds=self.timeout + 1)))


class DateTimeSensor(MomentSensor):
    """Waits until `target_time`, a datetime or, templated, its ISO form; in UTC when it names no zone."""

    template_fields: Sequence[str] = ("target_time",)

    def __init__(self, *, target_time: str | datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, str | datetime):
            raise TypeError(
                f"sensor {self.task_id!r}: target_time must be a datetime or its ISO form, not {target_time!r}"
            )
        self.target_time = target_time

    def moment(self, context: Mapping[str, Any]) -> datetime:
        if isinstance(self.target_time, datetime):
            return _aware(self.target_time)
        try:
            return _aware(datetime.fromisoformat(self.target_time.strip()))
        except ValueError:
            raise ValueError(
                f"sensor {self.task_id!r}: target_time {self.target_time!r} is no datetime; it must be like "
                "2024-05-01T06:00:00+00:00"
            ) from None


class DateTimeSensorAsync(DateTimeSensor):
    """A `DateTimeSensor` that gives its slot back while it waits."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "deferrable": True})
        self.end_from_trigger = end_from_trigger


class TimeSensor(MomentSensor):
    """Waits until `target_time` of the day on which it began to wait, in the DAG's time zone."""

    def __init__(
        self,
        *,
        target_time: time,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, time):
            raise TypeError(f"sensor {self.task_id!r}: target_time must be a datetime.time, not {target_time!r}")
        self.target_time = target_time
        self.end_from_trigger = end_from_trigger

    def moment(self, context: Mapping[str, Any]) -> datetime:
        zone = self.target_time.tzinfo or self.dag.timezone or UTC
        today = _began_at(context).astimezone(zone).date()
        return datetime.combine(today, self.target_time, zone).astimezone(UTC)


class TimeSensorAsync(TimeSensor):
    """A `TimeSensor` that gives its slot back while it waits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "deferrable": True})


class TimeDeltaSensor(MomentSensor):
    """Waits until `delta` after the end of the run's data interval, or after it was due when it has none.

    A `delta` that is no timedelta, such as what a template gives, is a number of minutes.
    """

    template_fields: Sequence[str] = ("delta",)

    def __init__(self, *, delta: timedelta | float | str, end_from_trigger: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delta = delta
        self.end_from_trigger = end_from_trigger

    @property
    def deferral_timeout(self) -> timedelta | None:
        return timedelta(seconds=self.timeout)

    def execute(self, context: Mapping[str, Any]) -> Any:
        if self.deferrable and datetime.now(UTC) > self.moment(context):
            return True  # As in Airflow, which returns nothing when it has waited.
        return super().execute(context)

    def moment(self, context: Mapping[str, Any]) -> datetime:
        base: datetime = context.get("data_interval_end") or context["dag_run"].run_after
        return base + _minutes(self.task_id, "delta", self.delta)


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """A `TimeDeltaSensor` that gives its slot back while it waits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "deferrable": True})


class WaitSensor(MomentSensor):
    """Waits for `time_to_wait` from the start of the task; minutes when it is no timedelta."""

    template_fields: Sequence[str] = ("time_to_wait",)
    end_from_trigger = True

    def __init__(self, *, time_to_wait: timedelta | float | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.time_to_wait = time_to_wait

    def moment(self, context: Mapping[str, Any]) -> datetime:
        return _began_at(context) + _minutes(self.task_id, "time_to_wait", self.time_to_wait)

    def next_wait(self, poke_count: int, elapsed: float, started_at: datetime) -> float:
        left = _minutes(self.task_id, "time_to_wait", self.time_to_wait).total_seconds() - elapsed
        return min(super().next_wait(poke_count, elapsed, started_at), max(left, 0.0))


def _began_at(context: Mapping[str, Any]) -> datetime:
    """When the sensor poked first in this try."""
    ti = context["ti"]
    moment: datetime = ti.get_first_reschedule_date(context) or ti.start_date
    return moment


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _minutes(task_id: str, name: str, value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return timedelta(minutes=float(value))
    except (TypeError, ValueError):
        raise ValueError(
            f"sensor {task_id!r}: {name} must be a timedelta or a number of minutes, not {value!r}"
        ) from None
