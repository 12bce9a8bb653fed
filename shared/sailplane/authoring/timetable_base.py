"""Timetables of an author's own: the base that they subclass, and what they are told and answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sailplane.authoring.exceptions import AirflowTimetableInvalid
from sailplane.model.dags import Schedule, ScheduleKind
from sailplane.model.ids import run_id_for
from sailplane.model.states import RunType


class DataInterval(NamedTuple):
    """The time that a run is for."""

    start: datetime
    end: datetime

    @classmethod
    def exact(cls, at: datetime) -> "DataInterval":
        """An interval of no length."""
        return cls(start=at, end=at)


class TimeRestriction(NamedTuple):
    """The DAG's `start_date`, `end_date` (both inclusive) and `catchup`."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool


class DagRunInfo(NamedTuple):
    """A run that is to be: when it starts, and what time it is for."""

    run_after: datetime
    data_interval: DataInterval | None
    partition_date: datetime | None = None
    partition_key: str | None = None

    @classmethod
    def exact(cls, at: datetime) -> "DagRunInfo":
        """A run for a moment."""
        return cls(run_after=at, data_interval=DataInterval.exact(at))

    @classmethod
    def interval(cls, start: datetime, end: datetime) -> "DagRunInfo":
        """A run for the time from `start` to `end`, which starts when that is over."""
        return cls(run_after=end, data_interval=DataInterval(start, end))

    @property
    def logical_date(self) -> datetime | None:
        return self.data_interval.start if self.data_interval else None


class Timetable:
    """When runs are due, as code of one's own: subclass it and write `next_dagrun_info`.

    That is called by a worker, for several runs ahead: first with the run that was made last, then with each that it
    has answered. It should therefore depend on its arguments alone, and may depend on the time of day and on Variables.
    """

    description: str = ""
    periodic: bool = True
    can_be_scheduled: bool = True
    active_runs_limit: int | None = None
    run_ordering: Sequence[str] = ("data_interval_end", "logical_date")

    @property
    def summary(self) -> str:
        """What the schedule is called in lists."""
        return type(self).__name__

    @property
    def type_name(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}"

    def serialize(self) -> dict[str, Any]:
        """Kept for Airflow's sake: Sailplane reads the DAG file again instead."""
        return {}

    @classmethod
    def deserialize(cls, data: Mapping[str, Any]) -> "Timetable":
        return cls()

    def validate(self) -> None:
        """Raise `AirflowTimetableInvalid` when the timetable makes no sense; called when its DAG is made."""

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """The data interval of a run that is started by hand for `run_after`."""
        raise NotImplementedError(f"{type(self).__name__} has no infer_manual_data_interval")

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run that follows the one for `last_automated_data_interval`; None: there is none, for now."""
        raise NotImplementedError(f"{type(self).__name__} has no next_dagrun_info")

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run that follows `last_dagrun_info`."""
        last = last_dagrun_info.data_interval if last_dagrun_info is not None else None
        return self.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)

    def generate_run_id(
        self, *, run_type: RunType, run_after: datetime, data_interval: DataInterval | None, **_: Any
    ) -> str:
        """The id of a run that the schedule makes."""
        return run_id_for(run_type, run_after)

    def to_schedule(self) -> Schedule:
        """The timetable as data: that it is asked, and what it is called."""
        if not isinstance(self.summary, str):
            raise AirflowTimetableInvalid(f"the summary of {self.type_name} must be a text, not {self.summary!r}")
        return Schedule(kind=ScheduleKind.CUSTOM, summary=self.summary)


def timetable_in(schedule: Any) -> Timetable | None:
    """The timetable that is asked, of what a DAG has as its `schedule`: also that of an `AssetOrTimeSchedule`."""
    found = schedule if isinstance(schedule, Timetable) else getattr(schedule, "timetable", None)
    return found if isinstance(found, Timetable) else None


def manual_interval(timetable: Timetable, run_after: datetime) -> DataInterval:
    """The data interval of a run that was started by hand, by its timetable; an empty one when that says none."""
    try:
        return timetable.infer_manual_data_interval(run_after=in_pendulum(run_after))
    except NotImplementedError:
        return DataInterval.exact(in_pendulum(run_after))


def in_pendulum(moment: datetime) -> datetime:
    """A moment as Airflow hands it to timetables: they use what pendulum adds to datetimes."""
    import pendulum

    return pendulum.instance(moment)
