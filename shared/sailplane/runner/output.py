"""What a child wrote to its stdout and stderr, turned into log records.

Plain lines are the task's prints. A line that begins with RS (as in RFC 7464) is a record that the child's logging
handler made; it may follow directly on a print that had no line's end.
"""

from datetime import UTC, datetime

import msgspec

from sailplane.runner.masking import Masker
from sailplane.runner.spool import LogRecord, Spool, timestamp

RECORD_MARK = b"\x1e"
RECORD_LIMIT = 1024 * 1024
"""Bytes that a record may have; the child keeps its own well below."""
_DECODER = msgspec.json.Decoder(LogRecord)


class OutputStream:
    """One of the two streams. `feed` and `finish` write to the spool."""

    def __init__(self, spool: Spool, *, level: str, logger: str, line_limit: int, masker: Masker | None = None) -> None:
        self._spool = spool
        self._masker = masker or Masker()
        self._level = level
        self._logger = logger
        self._line_limit = line_limit
        self._begun = bytearray()

    def feed(self, data: bytes) -> None:
        if self._spool.is_full:
            self._spool.drop(len(data))
            return
        *complete, rest = data.split(b"\n")
        if complete:
            complete[0] = bytes(self._begun) + complete[0]
            self._begun.clear()
            self._spool.write(self._records(complete))
        self._begun += rest
        if len(self._begun) > (RECORD_LIMIT if RECORD_MARK in self._begun else self._line_limit):
            self._cut()

    def _cut(self) -> None:
        """Write a line that is too long as far as it has come, but for the beginning of a secret at its end."""
        overlap = self._masker.overlap
        masked = self._masker.data(bytes(self._begun)) if overlap else b""
        rest = masked[-overlap:] if overlap and RECORD_MARK not in masked else b""
        if rest:
            self._begun[:] = masked[:-overlap]
        self.finish()
        self._begun += rest

    def finish(self) -> None:
        """Write what stands there without a line's end."""
        if self._begun:
            line = bytes(self._begun)
            self._begun.clear()
            if self._spool.is_full:
                self._spool.drop(len(line))
            else:
                self._spool.write(self._records([line]))

    def _records(self, lines: list[bytes]) -> list[LogRecord]:
        now = timestamp(datetime.now(UTC))
        records: list[LogRecord] = []
        for line in lines:
            if RECORD_MARK in line:
                self._mixed(line, now, records)
            else:
                self._plain(line, now, records)
        return records

    def _mixed(self, line: bytes, now: str, records: list[LogRecord]) -> None:
        before, *marked = line.split(RECORD_MARK)
        if before:
            self._plain(before, now, records)
        for part in marked:
            try:
                records.append(self._masker.record(_DECODER.decode(part)))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._plain(part, now, records)

    def _plain(self, line: bytes, now: str, records: list[LogRecord]) -> None:
        for part in split_line(self._masker.data(line), self._line_limit):
            text = part.decode("utf-8", "replace").removesuffix("\r")
            records.append(LogRecord(timestamp=now, level=self._level, logger=self._logger, event=text))


def split_line(line: bytes, limit: int) -> list[bytes]:
    """Parts of at most `limit` bytes, cut between characters where the line is UTF-8."""
    if len(line) <= limit:
        return [line]
    parts = []
    while len(line) > limit:
        cut = limit
        while cut > limit - 3 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        parts.append(line[:cut])
        line = line[cut:]
    return [*parts, line]
