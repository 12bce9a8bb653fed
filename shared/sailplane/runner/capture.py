"""In the child: stdout, stderr and `logging` of user code go to the supervisor's pipes, in order."""

import io
import logging
import os
import sys
import warnings
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from sailplane.runner.output import RECORD_MARK
from sailplane.runner.protocol import writable
from sailplane.runner.spool import LogRecord, timestamp

EVENT_LIMIT = 128 * 1024
"""Characters of a log message, or of its traceback, that are kept."""
_ENCODER = msgspec.json.Encoder()


class RecordHandler(logging.Handler):
    """Writes each log record as one marked line to stdout's pipe, behind what was printed before."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = RECORD_MARK + _ENCODER.encode(self._structured(record)) + b"\n"
            sys.stdout.flush()
            _write_all(1, line)
        except (OSError, ValueError, TypeError):
            self.handleError(record)

    def _structured(self, record: logging.LogRecord) -> LogRecord:
        return LogRecord(
            timestamp=timestamp(datetime.fromtimestamp(record.created, UTC)),
            level=record.levelname.lower(),
            logger=record.name,
            event=_bounded(record.getMessage()),
            exception=_exception_text(record),
        )


_formatter = logging.Formatter()


def _exception_text(record: logging.LogRecord) -> str | None:
    if record.exc_info and record.exc_info[0] is not None:
        return _bounded(_formatter.formatException(record.exc_info))
    return _bounded(record.exc_text) if record.exc_text else None


def _bounded(text: str) -> str:
    text = writable(text)
    if len(text) <= EVENT_LIMIT:
        return text
    return f"{text[:EVENT_LIMIT]}... ({len(text) - EVENT_LIMIT:,} characters more)"


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


class Capture:
    """The streams of this process. `install` puts them in place, and back in place after each task."""

    def __init__(self) -> None:
        self._stdout = _text_stream(1)
        self._stderr = _text_stream(2)
        self._stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
        self._pipes: tuple[tuple[int, int] | None, ...] = ()
        self._handler = RecordHandler()

    def bind(self) -> None:
        """Remember which pipes the file descriptors are now."""
        self._pipes = (_identity(1), _identity(2))

    def install(self) -> None:
        sys.stdin, sys.stdout, sys.stderr = self._stdin, self._stdout, self._stderr
        root = logging.getLogger()
        if root.handlers != [self._handler]:
            root.handlers[:] = [self._handler]
        if root.level != logging.INFO:
            root.setLevel(logging.INFO)
        logging.captureWarnings(True)

    def remove(self) -> None:
        """Undo `install`: what a DAG file says when it is imported goes where the template's own words go."""
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
        logging.getLogger().handlers.clear()
        logging.captureWarnings(False)

    def flush(self) -> None:
        """Hand on what was printed, also through streams that user code put in place of ours."""
        if sys.stdout is not self._stdout:
            _flush(sys.stdout)
        if sys.stderr is not self._stderr:
            _flush(sys.stderr)
        _flush(self._stdout)
        _flush(self._stderr)

    def is_intact(self) -> bool:
        """False when user code closed or redirected a standard file descriptor."""
        return (_identity(1), _identity(2)) == self._pipes and not (
            self._stdout.closed or self._stderr.closed or self._stdin.closed
        )


def _flush(stream: TextIO | None) -> None:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        pass  # Closed by the task: nothing is left to hand on.
    except Exception:  # noqa: BLE001,RUF100 - user code's own stream
        warnings.warn("stdout could not be flushed", stacklevel=1)


def _text_stream(file: int) -> TextIO:
    raw = io.FileIO(file, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw, 64 * 1024), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def _identity(file: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino
