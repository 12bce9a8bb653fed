"""Keeps a folder of DAG files registered: at the start, and after each change."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from sailplane.standalone import registration
from sailplane.standalone.registration import Registration, child_environment
from sailplane.standalone.watching import Watch

Say = Callable[[str], None]


class DagFolder:
    """One push at a time, in a process of its own: the author's code and Google's clients stay out of this one."""

    def __init__(self, folder: Path, environment: Mapping[str, str], say: Say) -> None:
        self._folder = folder
        self._environment = environment
        self._say = say
        self._changed = asyncio.Event()
        self._watch = Watch(folder, self._changed.set)
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Register the folder, then watch it."""
        self._watch.start()
        self._tell(await self.register(), first=True)
        self._follower = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        self._watch.stop()
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._tell(await self.register(), first=False)

    async def register(self) -> Registration | None:
        """Push the folder once; None when that failed, which has been said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            registration.__name__,
            str(self._folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(self._environment),
            start_new_session=True,
        )
        try:
            out, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            self._say(f"DAG folder {self._folder} could not be registered: {last or f'code {process.returncode}'}")
            return None
        return msgspec.json.decode(out, type=Registration)

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
