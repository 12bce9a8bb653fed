"""Cloud Run jobs: each execution is a process, side by side as many as there is room for, the others wait."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from localcloud.cloudrun import process_death
from localcloud.cloudrun.jobs_spec import Execution, ExecutionState, JobSpec, Overrides
from localcloud.cloudrun.jobs_store import ExecutionStore
from localcloud.cloudrun.logs import LogFolder
from localcloud.counters import Counters

GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL, as on Cloud Run."""
MOST_WAITING = 1000
"""Executions that may wait for room; the next one is refused."""
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class TooManyError(Exception):
    """As many executions wait as may."""


class Jobs:
    """Runs executions. They are kept over restarts: those that waited start then, those that ran have failed."""

    def __init__(self, *, data_dir: Path, env: Mapping[str, str], counters: Counters, most_running: int) -> None:
        """`env` is what every execution inherits; a job's own comes on top, and then the execution's."""
        self.jobs: dict[str, JobSpec] = {}
        self._env = env
        self._counters = counters
        self._most_running = most_running
        self._log_dir = data_dir / "logs"
        self._store = ExecutionStore(data_dir / "executions.sqlite")
        self._waiting: deque[Execution] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._cancelled: dict[str, asyncio.Event] = {}
        self._is_closed = False

    def start(self) -> None:
        """Go on where the last local cloud on this data stopped; call it once the jobs are added."""
        for execution in self._store.unfinished():
            if execution.state is ExecutionState.RUNNING or execution.job not in self.jobs:
                self._end(execution, ExecutionState.FAILED, None, "it was cut off when the local cloud stopped")
            else:
                self._waiting.append(execution)
        self._fill()

    def add(self, spec: JobSpec) -> None:
        """Deploy a job, in place of one of the same name."""
        self.jobs[spec.name] = spec

    def remove(self, name: str) -> None:
        self.jobs.pop(name, None)

    def run(self, job: str, overrides: Overrides) -> Execution:
        """A new execution, which starts as soon as there is room. Raises `TooManyError`; KeyError without the job."""
        spec = self.jobs[job]
        if len(self._waiting) >= MOST_WAITING:
            raise TooManyError(f"{MOST_WAITING} executions wait already")
        self._counters.add("cloudrun.executions")
        ending = "".join(secrets.choice(_ALPHABET) for _ in range(5))
        execution = Execution(
            id=f"{job}-{ending}",
            job=job,
            location=spec.location,
            overrides=overrides,
            created_at=datetime.now(UTC),
        )
        self._store.put(execution)
        self._waiting.append(execution)
        self._fill()
        return self.execution(execution.id) or execution

    def execution(self, execution_id: str) -> Execution | None:
        return self._store.get(execution_id)

    def executions(self, job: str) -> list[Execution]:
        """Newest first."""
        return self._store.of(job)

    def cancel(self, execution_id: str) -> None:
        """Have an execution end, SIGTERM first. One that is over stays as it is."""
        for execution in [each for each in self._waiting if each.id == execution_id]:
            self._waiting.remove(execution)
            self._end(execution, ExecutionState.CANCELLED, None, "cancelled before it started")
        if execution_id in self._cancelled:
            self._cancelled[execution_id].set()

    def delete(self, execution_id: str) -> None:
        self.cancel(execution_id)
        self._store.delete(execution_id)

    async def close(self) -> None:
        """Stop all processes, SIGTERM first. What waits starts with the next local cloud on this data."""
        self._is_closed = True
        for cancelled in self._cancelled.values():
            cancelled.set()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._store.close()

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._most_running and not self._is_closed:
            execution = self._waiting.popleft()
            if execution.job not in self.jobs:
                self._end(execution, ExecutionState.FAILED, None, "its job was deleted")
                continue
            self._cancelled[execution.id] = asyncio.Event()
            task = asyncio.get_running_loop().create_task(self._work(execution))
            self._running[execution.id] = task

    async def _work(self, execution: Execution) -> None:
        try:
            await self._attempt_all(execution)
        except OSError as error:
            self._end(execution, ExecutionState.FAILED, None, f"its process could not be started: {error}")
        finally:
            del self._running[execution.id], self._cancelled[execution.id]
            self._fill()

    async def _attempt_all(self, execution: Execution) -> None:
        spec, cancelled = self.jobs[execution.job], self._cancelled[execution.id]
        folder = LogFolder(self._log_dir, execution.job)
        path, log = folder.open(execution.id.rpartition("-")[2])
        try:
            for attempt in range(spec.max_retries + 1):
                started_at = execution.started_at or datetime.now(UTC)
                execution = replace(
                    execution, state=ExecutionState.RUNNING, attempt=attempt, started_at=started_at, log=str(path)
                )
                self._store.put(execution)
                code, message = await self._attempt(spec, execution, log)
                if code == 0 or cancelled.is_set():
                    break
        finally:
            os.close(log)
        has_failed = ExecutionState.CANCELLED if cancelled.is_set() else ExecutionState.FAILED
        self._end(execution, ExecutionState.SUCCEEDED if code == 0 else has_failed, code, message)

    async def _attempt(self, spec: JobSpec, execution: Execution, log: int) -> tuple[int, str]:
        """One process to its end: its exit code, negative for a signal, and what there is to say."""
        overrides = execution.overrides
        args = spec.args if overrides.args is None else overrides.args
        # By way of a small program, which sees that it dies with this one, however that dies.
        guard = [sys.executable, "-IS", process_death.__file__, str(os.getpid())]
        process = await asyncio.create_subprocess_exec(
            *guard,
            *spec.command,
            *args,
            env=self._environment(spec, execution),
            cwd=spec.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        seconds = overrides.timeout_seconds or spec.timeout.total_seconds()
        try:
            return await self._watch(process, self._cancelled[execution.id], seconds)
        finally:
            _signal_group(process.pid, signal.SIGKILL)  # What it left behind.

    async def _watch(
        self, process: asyncio.subprocess.Process, cancelled: asyncio.Event, seconds: float
    ) -> tuple[int, str]:
        end, stop = asyncio.create_task(process.wait()), asyncio.create_task(cancelled.wait())
        try:
            await asyncio.wait({end, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                code = end.result()
                return code, "" if code == 0 else f"the container exited with code {code}"
            reason = "cancelled" if stop.done() else f"terminated: its timeout of {seconds:.0f} s was over"
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await asyncio.wait({end}, timeout=GRACE_SECONDS)
            _signal_group(process.pid, signal.SIGKILL)
            code = await end
            return code or -int(signal.SIGTERM), reason
        finally:
            stop.cancel()
            end.cancel()

    def _environment(self, spec: JobSpec, execution: Execution) -> dict[str, str]:
        return {
            **self._env,
            **spec.env,
            **execution.overrides.env,
            "CLOUD_RUN_JOB": spec.name,
            "CLOUD_RUN_EXECUTION": execution.id,
            "CLOUD_RUN_TASK_INDEX": "0",
            "CLOUD_RUN_TASK_COUNT": "1",
            "CLOUD_RUN_TASK_ATTEMPT": str(execution.attempt),
        }

    def _end(self, execution: Execution, state: ExecutionState, code: int | None, message: str) -> None:
        self._store.put(replace(execution, state=state, exit_code=code, message=message, ended_at=datetime.now(UTC)))


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
