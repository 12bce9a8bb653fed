"""Logs of tries: written to a local file by the runner, followed live into the bucket, sealed as one object.

A log costs nothing while it is empty. While a task runs, new lines go to the bucket in parts every few seconds; when
its process has ended, the whole file is written as one object and the parts go. A try that was spread over several
processes, as a rescheduled sensor's is, has a piece for each.
"""

import logging
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from sailplane.cloud.blobs import Blobs
from sailplane.cloud.settings import Settings
from sailplane.engine.spools import Spool, SpoolFolder
from sailplane.model import ids
from sailplane.model.errors import TransientError
from sailplane.model.runs import TaskInstance

_log = logging.getLogger(__name__)
_TYPE = "application/x-ndjson"
_UPLOADS = 4
_MOST_KEPT = 200
_MOST_BYTES_KEPT = 64 * 1024 * 1024
"""What is kept of logs that the bucket did not take: a function's disk is its memory."""


class Shipper:
    """Brings spools to the bucket.

    A log is never a reason to run a message again. One that the bucket does not take stays on the disk, within bounds,
    and is tried again as long as this process lives, then by the next one with the same cache folder.
    """

    def __init__(self, blobs: Blobs, settings: Settings) -> None:
        self._blobs = blobs
        self._folder = SpoolFolder(settings.cache_dir / "spool")
        self._interval = settings.log_flush.total_seconds()
        self._patience = settings.call_deadline.total_seconds()
        self._open: dict[int, Spool] = {}
        self._kept: deque[Spool] = deque()
        self._keeping = threading.Lock()
        """Held by the thread that tries what was kept."""
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_idle = True
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(_UPLOADS, "log-upload")
        if self._folder.has_neighbours():
            self._pool.submit(self._inherit)

    def open(self, instance: TaskInstance) -> Spool:
        """A spool for the process that is about to run `instance`."""
        name = ids.log_object(instance.run, instance.key, instance.try_number)
        since = f"{instance.started_at:%Y%m%dT%H%M%S%f}" if instance.started_at else "0"
        spool = Spool(self._folder.path / f"{instance.claim}.log", name, f"{name}~{since}")
        # The thread finds nothing to do and goes to sleep under the same lock: it cannot miss this one.
        with self._changed:
            self._open[id(spool)] = spool
            self._follow()
        return spool

    def seal(self, spool: Spool, *, is_piece: bool) -> "Future[None] | None":
        """Bring the whole log to the bucket in the background; None when there is none.

        The future is done when the log is in the bucket, or was refused and is kept to be tried again.
        """
        with self._changed:
            del self._open[id(spool)]
        if not spool.has_lines:
            return None
        spool.sealed_as = spool.piece if is_piece else spool.object_name
        return self._pool.submit(self._seal, spool)

    def close(self) -> None:
        """Bring what is left to the bucket; what it does not take is left on the disk."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._pool.shutdown(wait=True)
        if self._thread is not None:
            self._thread.join(timeout=self._patience)
        self._try_kept()
        self._folder.close()

    def _inherit(self) -> None:
        try:
            for spool in self._folder.inherit():
                self._keep(spool)
        except OSError:
            _log.exception("logs that another process left cannot be taken over")
        self._try_kept()

    def _seal(self, spool: Spool) -> None:
        if self._ship(spool):
            self._try_kept()
        else:
            self._keep(spool)

    def _ship(self, spool: Spool) -> bool:
        """Write the whole log; False when the bucket did not take it."""
        with spool.lock:
            try:
                self._blobs.write_file(spool.sealed_as or spool.piece, str(spool.path), _TYPE)
                if spool.is_inherited:
                    spool.parts = self._blobs.names(f"{spool.piece}.part")
                if spool.parts:
                    self._blobs.delete(spool.parts)
            except FileNotFoundError:
                _log.error("log %s is lost: somebody removed %s", spool.object_name, spool.path)
            except Exception as error:
                # The edge of the upload's thread. Whatever it is, the task has ended and its message is done.
                _log.warning("log %s could not be stored, and is kept: %s", spool.object_name, error)
                return False
            spool.remove()
            return True

    def _keep(self, spool: Spool) -> None:
        try:
            spool.write_label()
        except OSError as error:
            _log.warning("log %s is kept by this process alone: %s", spool.object_name, error)
        with self._changed:
            self._kept.append(spool)
            while len(self._kept) > _MOST_KEPT or sum(map(_size, self._kept)) > _MOST_BYTES_KEPT:
                dropped = self._kept.popleft()
                _log.error("log %s is lost: the bucket was away for too long", dropped.object_name)
                dropped.remove()
            self._follow()

    def _try_kept(self) -> None:
        """Try what was kept, oldest first, until the bucket refuses one."""
        if not self._keeping.acquire(blocking=False):
            return
        try:
            while spool := self._next_kept():
                if not self._ship(spool):
                    with self._changed:
                        self._kept.appendleft(spool)
                    return
        finally:
            self._keeping.release()

    def _next_kept(self) -> Spool | None:
        with self._changed:
            return self._kept.popleft() if self._kept else None

    def _follow(self) -> None:
        """Wake the thread; under the lock."""
        if self._is_closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._ship_parts, name="log-follow", daemon=True)
            self._thread.start()
        elif self._is_idle:
            self._changed.notify()

    def _ship_parts(self) -> None:
        while self._sleep():
            try:
                for spool in self._followed():
                    self._ship_part(spool)
                self._try_kept()
            except Exception:
                # The edge of this thread: without it no log of this process would be followed any more.
                _log.exception("logs could not be followed")

    def _sleep(self) -> bool:
        """Wait until there is something to follow, and for one interval; False when the shipper is closed."""
        with self._changed:
            self._is_idle = True
            self._changed.wait_for(lambda: self._is_closed or self._open or self._kept)
            self._is_idle = False
            return not self._changed.wait_for(lambda: self._is_closed, self._interval)

    def _followed(self) -> tuple[Spool, ...]:
        with self._changed:
            return tuple(self._open.values())

    def _ship_part(self, spool: Spool) -> None:
        with spool.lock:
            if id(spool) not in self._open or not spool.has_lines:
                return
            if not spool.is_labelled:
                spool.write_label()
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


def _size(spool: Spool) -> int:
    try:
        return spool.path.stat().st_size
    except FileNotFoundError:
        return 0
