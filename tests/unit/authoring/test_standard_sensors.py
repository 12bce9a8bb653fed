"""Sensors for moments, days, files and commands."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.model.errors import AuthorError
from sailplane.model.execution import Outcome, OutcomeKind

HEAD = """
from datetime import datetime, time, timedelta, timezone
from sailplane import (DAG, BashSensor, DateTimeSensor, DateTimeSensorAsync, DayOfWeekSensor, FileSensor,
    TimeDeltaSensor, TimeDeltaSensorAsync, TimeSensor, TimeSensorAsync, WaitSensor, WeekDay)
with DAG("x", schedule=None, start_date=datetime(2024, 1, 1)) as dag:
    """


def wait(bundle: Bundle, sensor: str, **job: Any) -> Outcome:
    return bundle.run(bundle.one(f"{HEAD}{sensor}\n"), "s", **job)


OVER = {
    "DateTimeSensor(task_id='s', target_time='2024-05-01T06:00:00+00:00')",
    "DateTimeSensor(task_id='s', target_time='{{ data_interval_end }}')",
    "DateTimeSensor(task_id='s', target_time='2024-05-01')",
    "DateTimeSensor(task_id='s', target_time=datetime(2024, 5, 1))",
    "DateTimeSensorAsync(task_id='s', target_time=datetime(2024, 5, 1), end_from_trigger=True)",
    "TimeSensor(task_id='s', target_time=time(23, 59))",
    "TimeSensorAsync(task_id='s', target_time=time(23, 59))",
    "TimeDeltaSensor(task_id='s', delta=timedelta(hours=3))",
    "TimeDeltaSensor(task_id='s', delta='{{ 3 * 60 }}')",
    "TimeDeltaSensorAsync(task_id='s', delta=timedelta(hours=3))",
    "WaitSensor(task_id='s', time_to_wait=timedelta(minutes=3))",
    "WaitSensor(task_id='s', time_to_wait=3, deferrable=True)",
    "DayOfWeekSensor(task_id='s', week_day='wednesday', use_task_logical_date=True)",
    "DayOfWeekSensor(task_id='s', week_day=set(WeekDay))",
    "BashSensor(task_id='s', bash_command='exit 0')",
    "BashSensor(task_id='s', bash_command='test $LIKE = {{ ds }}', env={'LIKE': '{{ ds }}'})",
}


@pytest.mark.parametrize("sensor", sorted(OVER))
def test_a_wait_that_is_over(bundle: Bundle, sensor: str) -> None:
    # The run is of May 2024, and so is the start of the try.
    outcome = wait(bundle, sensor)
    assert (outcome.kind, outcome.error) == (OutcomeKind.SUCCESS, None)


FUTURE = datetime(2200, 1, 1, tzinfo=UTC)
NOT_OVER = {
    "DateTimeSensor(task_id='s', target_time=datetime(2200, 1, 1), mode='reschedule', timeout=9e9)": FUTURE,
    "WaitSensor(task_id='s', time_to_wait='2', mode='reschedule', timeout=9e9)": FUTURE + timedelta(minutes=2),
    "TimeSensor(task_id='s', target_time=time(23), mode='reschedule', timeout=9e9)": FUTURE + timedelta(hours=23),
}
DEFERRED = {
    "DateTimeSensorAsync(task_id='s', target_time='2200-01-01')": FUTURE,
    "DateTimeSensor(task_id='s', target_time=datetime(2200, 1, 1), deferrable=True, timeout=9e9)": FUTURE,
    "TimeDeltaSensorAsync(task_id='s', delta=timedelta(days=9), timeout=9e9)": FUTURE + timedelta(days=9),
    "WaitSensor(task_id='s', time_to_wait=2, deferrable=True, timeout=9e9)": FUTURE + timedelta(minutes=2),
    "TimeSensorAsync(task_id='s', target_time=time(23), timeout=9e9)": FUTURE + timedelta(hours=23),
    "TimeSensor(task_id='s', target_time=time(23), deferrable=True, timeout=9e9)": FUTURE + timedelta(hours=23),
}


@pytest.mark.parametrize(("sensor", "moment"), NOT_OVER.items(), ids=list(NOT_OVER))
def test_a_wait_for_a_moment_goes_on_right_then(bundle: Bundle, sensor: str, moment: datetime) -> None:
    outcome = wait(bundle, sensor, rescheduled_since=FUTURE, data_interval_end=FUTURE, logical_date=FUTURE)
    assert outcome.kind is OutcomeKind.RESCHEDULE, outcome.error
    assert outcome.resume_at == moment


@pytest.mark.parametrize(("sensor", "moment"), DEFERRED.items(), ids=list(DEFERRED))
def test_a_deferred_wait_for_a_moment_goes_on_right_then(bundle: Bundle, sensor: str, moment: datetime) -> None:
    outcome = wait(bundle, sensor, rescheduled_since=FUTURE, data_interval_end=FUTURE, logical_date=FUTURE)
    assert outcome.kind is OutcomeKind.DEFERRED, outcome.error
    assert outcome.resume_at is not None
    assert abs(outcome.resume_at - moment) < timedelta(seconds=1)


def test_a_wait_for_a_moment_ends_at_its_timeout(bundle: Bundle) -> None:
    sensor = "DateTimeSensor(task_id='s', target_time='2200-01-01', timeout=60, mode='reschedule')"
    first = datetime.now(UTC) - timedelta(seconds=50)
    outcome = wait(bundle, sensor, rescheduled_since=first)
    assert outcome.resume_at == first + timedelta(seconds=61)
    assert wait(bundle, sensor, rescheduled_since=first - timedelta(minutes=1)).kind is OutcomeKind.FAILED_FOR_GOOD


def test_a_deferred_wait_for_a_moment_is_looked_at_again_at_its_timeout(bundle: Bundle) -> None:
    before = datetime.now(UTC)
    outcome = wait(bundle, "TimeDeltaSensor(task_id='s', delta=timedelta(days=9999), timeout=60, deferrable=True)")
    assert outcome.resume_at is not None
    assert timedelta(seconds=60) <= outcome.resume_at - before < timedelta(seconds=90)


def test_a_time_of_the_day_stays_that_of_the_first_day(bundle: Bundle) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    sensor = "TimeSensor(task_id='s', target_time=time(23, 59), mode='reschedule')"
    assert wait(bundle, sensor, rescheduled_since=yesterday).kind is OutcomeKind.SUCCESS


def test_a_time_of_the_day_is_in_the_dags_zone(bundle: Bundle) -> None:
    text = HEAD.replace("datetime(2024, 1, 1)", "datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5)))")
    dag = bundle.one(f"{text}TimeSensor(task_id='s', target_time=time(23), timeout=9e9, mode='reschedule')\n")
    assert bundle.run(dag, "s", rescheduled_since=FUTURE).resume_at == FUTURE + timedelta(hours=18)


def test_a_short_wait_is_slept_through(bundle: Bundle) -> None:
    sensor = "WaitSensor(task_id='s', time_to_wait=timedelta(milliseconds=30))"
    assert wait(bundle, sensor, rescheduled_since=datetime.now(UTC)).kind is OutcomeKind.SUCCESS


@pytest.mark.parametrize(
    ("command", "kind"),
    [("exit 0", OutcomeKind.SUCCESS), ("exit 3", OutcomeKind.RESCHEDULE), ("exit 4", OutcomeKind.FAILED_FOR_GOOD)],
)
def test_a_command_says_not_yet_by_its_exit_code(bundle: Bundle, command: str, kind: OutcomeKind) -> None:
    sensor = f"BashSensor(task_id='s', bash_command='{command}', retry_exit_code=3, mode='reschedule')"
    assert wait(bundle, sensor).kind is kind


def test_without_a_code_for_not_yet_every_failure_means_that(bundle: Bundle) -> None:
    sensor = "BashSensor(task_id='s', bash_command='exit 4', deferrable=True)"
    assert wait(bundle, sensor).kind is OutcomeKind.RESCHEDULE


FILES = {
    "'there.txt'": True,
    "'*.txt'": True,
    "'full'": True,
    "'deep/**/x', recursive=True": True,
    "'missing'": False,
    "'empty'": False,
    "'*.csv'": False,
}


@pytest.mark.parametrize(("filepath", "is_there"), FILES.items(), ids=list(FILES))
def test_a_file_is_looked_for_below_the_connections_path(
    bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, filepath: str, is_there: bool
) -> None:
    folder = tmp_path_factory.mktemp("data")
    for name in ("there.txt", "full/sub/file", "deep/er/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "empty").mkdir()
    bundle.services.connections["data"] = f'{{"conn_type": "fs", "extra": {{"path": "{folder}"}}}}'
    outcome = wait(bundle, f"FileSensor(task_id='s', fs_conn_id='data', filepath={filepath}, deferrable=True)")
    assert outcome.error is None
    assert outcome.kind is (OutcomeKind.SUCCESS if is_there else OutcomeKind.DEFERRED)


def test_a_file_needs_no_connection(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert wait(bundle, f"FileSensor(task_id='s', filepath='{tmp_path}/f')").kind is OutcomeKind.SUCCESS


def test_a_connection_that_is_named_must_be_there(bundle: Bundle) -> None:
    outcome = wait(bundle, "FileSensor(task_id='s', filepath='f', fs_conn_id='gone')")
    assert outcome.error is not None
    assert "the Connection 'gone' is not set" in outcome.error.message


def test_a_target_time_that_is_none_fails_with_what_it_must_be(bundle: Bundle) -> None:
    outcome = wait(bundle, "DateTimeSensor(task_id='s', target_time='{{ run_id }}')")
    assert outcome.error is not None
    assert outcome.error.message.endswith("is no datetime; it must be like 2024-05-01T06:00:00+00:00")


MISTAKES = {
    "DateTimeSensor(task_id='s', target_time=5)": "target_time must be a datetime or its ISO form, not 5",
    "TimeSensor(task_id='s', target_time='6:00')": "target_time must be a datetime.time, not '6:00'",
    "DayOfWeekSensor(task_id='s', week_day='Someday')": "there is no week day 'Someday'; there are Monday,",
    "BashSensor(task_id='s')": "BashSensor(task_id='s') needs the argument 'bash_command'",
}


@pytest.mark.parametrize(("line", "message"), MISTAKES.items(), ids=list(MISTAKES))
def test_a_mistake_says_what_would_be_right(bundle: Bundle, line: str, message: str) -> None:
    with pytest.raises(AuthorError, match=rf"^flow\.py, line 5, DAG 'x': .*{re.escape(message)}"):
        bundle.one(f"{HEAD}{line}\n")
