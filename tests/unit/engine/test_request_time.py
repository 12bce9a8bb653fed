"""What may begin in what is left of a request's time."""

from datetime import UTC, datetime, timedelta

import pytest

from sailplane.engine.request_time import MARGIN, RequestTime
from sailplane.model.dags import SerializedTask

LIMIT = timedelta(seconds=540)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def after(seconds: float) -> RequestTime:
    """A request that began so many seconds ago."""
    clock = Clock()
    time = RequestTime(LIMIT, clock)
    clock.now += timedelta(seconds=seconds)
    return time


def task(execution_timeout: float | None = None) -> SerializedTask:
    limit = timedelta(seconds=execution_timeout) if execution_timeout is not None else None
    return SerializedTask(task_id="land", operator="PythonOperator", execution_timeout=limit)


@pytest.mark.parametrize(
    ("seconds", "execution_timeout", "suits"),
    [
        (0, None, True),
        (53, None, True),
        (54, None, False),
        (54, 60, True),
        (460, 60, True),
        (470, 60, False),
        (0, 7200, True),
        (54, 7200, False),
    ],
)
def test_a_try_begins_with_nearly_all_the_time_or_with_certainly_enough(
    seconds: float, execution_timeout: float | None, suits: bool
) -> None:
    assert after(seconds).suits(task(execution_timeout)) is suits


def test_a_retry_counts_from_when_it_is_due() -> None:
    assert after(50).suits(task(), timedelta(seconds=3))
    assert not after(50).suits(task(), timedelta(seconds=5))


def test_code_gets_what_is_left_less_what_recording_its_end_takes() -> None:
    assert after(40).for_code == LIMIT - timedelta(seconds=40) - MARGIN
    assert after(539).for_code == timedelta(seconds=1)


def test_results_are_insisted_on_until_the_time_is_nearly_over() -> None:
    assert not after(509).is_nearly_over()
    assert after(511).is_nearly_over()
