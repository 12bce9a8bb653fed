"""A small Cloud Scheduler: posts HTTP requests on cron. At least once, never to make up for missed times."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter

from localcloud.counters import Counters

Send = Callable[[str, str, Mapping[str, str], bytes, float], Awaitable[int]]
"""`(method, url, headers, body, timeout in seconds)` to the HTTP status."""
_LONGEST_SLEEP = 60.0
"""Timers stand still while a machine sleeps: look at the clock again at least this often."""


@dataclass(frozen=True, kw_only=True)
class RetryConfig:
    """What follows an attempt that failed, named as in Cloud Scheduler."""

    retry_count: int = 0
    min_backoff: timedelta = timedelta(seconds=5)
    max_backoff: timedelta = timedelta(hours=1)
    max_doublings: int = 5

    def backoff(self, attempt: int) -> timedelta:
        """How long to wait after attempt `attempt`, counted from 1."""
        doublings = min(attempt - 1, self.max_doublings)
        return min(self.min_backoff * (1 << doublings), self.max_backoff)


@dataclass(frozen=True, kw_only=True)
class SchedulerJob:
    """One job with an HTTP target."""

    name: str
    schedule: str
    """Cron, five fields."""
    url: str
    time_zone: str = "UTC"
    method: str = "POST"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    attempt_deadline: timedelta = timedelta(minutes=3)
    retry: RetryConfig = RetryConfig()

    def __post_init__(self) -> None:
        if not croniter.is_valid(self.schedule):
            raise ValueError(f"scheduler job {self.name}: {self.schedule!r} is not a cron line")
        ZoneInfo(self.time_zone)

    def next_after(self, instant: datetime) -> datetime:
        """The first time due strictly after `instant`, in UTC."""
        local = instant.astimezone(ZoneInfo(self.time_zone))
        due: datetime = croniter(self.schedule, local).get_next(datetime)
        return due.astimezone(UTC)


@dataclass
class _Entry:
    job: SchedulerJob
    paused: bool
    next_at: datetime
    timer: asyncio.TimerHandle | None = None
    running: asyncio.Task[int] | None = None
    last_at: datetime | None = None
    last_status: int | None = None


class Scheduler:
    """Keeps one timer a job; nothing happens between due times."""

    def __init__(self, send: Send, state_file: Path, counters: Counters) -> None:
        self._send = send
        self._state_file = state_file
        self._counters = counters
        self._entries: dict[str, _Entry] = {}
        self._paused = _read_paused(state_file)

    def add(self, job: SchedulerJob) -> None:
        """Add a job, or replace the one of the same name."""
        self.remove(job.name)
        entry = _Entry(job=job, paused=job.name in self._paused, next_at=job.next_after(datetime.now(UTC)))
        self._entries[job.name] = entry
        self._arm(entry)

    def remove(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None and entry.timer is not None:
            entry.timer.cancel()

    async def run_now(self, name: str) -> int:
        """Run one job at once, also a paused one; the HTTP status of its answer. KeyError for an unknown one."""
        return await self._execute(self._entries[name], datetime.now(UTC))

    def pause(self, name: str) -> None:
        """No more runs until `resume`, over restarts too. KeyError for an unknown job."""
        self._set_paused(self._entries[name], True)

    def resume(self, name: str) -> None:
        """The next run is the next one due from now. KeyError for an unknown job."""
        self._set_paused(self._entries[name], False)

    def describe(self) -> list[dict[str, Any]]:
        """All jobs, as JSON."""
        return [_describe(entry) for entry in self._entries.values()]

    async def close(self) -> None:
        """Stop all timers and abandon what runs."""
        running = [entry.running for entry in self._entries.values() if entry.running is not None]
        for name in list(self._entries):
            self.remove(name)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _set_paused(self, entry: _Entry, paused: bool) -> None:
        entry.paused = paused
        (self._paused.add if paused else self._paused.discard)(entry.job.name)
        temporary = self._state_file.with_suffix(".tmp")
        temporary.write_text(json.dumps({"paused": sorted(self._paused)}))
        temporary.replace(self._state_file)
        if not paused:
            entry.next_at = entry.job.next_after(datetime.now(UTC))
        self._arm(entry)

    def _arm(self, entry: _Entry) -> None:
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        if entry.paused:
            return
        seconds = (entry.next_at - datetime.now(UTC)).total_seconds()
        delay = min(max(seconds, 0.0), _LONGEST_SLEEP)
        entry.timer = asyncio.get_running_loop().call_later(delay, self._wake, entry)

    def _wake(self, entry: _Entry) -> None:
        entry.timer = None
        now = datetime.now(UTC)
        if now >= entry.next_at:
            due, entry.next_at = entry.next_at, entry.job.next_after(now)
            if entry.running is None:
                self._start(entry, due)
        self._arm(entry)

    def _start(self, entry: _Entry, due: datetime) -> None:
        task = entry.running = asyncio.get_running_loop().create_task(self._execute(entry, due))
        task.add_done_callback(lambda _done: setattr(entry, "running", None))

    async def _execute(self, entry: _Entry, due: datetime) -> int:
        """One run with its retries."""
        attempt = 0
        while True:
            attempt += 1
            status = await self._attempt(entry, due)
            if 200 <= status < 300 or attempt > entry.job.retry.retry_count:
                return status
            await asyncio.sleep(entry.job.retry.backoff(attempt).total_seconds())

    async def _attempt(self, entry: _Entry, due: datetime) -> int:
        job = entry.job
        self._counters.add("scheduler.attempts")
        entry.last_at = datetime.now(UTC)
        headers = {**job.headers, **_scheduler_headers(job, due)}
        timeout = job.attempt_deadline.total_seconds()
        entry.last_status = await self._send(job.method, job.url, headers, job.body, timeout)
        return entry.last_status


def _scheduler_headers(job: SchedulerJob, due: datetime) -> dict[str, str]:
    headers = {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": job.name,
        "X-CloudScheduler-ScheduleTime": due.isoformat().replace("+00:00", "Z"),
    }
    if job.body and not any(name.lower() == "content-type" for name in job.headers):
        headers["Content-Type"] = "application/octet-stream"
    return headers


def _describe(entry: _Entry) -> dict[str, Any]:
    return {
        "name": entry.job.name,
        "schedule": entry.job.schedule,
        "time_zone": entry.job.time_zone,
        "url": entry.job.url,
        "state": "PAUSED" if entry.paused else "ENABLED",
        "next_at": None if entry.paused else entry.next_at.isoformat(),
        "last_at": entry.last_at.isoformat() if entry.last_at is not None else None,
        "last_status": entry.last_status,
    }


def _read_paused(path: Path) -> set[str]:
    try:
        return set(json.loads(path.read_text())["paused"])
    except (FileNotFoundError, ValueError, KeyError):
        return set()
