"""Scheduler jobs that post to real functions."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from localcloud import FunctionSpec, LocalCloudConfig, LocalCloudThread, RetryConfig, SchedulerJob
from localcloud.counters import Counters
from localcloud.scheduler import Scheduler

FUNCTION = """
import json, os

def note(request):
    with open(os.environ["NOTES"], "a") as file:
        file.write(json.dumps({"headers": dict(request.headers), "body": request.get_data().decode()}) + "\\n")
    return "noted", 200
"""
MINUTELY = "* * * * *"
NEVER = "0 0 29 2 *"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloudThread]:
    with LocalCloudThread(LocalCloudConfig(data_dir=tmp_path / "data")) as running:
        yield running


def test_a_job_run_by_hand_reaches_its_function_as_cloud_scheduler_would(
    cloud: LocalCloudThread, tmp_path: Path
) -> None:
    source, notes = tmp_path / "main.py", tmp_path / "notes"
    source.write_text(FUNCTION)
    url = cloud.add_function(FunctionSpec(name="note", source=source, target="note", env={"NOTES": str(notes)}))
    cloud.add_job(SchedulerJob(name="daily", schedule=NEVER, url=url, body=b"hello", headers={"X-Mine": "1"}))
    answer = httpx.post(f"{cloud.endpoints.admin}/scheduler/jobs/daily/run", timeout=60)
    assert answer.json() == {"status": 200}
    noted = json.loads(notes.read_text())
    assert noted["body"] == "hello"
    assert noted["headers"]["X-Cloudscheduler-Jobname"] == "daily"
    assert noted["headers"]["X-Mine"] == "1"
    assert noted["headers"]["User-Agent"] == "Google-Cloud-Scheduler"


def test_jobs_are_paused_and_resumed_over_restarts(tmp_path: Path) -> None:
    job = SchedulerJob(name="tick", schedule=MINUTELY, url="http://127.0.0.1:9/")
    config = LocalCloudConfig(data_dir=tmp_path, jobs=(job,))
    with LocalCloudThread(config) as cloud:
        httpx.post(f"{cloud.endpoints.admin}/scheduler/jobs/tick/pause")
    with LocalCloudThread(config) as cloud:
        [described] = httpx.get(f"{cloud.endpoints.admin}/scheduler/jobs").json()
        assert (described["state"], described["next_at"]) == ("PAUSED", None)
        httpx.post(f"{cloud.endpoints.admin}/scheduler/jobs/tick/resume")
        [described] = httpx.get(f"{cloud.endpoints.admin}/scheduler/jobs").json()
        assert described["state"] == "ENABLED"
        assert datetime.fromisoformat(described["next_at"]) > datetime.now(UTC)


def test_an_unknown_job_is_not_found(cloud: LocalCloudThread) -> None:
    assert httpx.post(f"{cloud.endpoints.admin}/scheduler/jobs/nothing/run").status_code == 404


class Recorder:
    """Answers with the statuses given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.seen: list[Mapping[str, str]] = []

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> int:
        self.seen.append(headers)
        return self.statuses.pop(0) if self.statuses else 200


def _with_scheduler(tmp_path: Path, send: Recorder, act: Callable[[Scheduler], Any]) -> Any:
    async def run() -> Any:
        scheduler = Scheduler(send, tmp_path / "scheduler.json", Counters())
        try:
            return await act(scheduler)
        finally:
            await scheduler.close()

    return asyncio.run(run())


def test_a_failed_attempt_is_repeated_as_often_as_configured(tmp_path: Path) -> None:
    send = Recorder(500, 503)
    retry = RetryConfig(retry_count=3, min_backoff=timedelta(milliseconds=1))

    async def act(scheduler: Scheduler) -> int:
        scheduler.add(SchedulerJob(name="tick", schedule=NEVER, url="http://x/", retry=retry))
        return await scheduler.run_now("tick")

    assert _with_scheduler(tmp_path, send, act) == 200
    assert len(send.seen) == 3


@pytest.mark.slow
def test_a_job_posts_by_itself_when_it_is_due(tmp_path: Path) -> None:
    send = Recorder()

    async def act(scheduler: Scheduler) -> None:
        # Six fields: the last one is seconds.
        scheduler.add(SchedulerJob(name="often", schedule="* * * * * *", url="http://x/"))
        deadline = time.monotonic() + 30
        while len(send.seen) < 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    _with_scheduler(tmp_path, send, act)
    first, second = (datetime.fromisoformat(headers["X-CloudScheduler-ScheduleTime"]) for headers in send.seen[:2])
    assert second - first == timedelta(seconds=1)
