"""The log file of one try: JSON lines, made when there is something to write, bounded."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

_ENCODER = msgspec.json.Encoder()


class LogRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a try's log."""

    timestamp: str
    """ISO 8601, UTC."""
    level: str
    logger: str
    event: str
    exception: str | None = None
    """Traceback."""


def timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def notice(event: str, *, level: str = "warning", exception: str | None = None) -> LogRecord:
    """What the runner itself has to say in a task's log."""
    now = timestamp(datetime.now(UTC))
    return LogRecord(timestamp=now, level=level, logger="sailplane.runner", event=event, exception=exception)


def _size(records: Sequence[LogRecord]) -> int:
    return sum(len(record.event) + 1 for record in records)


class Spool:
    """Appends records to a file, whole lines at a time.

    Stops at `bytes_limit` with a record that says so and counts the rest. A file that cannot be written ends the log,
    never the task.
    """

    def __init__(self, path: Path, *, bytes_limit: int) -> None:
        self._path = path
        self._bytes_limit = bytes_limit
        self._file: int | None = None
        self._written = 0
        self._is_full = False
        self.dropped_bytes = 0
        self.failure: OSError | None = None

    @property
    def is_full(self) -> bool:
        """True when records are counted and no longer kept: who makes them may spare the effort."""
        return self._is_full

    def write(self, records: Sequence[LogRecord]) -> None:
        if not records:
            return
        if self._is_full:
            self.drop(_size(records))
            return
        data = _ENCODER.encode_lines(records)
        if self._written + len(data) <= self._bytes_limit:
            self._append(data)
        else:
            self._fill_up(records)

    def drop(self, size: int) -> None:
        """Count bytes of output that were not even made into records."""
        self.dropped_bytes += size

    def close(self) -> None:
        """Say how much is missing, and close the file."""
        if self.dropped_bytes and self.failure is None:
            self._append(self._line(f"{self.dropped_bytes:,} bytes of further output were not kept."))
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _fill_up(self, records: Sequence[LogRecord]) -> None:
        kept = bytearray()
        for count, record in enumerate(records):
            line = _ENCODER.encode(record) + b"\n"
            if self._written + len(kept) + len(line) > self._bytes_limit:
                self.drop(_size(records[count:]))
                break
            kept += line
        self._is_full = True
        reached = f"The log of this try has reached its limit of {self._bytes_limit:,} bytes: what follows is not kept."
        self._append(bytes(kept) + self._line(reached))

    @staticmethod
    def _line(event: str) -> bytes:
        return _ENCODER.encode(notice(event)) + b"\n"

    def _append(self, data: bytes) -> None:
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:] if written else data)
        except OSError as error:
            self.failure = error
            self._is_full = True
            return
        self._written += len(data)
