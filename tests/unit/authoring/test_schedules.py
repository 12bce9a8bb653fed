from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest

from sailplane.authoring.dag import DAG
from sailplane.authoring.exceptions import AirflowTimetableInvalid
from sailplane.authoring.timetables import (
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    EventsTimetable,
    MultipleCronTriggerTimetable,
    to_schedule,
    zone_name,
)
from sailplane.model.dags import Schedule, ScheduleKind

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

SCHEDULES: list[tuple[Any, Schedule]] = [
    (None, Schedule()),
    ("@daily", Schedule(kind=ScheduleKind.CRON, cron="0 0 * * *", summary="@daily")),
    ("@hourly", Schedule(kind=ScheduleKind.CRON, cron="0 * * * *", summary="@hourly")),
    ("@weekly", Schedule(kind=ScheduleKind.CRON, cron="0 0 * * 0", summary="@weekly")),
    ("@monthly", Schedule(kind=ScheduleKind.CRON, cron="0 0 1 * *", summary="@monthly")),
    ("@quarterly", Schedule(kind=ScheduleKind.CRON, cron="0 0 1 */3 *", summary="@quarterly")),
    ("@yearly", Schedule(kind=ScheduleKind.CRON, cron="0 0 1 1 *", summary="@yearly")),
    ("@once", Schedule(kind=ScheduleKind.ONCE, summary="@once")),
    ("@continuous", Schedule(kind=ScheduleKind.CONTINUOUS, summary="@continuous")),
    ("0 6  * * MON-FRI", Schedule(kind=ScheduleKind.CRON, cron="0 6 * * MON-FRI", summary="0 6  * * MON-FRI")),
    ("*/5 * * * * */10", Schedule(kind=ScheduleKind.CRON, cron="*/5 * * * * */10", summary="*/5 * * * * */10")),
    (DAY, Schedule(kind=ScheduleKind.DELTA, delta=DAY, summary="1 day, 0:00:00")),
    (DeltaTriggerTimetable(DAY), Schedule(kind=ScheduleKind.DELTA, delta=DAY, summary="1 day, 0:00:00")),
    (
        DeltaDataIntervalTimetable(DAY),
        Schedule(kind=ScheduleKind.DELTA_INTERVAL, delta=DAY, summary="1 day, 0:00:00"),
    ),
    (
        CronTriggerTimetable("0 6 * * *", timezone="Europe/Paris"),
        Schedule(kind=ScheduleKind.CRON, cron="0 6 * * *", timezone="Europe/Paris", summary="0 6 * * *"),
    ),
    (
        CronTriggerTimetable("@daily", timezone="UTC", interval=DAY, run_immediately=timedelta(hours=1)),
        Schedule(
            kind=ScheduleKind.CRON,
            cron="0 0 * * *",
            summary="@daily",
            interval=DAY,
            first_run_within=timedelta(hours=1),
        ),
    ),
    (
        DeltaTriggerTimetable(DAY, interval=2 * DAY),
        Schedule(kind=ScheduleKind.DELTA, delta=DAY, summary="1 day, 0:00:00", interval=2 * DAY),
    ),
    (
        MultipleCronTriggerTimetable("@daily", "0 6 * * *", timezone="Europe/Paris", run_immediately=True),
        Schedule(
            kind=ScheduleKind.MULTIPLE_CRON,
            crons=("0 0 * * *", "0 6 * * *"),
            timezone="Europe/Paris",
            summary="@daily, 0 6 * * *",
            first_run_within=timedelta(days=36_525),
        ),
    ),
    (
        EventsTimetable([NOON + DAY, NOON.astimezone(ZoneInfo("Asia/Tokyo")), NOON], restrict_to_events=True),
        Schedule(kind=ScheduleKind.EVENTS, events=(NOON, NOON + DAY), summary="2 events", restrict_to_events=True),
    ),
    (EventsTimetable([], description="games"), Schedule(kind=ScheduleKind.EVENTS, summary="games")),
    (
        CronDataIntervalTimetable("@daily", timezone=pendulum.timezone("Asia/Tokyo")),
        Schedule(kind=ScheduleKind.CRON_INTERVAL, cron="0 0 * * *", timezone="Asia/Tokyo", summary="@daily"),
    ),
]


@pytest.mark.parametrize(("given", "schedule"), SCHEDULES, ids=[str(row[0])[:40] for row in SCHEDULES])
def test_what_a_schedule_means(given: Any, schedule: Schedule) -> None:
    assert to_schedule(given, None) == schedule


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (UTC, "UTC"),
        (ZoneInfo("America/New_York"), "America/New_York"),
        (pendulum.timezone("Europe/Paris"), "Europe/Paris"),
        (pendulum.UTC, "UTC"),
        (timezone(timedelta(hours=2)), "Etc/GMT-2"),
        (timezone(timedelta(hours=-5)), "Etc/GMT+5"),
        (pendulum.fixed_timezone(3600), "Etc/GMT-1"),
        ("Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_a_zone_has_the_name_that_planning_uses(zone: tzinfo | str, name: str) -> None:
    assert zone_name(zone) == name


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        ("Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
        (timezone(timedelta(hours=5, minutes=30)), "the time zone UTC\\+05:30 has no name"),
        ("../etc/passwd", "there is no time zone"),
    ],
)
def test_a_zone_without_a_name_is_refused(zone: Any, message: str) -> None:
    with pytest.raises(AirflowTimetableInvalid, match=message):
        zone_name(zone)


def test_a_cron_line_is_read_in_the_zone_of_the_start_date() -> None:
    dag = DAG("x", schedule="0 6 * * *", start_date=datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Paris")))
    assert dag.timetable.timezone == "Europe/Paris"


def test_a_start_date_without_a_zone_is_utc() -> None:
    dag = DAG("x", schedule="0 6 * * *", start_date=datetime(2024, 1, 1))  # noqa: DTZ001
    assert (dag.start_date, dag.timetable.timezone) == (datetime(2024, 1, 1, tzinfo=UTC), "UTC")


def test_continuous_runs_one_at_a_time() -> None:
    assert DAG("x", schedule="@continuous", max_active_runs=1).timetable.kind is ScheduleKind.CONTINUOUS


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: MultipleCronTriggerTimetable(timezone="UTC"), "needs at least one cron line"),
        (lambda: MultipleCronTriggerTimetable("0 0 * * *", "x", timezone="UTC").to_schedule(), "'x' is no cron line"),
        (lambda: EventsTimetable(["2026-01-01"]), "EventsTimetable takes datetimes, not '2026-01-01'"),
        (lambda: DeltaTriggerTimetable(DAY, interval=-DAY).to_schedule(), "interval must be a timedelta, not negative"),
    ],
)
def test_a_timetable_that_makes_no_sense_says_what_would(made: Any, message: str) -> None:
    with pytest.raises(AirflowTimetableInvalid, match=message):
        made()
