"""The pull workers of a standalone: a process for each pull queue, started again whenever it ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
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


class PullWorkers:
    """Use `start` and `stop` on the event loop."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._say = say
        self._keepers: list[asyncio.Task[None]] = []
        self.pids: dict[str, int] = {}
        """Process ids of those that run, by queue."""

    def start(self, queue: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Keep a worker of `queue` running."""
        self._keepers.append(asyncio.get_running_loop().create_task(self._keep(queue, command, environment)))

    async def stop(self) -> None:
        """Stop all, SIGTERM first, so that they finish or hand back what they have."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, queue: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            started_at = loop.time()
            code = await self._run(queue, command, environment)
            pause = FIRST_PAUSE if loop.time() - started_at > STEADY_SECONDS else pause
            self._say(f"The worker of queue {queue} ended with code {code}; it starts again in {pause:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run(self, queue: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
        # By way of a small program, which sees that it dies with this process, however that dies.
        guard = [sys.executable, "-IS", process_death.__file__, str(os.getpid())]
        _path, log = LogFolder(self._logs, f"pull-{queue}").open(f"{os.getpid():x}")
        try:
            process = await asyncio.create_subprocess_exec(
                *guard,
                *command,
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        self.pids[queue] = process.pid
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
        finally:
            self.pids.pop(queue, None)
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
