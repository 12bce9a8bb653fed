"""When a DAG's next run is due: Airflow 3.3's timetables, in terms of plain values.

A *trigger* schedule (CRON, DELTA: what a plain cron line or timedelta means in Airflow 3) starts a run at each time
and gives it an empty data interval. An *interval* schedule covers the time between two times and starts the run when
that time is over. `catchup=False` leaves out all runs but the latest that is due.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sailplane.model.dags import Schedule, ScheduleKind
from sailplane.model.errors import InternalError
from sailplane.planner.cron import PRESETS, CronLine, validate_cron

__all__ = ["PRESETS", "NextRun", "manual_interval", "next_run", "validate_cron"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RECENT_SHARE = 10
_RECENT_AT_LEAST = timedelta(minutes=5)
"""A DAG without start_date runs at once for a time that just passed: by a tenth of the time between two runs, or by
five minutes. Otherwise its first run is the next time."""


@dataclass(frozen=True, kw_only=True)
class NextRun:
    """A run that a schedule makes. All times are in UTC."""

    run_after: datetime
    """When it is due."""
    logical_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What `next_run` was asked, besides the schedule."""

    start_date: datetime | None
    end_date: datetime | None
    catchup: bool
    last: NextRun | None
    now: datetime


def next_run(
    schedule: Schedule,
    *,
    start_date: datetime | None,
    end_date: datetime | None,
    catchup: bool,
    last: NextRun | None,
    now: datetime,
) -> NextRun | None:
    """The run that follows `last` (the newest scheduled run; None: there is none), which may be due in the past.

    None when the schedule makes no further run.
    """
    question = _Question(start_date=start_date, end_date=end_date, catchup=catchup, last=last, now=now)
    return _NEXT[schedule.kind](schedule, question)


def manual_interval(schedule: Schedule, run_after: datetime) -> tuple[datetime | None, datetime | None]:
    """The data interval (start, end) of a run that is triggered by hand for `run_after`.

    For interval schedules it is the last one that was over by then, otherwise an empty one. An author's own timetable
    is asked where its code is: there is none yet.
    """
    if schedule.kind is ScheduleKind.CUSTOM:
        return None, None
    run_after = run_after.astimezone(UTC)
    if schedule.kind is ScheduleKind.CRON_INTERVAL:
        times = _times(schedule)
        end = times.at_or_before(run_after)
        return times.before(end), end
    if schedule.kind is ScheduleKind.DELTA_INTERVAL:
        return _times(schedule).before(run_after), run_after
    if schedule.restrict_to_events and schedule.events:
        event = max((each for each in schedule.events if each <= run_after), default=schedule.events[0])
        return event, event
    return run_after - schedule.interval, run_after


class _Times(Protocol):
    """The times of a schedule."""

    def after(self, instant: datetime) -> datetime: ...
    def before(self, instant: datetime) -> datetime: ...
    def at_or_after(self, instant: datetime) -> datetime: ...
    def at_or_before(self, instant: datetime) -> datetime: ...
    def first(self, now: datetime) -> datetime:
        """The first time of a DAG without start_date."""

    def latest_start(self, now: datetime) -> datetime:
        """The start of the latest interval that is over at `now`."""


@dataclass(frozen=True)
class _CronTimes:
    line: CronLine
    first_within: timedelta | None = None

    def after(self, instant: datetime) -> datetime:
        return self.line.after(instant)

    def before(self, instant: datetime) -> datetime:
        return self.line.before(instant)

    def at_or_after(self, instant: datetime) -> datetime:
        following = self.after(instant)
        return instant if self.before(following) == instant else following

    def at_or_before(self, instant: datetime) -> datetime:
        preceding = self.before(instant)
        return instant if self.after(preceding) == instant else preceding

    def first(self, now: datetime) -> datetime:
        preceding, following = self.at_or_before(now), self.at_or_after(now)
        usual = max((following - preceding) / _RECENT_SHARE, _RECENT_AT_LEAST)
        recent = usual if self.first_within is None else self.first_within
        return preceding if now - preceding <= recent else following

    def latest_start(self, now: datetime) -> datetime:
        preceding = self.before(now)
        return self.before(preceding) if self.after(preceding) > now else preceding


@dataclass(frozen=True)
class _DeltaTimes:
    """Any time is one of its times: what counts is the distance from the last."""

    delta: timedelta

    def after(self, instant: datetime) -> datetime:
        return instant + self.delta

    def before(self, instant: datetime) -> datetime:
        return instant - self.delta

    def at_or_after(self, instant: datetime) -> datetime:
        return instant

    def at_or_before(self, instant: datetime) -> datetime:
        return instant

    def first(self, now: datetime) -> datetime:
        return now

    def latest_start(self, now: datetime) -> datetime:
        # Whole deltas since the epoch, so that a DAG's intervals do not depend on when it was first seen.
        return now - (now - _EPOCH) % self.delta - self.delta


def _times(schedule: Schedule) -> _Times:
    if schedule.cron is not None:
        return _CronTimes(CronLine(schedule.cron, ZoneInfo(schedule.timezone)), schedule.first_run_within)
    if schedule.delta is not None:
        return _DeltaTimes(schedule.delta)
    raise InternalError(f"a schedule of kind {schedule.kind} has neither a cron line nor a delta")


def _never(schedule: Schedule, question: _Question) -> None:
    del schedule, question


def _once(schedule: Schedule, question: _Question) -> NextRun | None:
    del schedule
    if question.last is not None:
        return None
    due = question.start_date or question.now
    return _run(due, due) if _is_before_end(due, question) else None


def _continuous(schedule: Schedule, question: _Question) -> NextRun | None:
    del schedule
    last, now = question.last, question.now
    start = question.start_date or now
    end = max(start, now)
    if last is not None and last.data_interval_end <= now:
        start, end = last.data_interval_end, now
    elif last is not None:
        end = start + (last.data_interval_end - last.data_interval_start)
    return _run(start, end) if _is_before_end(end, question) else None


def _trigger(schedule: Schedule, question: _Question) -> NextRun | None:
    times = _times(schedule)
    due = _next_caught_up(times, question) if question.catchup else _next_latest(times, question)
    return _run(due - schedule.interval, due) if _is_before_end(due, question) else None


def _multiple(schedule: Schedule, question: _Question) -> NextRun | None:
    """Of the runs that each cron line would make the one that is due first; without catchup, the latest that is due."""
    found = [_trigger(replace(schedule, cron=cron), question) for cron in schedule.crons]
    runs = [run for run in found if run is not None]
    if question.catchup:
        return min(runs, key=lambda run: run.logical_date, default=None)
    past = [run for run in runs if run.logical_date <= question.now]
    if past:
        return max(past, key=lambda run: run.logical_date)
    return min(runs, key=lambda run: run.logical_date, default=None)


def _event(schedule: Schedule, question: _Question) -> NextRun | None:
    bounds = [question.start_date, None if question.catchup else question.now]
    earliest = max((bound for bound in bounds if bound is not None), default=None)
    for event in schedule.events:
        is_early = earliest is not None and event < earliest
        if not is_early and (question.last is None or event > question.last.data_interval_end):
            return _run(event, event) if _is_before_end(event, question) else None
    return None


def _next_caught_up(times: _Times, question: _Question) -> datetime:
    if question.last is not None:
        return times.after(question.last.data_interval_end)
    if question.start_date is not None:
        return times.at_or_after(question.start_date)
    return times.first(question.now)


def _next_latest(times: _Times, question: _Question) -> datetime:
    candidates = [times.at_or_before(question.now)]
    if question.last is not None:
        candidates.append(times.after(question.last.data_interval_end))
    elif question.start_date is None:
        candidates.append(times.first(question.now))
    if question.start_date is not None:
        candidates.append(times.at_or_after(question.start_date))
    return max(candidates)


def _interval(schedule: Schedule, question: _Question) -> NextRun | None:
    times = _times(schedule)
    start = _interval_start(times, question)
    if start is None or not _is_before_end(start, question):
        return None
    return _run(start, times.after(start))


def _interval_start(times: _Times, question: _Question) -> datetime | None:
    earliest = _earliest_interval(times, question)
    last = question.last
    if last is None:
        return earliest
    start = times.at_or_before(last.data_interval_end)  # aligned, as the schedule may have changed since
    if earliest is not None:
        start = max(start, earliest)
    if start <= last.data_interval_start:
        start = times.after(start)
    # A clock that is set back by less than an hour can lead there again: Airflow raises an error then and stands still.
    return start if start > last.data_interval_start else last.data_interval_end


def _earliest_interval(times: _Times, question: _Question) -> datetime | None:
    start_date = times.at_or_after(question.start_date) if question.start_date is not None else None
    if question.catchup:
        return start_date
    latest = times.latest_start(question.now)
    return latest if start_date is None else max(latest, start_date)


def _is_before_end(instant: datetime, question: _Question) -> bool:
    return question.end_date is None or instant <= question.end_date


def _run(start: datetime, end: datetime) -> NextRun:
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    return NextRun(run_after=end, logical_date=start, data_interval_start=start, data_interval_end=end)


_NEXT: Mapping[ScheduleKind, Callable[[Schedule, _Question], NextRun | None]] = {
    ScheduleKind.NONE: _never,
    ScheduleKind.CUSTOM: _never,
    ScheduleKind.ASSETS: _never,
    ScheduleKind.CRON: _trigger,
    ScheduleKind.CRON_INTERVAL: _interval,
    ScheduleKind.DELTA: _trigger,
    ScheduleKind.DELTA_INTERVAL: _interval,
    ScheduleKind.ONCE: _once,
    ScheduleKind.CONTINUOUS: _continuous,
    ScheduleKind.MULTIPLE_CRON: _multiple,
    ScheduleKind.EVENTS: _event,
}
