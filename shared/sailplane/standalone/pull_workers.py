"""The pull workers of a standalone: a process for each pull queue, started again whenever it ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.cloudrun import process_death
from localcloud.cloudrun.logs import LogFolder

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds before a worker that ended is started again."""
STEADY_SECONDS = 60.0
"""A worker that ran so long was well."""
STOP_SECONDS = 10.0
"""Between SIGTERM and SIGKILL."""


@dataclass(frozen=True, kw_only=True)
class PullWorker:
    """What to run for a queue."""

    queue: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


class PullWorkers:
    """Use it on the event loop."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._say = say
        self._kept: list[tuple[PullWorker, asyncio.Task[None]]] = []

    async def keep(self, wanted: Iterable[PullWorker]) -> None:
        """Keep these running. Others are stopped, SIGTERM first, so that they finish or hand back what they have."""
        wanted = list(wanted)
        others = [task for worker, task in self._kept if worker not in wanted]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._kept = [(worker, task) for worker, task in self._kept if worker in wanted]
        running = [worker for worker, _ in self._kept]
        loop = asyncio.get_running_loop()
        self._kept += [(each, loop.create_task(self._keep(each))) for each in wanted if each not in running]

    async def _keep(self, worker: PullWorker) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            started_at = loop.time()
            code = await self._run(worker)
            pause = FIRST_PAUSE if loop.time() - started_at > STEADY_SECONDS else pause
            self._say(f"The worker of queue {worker.queue} ended with code {code}; it starts again in {pause:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run(self, worker: PullWorker) -> int:
        # By way of a small program, which sees that it dies with this process, however that dies.
        guard = [sys.executable, "-IS", process_death.__file__, str(os.getpid())]
        _path, log = LogFolder(self._logs, f"pull-{worker.queue}").open(f"{os.getpid():x}")
        try:
            process = await asyncio.create_subprocess_exec(
                *guard,
                *worker.command,
                env=dict(worker.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # What it left behind.


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
