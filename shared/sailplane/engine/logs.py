"""Logs of tries: written to a local file by the runner, followed live into the bucket, sealed as one object.

A log costs nothing while it is empty. While a task runs, new lines go to the bucket in parts every few seconds; when
its process has ended, the whole file is written as one object and the parts go. A try that was spread over several
processes, as a rescheduled sensor's is, has a piece for each.
"""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sailplane.cloud.blobs import Blobs
from sailplane.cloud.settings import Settings
from sailplane.cloud.wiring import Cloud
from sailplane.model import ids
from sailplane.model.errors import NotFound, TransientError
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance

_log = logging.getLogger(__name__)
_TYPE = "application/x-ndjson"
_UPLOADS = 4


@dataclass(eq=False)
class Spool:
    """The log of one process of a try, on its way to the bucket."""

    path: Path
    object_name: str
    piece: str
    """Object name of this process's share, used when the try has several."""
    shipped: int = 0
    parts: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_lines(self) -> bool:
        return self.path.exists()


class Shipper:
    """Brings spools to the bucket."""

    def __init__(self, blobs: Blobs, settings: Settings) -> None:
        self._blobs = blobs
        self._folder = settings.cache_dir / "spool"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._interval = settings.log_flush.total_seconds()
        self._open: dict[int, Spool] = {}
        self._changed = threading.Condition()
        self._is_idle = True
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(_UPLOADS, "log-upload")

    def open(self, instance: TaskInstance) -> Spool:
        """A spool for the process that is about to run `instance`."""
        name = ids.log_object(instance.run, instance.key, instance.try_number)
        since = f"{instance.started_at:%Y%m%dT%H%M%S%f}" if instance.started_at else "0"
        spool = Spool(self._folder / f"{instance.claim}.log", name, f"{name}~{since}")
        self._open[id(spool)] = spool
        if self._is_idle:
            self._follow()
        return spool

    def seal(self, spool: Spool, *, is_piece: bool) -> "Future[None] | None":
        """Bring the whole log to the bucket in the background; None when there is none."""
        del self._open[id(spool)]
        if not spool.has_lines:
            return None
        return self._pool.submit(self._seal, spool, spool.piece if is_piece else spool.object_name)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _seal(self, spool: Spool, name: str) -> None:
        with spool.lock:
            self._blobs.write_file(name, str(spool.path), _TYPE)
            if spool.parts:
                self._blobs.delete(spool.parts)
            spool.path.unlink(missing_ok=True)

    def _follow(self) -> None:
        with self._changed:
            self._is_idle = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._ship_parts, name="log-follow", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _ship_parts(self) -> None:
        while True:
            with self._changed:
                self._is_idle = not self._open
                if self._is_idle:
                    self._changed.wait()
            threading.Event().wait(self._interval)
            for spool in tuple(self._open.values()):
                self._ship_part(spool)

    def _ship_part(self, spool: Spool) -> None:
        with spool.lock:
            if id(spool) not in self._open or not spool.has_lines:
                return
            with spool.path.open("rb") as file:
                file.seek(spool.shipped)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            if not whole:
                return
            name = f"{spool.piece}.part{len(spool.parts):06}"
            try:
                self._blobs.write(name, whole, _TYPE)
            except TransientError as error:
                _log.warning("log %s could not be followed: %s", spool.object_name, error)
                return
            spool.parts.append(name)
            spool.shipped += len(whole)


@dataclass(frozen=True, kw_only=True)
class LogChunk:
    """Lines of a log, from an offset on."""

    lines: list[dict[str, Any]]
    next_offset: int
    """Number of the line that follows, to ask for the next chunk with."""


def read_log(cloud: Cloud, run: RunKey, task: TaskKey, try_number: int, offset: int = 0) -> LogChunk:
    """The log of a try from line `offset` on, ended or still running; no lines when there is no log (yet)."""
    lines: list[bytes] = []
    for name in _pieces(cloud, ids.log_object(run, task, try_number)):
        try:
            lines += cloud.blobs.read(name).splitlines()
        except NotFound:
            continue  # A part that was sealed since the listing.
    wanted = lines[offset:]
    return LogChunk(lines=[_parse(line) for line in wanted], next_offset=offset + len(wanted))


def _pieces(cloud: Cloud, base: str) -> list[str]:
    """The objects that make up a log, in order: sealed pieces, then the parts of a process that is not sealed."""
    names = [name for name in cloud.blobs.names(base) if name == base or name.startswith(f"{base}~")]
    sealed = [name for name in names if ".part" not in name[len(base) :]]
    parts = [name for name in names if name not in sealed and name.rpartition(".part")[0] not in sealed]
    pieces = sorted(name for name in sealed if name != base)
    return [*pieces, base] if base in sealed else [*pieces, *sorted(parts)]


def _parse(line: bytes) -> dict[str, Any]:
    try:
        parsed = msgspec.json.decode(line)
    except msgspec.DecodeError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"event": line.decode(errors="replace")}
