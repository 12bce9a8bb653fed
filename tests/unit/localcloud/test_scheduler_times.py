"""When scheduler jobs are due."""

from datetime import UTC, datetime, timedelta

import pytest

from localcloud.scheduler import RetryConfig, SchedulerJob


def job(schedule: str, time_zone: str = "UTC") -> SchedulerJob:
    return SchedulerJob(name="tick", schedule=schedule, url="http://x/", time_zone=time_zone)


@pytest.mark.parametrize(
    ("schedule", "time_zone", "now", "due"),
    [
        ("* * * * *", "UTC", datetime(2026, 1, 1, 10, 0, 30, tzinfo=UTC), datetime(2026, 1, 1, 10, 1, tzinfo=UTC)),
        ("* * * * *", "UTC", datetime(2026, 1, 1, 10, 1, tzinfo=UTC), datetime(2026, 1, 1, 10, 2, tzinfo=UTC)),
        ("0 9 * * *", "Europe/Berlin", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 8, tzinfo=UTC)),
        ("0 9 * * *", "Europe/Berlin", datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 1, 7, tzinfo=UTC)),
    ],
)
def test_the_next_time_is_strictly_later_and_in_the_zone_of_the_job(
    schedule: str, time_zone: str, now: datetime, due: datetime
) -> None:
    assert job(schedule, time_zone).next_after(now) == due


def test_a_line_that_is_not_cron_is_refused() -> None:
    with pytest.raises(ValueError, match="tick: 'often' is not a cron line"):
        job("often")


def test_backoff_doubles_up_to_its_bounds() -> None:
    retry = RetryConfig(min_backoff=timedelta(seconds=5), max_backoff=timedelta(seconds=30), max_doublings=2)
    assert [retry.backoff(attempt).total_seconds() for attempt in (1, 2, 3, 4)] == [5, 10, 20, 20]
