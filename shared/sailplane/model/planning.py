"""Runs that an author's own timetable plans. Its code runs in a child process; the tick follows the list it made."""

from dataclasses import dataclass
from datetime import datetime, timedelta

PLANNED_AHEAD = 50
"""Runs that a timetable is asked for at a time."""
HORIZON = timedelta(days=7)
"""What lies further ahead is asked for later, when more may be known; but for the very next run."""
TIME_LIMIT = timedelta(seconds=60)
"""How long a timetable may take to plan so many runs."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run that a timetable said is due."""

    run_after: datetime
    start: datetime
    """Of its data interval; also its logical date."""
    end: datetime
    run_id: str = ""
    """As the timetable's own `generate_run_id` made it; empty: the usual one."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a timetable planned."""

    runs: tuple[PlannedRun, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AboutSchedule:
    """What a timetable is told: the run that the schedule made last, if there is one."""

    last: PlannedRun | None = None
    now: datetime
