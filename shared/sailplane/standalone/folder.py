"""Keeps a folder of DAG files registered: at the start, and after each change."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from sailplane.standalone import registration
from sailplane.standalone.registration import Registration, child_environment
from sailplane.standalone.watching import Watch

Say = Callable[[str], None]


class DagFolder:
    """One push at a time, in a process of its own: the author's code and Google's clients stay out of this one."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        say: Say,
        interpreter: str = sys.executable,
        *,
        on_change: Callable[[], Awaitable[str | None]],
    ) -> None:
        """`interpreter`: a Python that has what the DAG files import. `on_change` comes before a changed folder is
        pushed and may name another."""
        self._interpreter = interpreter
        self._on_change = on_change
        self._folder = folder
        self._environment = environment
        self._say = say
        self._target: Mapping[str, str] = {}
        self._changed = asyncio.Event()
        self._watch = Watch(folder, self._changed.set)
        self._prepared: Process | None = None
        self._follower: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Start the process of the first push, which imports what it needs while the cloud is being started."""
        self._prepared = await self._spawn()

    async def start(self, target: Mapping[str, str]) -> None:
        """Register the folder with the cloud that the variables `target` lead to, then watch it."""
        self._target = target
        self._watch.start()
        self._tell(await self.register(), first=True)
        self._follower = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        self._watch.stop()
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
        if self._prepared is not None:
            await _end(self._prepared)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._interpreter = await self._on_change() or self._interpreter
            self._tell(await self.register(), first=False)

    async def register(self) -> Registration | None:
        """Push the folder once; None when that failed, which has been said."""
        process, self._prepared = self._prepared or await self._spawn(), None
        try:
            out, errors = await process.communicate(json.dumps(dict(self._target)).encode())
        except asyncio.CancelledError:
            await _end(process)
            raise
        if process.returncode != 0:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            self._say(f"DAG folder {self._folder} could not be registered: {last or f'code {process.returncode}'}")
            return None
        return msgspec.json.decode(out, type=Registration)

    async def _spawn(self) -> Process:
        return await asyncio.create_subprocess_exec(
            self._interpreter,
            "-m",
            registration.__name__,
            str(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(self._environment),
            start_new_session=True,
        )

    def _tell(self, report: Registration | None, *, first: bool) -> None:
        if report is None:
            return
        for what in ("created", "updated", "stale") if not first else ():
            ids = getattr(report, what)
            if ids:
                self._say(f"DAGs {what}: {', '.join(ids)}")
        if first:
            known = len(report.created) + len(report.updated) + len(report.unchanged)
            self._say(f"DAG folder {self._folder}: {known} DAG{'' if known == 1 else 's'}")
        for error in report.errors:
            self._say(f"DAG file with an error, its last good version stays: {error.message}")
        for warning in report.warnings:
            self._say(f"Warning: {warning}")


async def _end(process: Process) -> None:
    """Kill it with all that it started: a DAG file may hang while it is read."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
