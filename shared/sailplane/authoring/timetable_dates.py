"""The dates of timetables that are data: the tick computes them, and timetables of an author's own may ask for them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sailplane.authoring.timetable_base import DagRunInfo, DataInterval, TimeRestriction, Timetable, in_pendulum
from sailplane.model.dags import Schedule

if TYPE_CHECKING:
    from sailplane.planner.schedule import NextRun


class StandardTimetable(Timetable):
    """Base of the timetables that say their schedule as data. A subclass with dates of its own is asked instead."""

    @property
    def summary(self) -> str:
        return self.to_schedule().summary

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        # Pure: from a schedule to its next run. Imported when a timetable is asked, which few are.
        from sailplane.planner.schedule import next_run

        found = next_run(
            self.to_schedule(),
            start_date=_plain(restriction.earliest),
            end_date=_plain(restriction.latest),
            catchup=restriction.catchup,
            last=_last(last_automated_data_interval),
            now=datetime.now(UTC),
        )
        if found is None:
            return None
        interval = DataInterval(in_pendulum(found.data_interval_start), in_pendulum(found.data_interval_end))
        return DagRunInfo(run_after=in_pendulum(found.run_after), data_interval=interval)

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        from sailplane.planner.schedule import manual_interval

        start, end = manual_interval(self.to_schedule(), run_after)
        return DataInterval(in_pendulum(start or run_after), in_pendulum(end or run_after))


def as_schedule(timetable: Any) -> Schedule:
    """The timetable as data; of one with dates of its own, that it is asked."""
    if isinstance(timetable, Timetable) and not says_its_schedule(timetable):
        return Timetable.to_schedule(timetable)
    found: Schedule = timetable.to_schedule()
    return found


def says_its_schedule(timetable: Timetable) -> bool:
    """Whether the dates of `timetable` are those of `to_schedule`, with no code of the author's in between."""
    own = type(timetable)
    return (
        isinstance(timetable, StandardTimetable)
        and own.next_dagrun_info is StandardTimetable.next_dagrun_info
        and own.next_dagrun_info_v2 is Timetable.next_dagrun_info_v2
        and own.infer_manual_data_interval is StandardTimetable.infer_manual_data_interval
        and own.generate_run_id is Timetable.generate_run_id
    )


def _last(interval: DataInterval | None) -> "NextRun | None":
    if interval is None:
        return None
    from sailplane.planner.schedule import NextRun

    start, end = _utc(interval.start), _utc(interval.end)
    return NextRun(run_after=end, logical_date=start, data_interval_start=start, data_interval_end=end)


def _plain(moment: datetime | None) -> datetime | None:
    return None if moment is None else _utc(moment)


def _utc(moment: datetime) -> datetime:
    """A moment, which may be pendulum's, as one of the standard library."""
    return datetime.fromtimestamp(moment.timestamp(), UTC)
