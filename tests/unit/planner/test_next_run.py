"""When runs are due, against Airflow's timetables (tests/oracle/record_schedules.py)."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sailplane.model.dags import Schedule, ScheduleKind
from sailplane.model.errors import InternalError, InvalidSchedule
from sailplane.planner.schedule import PRESETS, NextRun, manual_interval, next_run, validate_cron

RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[2] / "oracle" / "schedules.json").read_text())
KINDS = sorted(set(ScheduleKind) - {ScheduleKind.ASSETS, ScheduleKind.CUSTOM})
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def schedule(recorded: list[Any]) -> Schedule:
    kind, value, zone, options = [*recorded, {}][:4]
    at_once = options.get("run_immediately")
    return Schedule(
        kind=ScheduleKind(kind),
        cron=value if isinstance(value, str) else None,
        crons=tuple(value) if kind == "multiple_cron" else (),
        events=tuple(datetime.fromisoformat(each) for each in value) if kind == "events" else (),
        delta=timedelta(seconds=value) if isinstance(value, int) else None,
        timezone=zone,
        interval=timedelta(seconds=options.get("interval", 0)),
        first_run_within=None if at_once is None else timedelta(days=999) if at_once is True else timedelta(0, at_once),
        restrict_to_events=options.get("restrict_to_events", False),
    )


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def moments(run: NextRun | None) -> list[datetime] | None:
    return None if run is None else [run.run_after, run.data_interval_start, run.data_interval_end]


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_runs_are_airflows(kind: ScheduleKind) -> None:
    rows = [row for row in RECORDED["next"] if row[0][0] == kind]
    assert rows
    for recorded, start, end, catchup, now, runs in rows:
        last = None
        for expected in runs:
            last = next_run(
                schedule(recorded),
                start_date=instant(start),
                end_date=instant(end),
                catchup=catchup,
                last=last,
                now=datetime.fromisoformat(now),
            )
            assert moments(last) == (expected and [instant(each) for each in expected]), (recorded, start, end, now)
            assert last is None or last.logical_date == last.data_interval_start


def test_runs_go_on_as_airflows_when_clocks_change() -> None:
    for recorded, start, expected in RECORDED["walks"]:
        walked = list(itertools.islice(walk(schedule(recorded), start), len(expected)))
        until = expected.index("error") if "error" in expected else len(expected)
        assert walked[:until] == [instant(each) for each in expected[:until]], (recorded, start)
        assert walked == sorted(set(walked)), "each run comes after the one before, also where Airflow gives up"


def walk(of: Schedule, start: str) -> Any:
    last = None
    now = datetime(2027, 1, 1, tzinfo=UTC)
    while True:
        last = next_run(of, start_date=instant(start), end_date=None, catchup=True, last=last, now=now)
        assert last is not None
        yield last.run_after


def test_data_intervals_of_runs_by_hand_are_airflows() -> None:
    for recorded, now, start, end in RECORDED["manual"]:
        found = manual_interval(schedule(recorded), datetime.fromisoformat(now))
        assert found == (instant(start), instant(end)), (recorded, now)


def test_times_are_in_utc_whatever_zone_the_start_date_is_in() -> None:
    start = datetime.fromisoformat("2026-03-01T00:00:00+05:30")
    daily = Schedule(kind=ScheduleKind.DELTA, delta=timedelta(days=1))
    run = next_run(daily, start_date=start, end_date=None, catchup=True, last=None, now=NOON)
    assert run is not None
    assert {moment.tzinfo for moment in (run.run_after, run.logical_date, run.data_interval_start)} == {UTC}


def test_a_schedule_without_its_value_is_our_own_mistake() -> None:
    with pytest.raises(InternalError, match="neither a cron line nor a delta"):
        next_run(Schedule(kind=ScheduleKind.CRON), start_date=None, end_date=None, catchup=False, last=None, now=NOON)


@pytest.mark.parametrize(
    "line", [*PRESETS.values(), "*/5 * * * *", "0 6 * * MON-FRI", "0 0 29 2 *", "0 0 L * *", "* * * * * 30"]
)
def test_a_cron_line_that_fires_is_accepted(line: str) -> None:
    validate_cron(line)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("", "has 0 fields"),
        ("daily", "has 1 fields"),
        ("@daily", "has 1 fields"),
        ("* * * *", "has 4 fields"),
        ("0 0 * * * 0 2027", "has 7 fields"),
        ("61 * * * *", "out of range"),
        ("0 24 * * *", "out of range"),
        ("a b c d e", "cannot be read"),
        ("*/0 * * * *", "cannot be read"),
        ("0 0 30 2 *", "never comes"),
        ("R 0 * * *", "random time"),
        ("H * * * *", "cannot be read"),
    ],
)
def test_a_cron_line_that_makes_no_sense_is_refused_with_an_example(line: str, wrong: str) -> None:
    with pytest.raises(InvalidSchedule, match=wrong) as caught:
        validate_cron(line)
    assert repr(line) in str(caught.value)
    assert "30 6 * * 1-5" in str(caught.value)
