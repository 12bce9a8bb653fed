"""Reading a bundle whose files may end the process, or hang it: those files are broken, the others are read.

A forked process reads one file after the other and reports each. When it dies or is too slow, the file it was at is to
blame, and another process reads what is left.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import msgspec

from sailplane.authoring import lookups
from sailplane.authoring.bundle_files import dag_files
from sailplane.authoring.interruption import time_limit
from sailplane.authoring.loading import FileReport, combine, failed, parse_file
from sailplane.authoring.origin import origin_of_error
from sailplane.model.dags import ParsedBundle
from sailplane.model.execution import ReadingServices

IMPORT_TIMEOUT = timedelta(seconds=30)
"""How long the top level of one file may take, as in Airflow."""
GRACE = timedelta(seconds=2)
"""So much later a file that cannot be interrupted is given up."""
_READ_SIZE = 65536
_PR_SET_PDEATHSIG = 1


class DagImportTimeout(BaseException):
    """Not an `Exception`: a DAG file that catches those must not catch this."""


def read_bundle(
    bundle: Path, limit: timedelta = IMPORT_TIMEOUT, services: ReadingServices | None = None
) -> ParsedBundle:
    """All that the DAG files below `bundle` declare, whatever they do when they are imported.

    `services` answers what their top level asks for; it is called in a fork of this process.
    Call it in a process with one thread: it forks.
    """
    bundle = bundle.resolve()
    files = dag_files(bundle)
    reports: list[FileReport] = []
    while len(reports) < len(files):
        left = files[len(reports) :]
        reader = _Reader(bundle, left, limit, services)
        done = list(reader.reports())
        reports += done
        if len(done) < len(left):
            reports.append(failed(left[len(done)], f"{left[len(done)]}: {reader.end()}"))
        else:
            reader.end()
    return combine(reports)


class _Reader:
    """The process that reads, seen from outside."""

    def __init__(self, bundle: Path, files: Sequence[str], limit: timedelta, services: ReadingServices | None) -> None:
        self._limit = limit
        self._is_late = False
        self._pipe, far = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            with lookups.reading(services) if services is not None else contextlib.nullcontext():
                _read_all(bundle, files, limit, far, parent)
        os.close(far)

    def reports(self) -> Iterator[FileReport]:
        """One for each file, as they come; they end early when the process has died or was too slow."""
        unfinished = b""
        deadline = self._deadline()
        while True:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._is_late = True
                return
            data = os.read(self._pipe, _READ_SIZE)
            if not data:
                return
            *lines, unfinished = (unfinished + data).split(b"\n")
            for line in lines:
                yield msgspec.json.decode(line, type=FileReport)
                deadline = self._deadline()

    def end(self) -> str:
        """Have it gone with all that it started; how it ended, in words."""
        os.close(self._pipe)
        if not self._is_late:
            self._wait_for_end()
        with contextlib.suppress(ProcessLookupError):
            # The process may have ended, but it was not collected: its group is still its own.
            os.killpg(self._pid, signal.SIGKILL)
        _pid, status = os.waitpid(self._pid, 0)
        if self._is_late:
            return _too_slow(self._limit) + "; it could not be interrupted"
        code = os.waitstatus_to_exitcode(status)
        how = f"with exit status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        return f"the process that imported it ended {how}: its top level, or a library, ended the interpreter"

    def _wait_for_end(self) -> None:
        """For a moment: the pipe closes a little before the process has ended."""
        give_up_at = time.monotonic() + GRACE.total_seconds()
        while time.monotonic() < give_up_at:
            if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
            time.sleep(0.001)

    def _deadline(self) -> float:
        return time.monotonic() + (self._limit + GRACE).total_seconds()


def _read_all(bundle: Path, files: Sequence[str], limit: timedelta, pipe: int, parent: int) -> NoReturn:
    """In the process that reads."""
    status = 1
    try:
        os.setpgid(0, 0)
        _die_with(parent)
        for file in files:
            report = _read(bundle, file, limit)
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            _write_all(pipe, msgspec.json.encode(report) + b"\n")
        status = 0
    except BaseException:  # The edge of the process, which must not return into its parent's code.
        traceback.print_exc()
    finally:
        os._exit(status)


def _read(bundle: Path, file: str, limit: timedelta) -> FileReport:
    try:
        with time_limit(limit, DagImportTimeout(_too_slow(limit))):
            return parse_file(bundle, file)
    except BaseException as error:  # The edge to the author's code, which may raise anything.
        origin = origin_of_error(error.__traceback__, str(bundle))
        line = f", line {origin.line}" if origin is not None and origin.file.endswith(file) else ""
        told = str(error) if isinstance(error, DagImportTimeout) else f"{type(error).__name__}: {error}"
        return failed(file, f"{file}{line}: {told}")


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone: a file that hangs would keep it for ever."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _too_slow(limit: timedelta) -> str:
    return f"not imported within {limit.total_seconds():g} s: keep slow work out of its top level"


def _write_all(pipe: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]
