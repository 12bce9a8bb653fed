"""What tasks log and print while they run in this process."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, TextIO, cast

from sailplane.model.ids import TaskKey


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of a task instance's log."""

    key: TaskKey
    try_number: int
    level: str
    text: str


class LogBook(logging.Handler):
    """Keeps every record and printed line with the try that it came from, and passes printed ones on."""

    def __init__(self, *, keeps_output: bool) -> None:
        super().__init__()
        self.lines: list[LogLine] = []
        self.errors: dict[TaskKey, BaseException] = {}
        """The exception that each task instance failed with last."""
        self._keeps_output = keeps_output
        self._open: tuple[TaskKey, int] | None = None

    @contextmanager
    def open(self, key: TaskKey, try_number: int) -> Iterator[None]:
        """What is logged in the block is of this try. Afterwards logging and the environment are as they were."""
        root, environment = logging.getLogger(), dict(os.environ)
        level = root.level
        root.addHandler(self)
        root.setLevel(min(level, logging.INFO) or logging.INFO)
        self._open = key, try_number
        try:
            with self._printed():
                yield
        finally:
            self._open = None
            root.removeHandler(self)
            root.setLevel(level)
            _put_back(environment)

    def emit(self, record: logging.LogRecord) -> None:
        self.note(record.levelname, record.getMessage())
        if self._open is not None and record.exc_info and record.exc_info[1] is not None:
            self.errors[self._open[0]] = record.exc_info[1]

    def note(self, level: str, text: str) -> None:
        if self._open is not None:
            key, try_number = self._open
            self.lines.append(LogLine(key=key, try_number=try_number, level=level, text=text))

    @contextmanager
    def _printed(self) -> Iterator[None]:
        if not self._keeps_output:
            yield
            return
        out, err = _Tee(sys.stdout, self), _Tee(sys.stderr, self)
        with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
            yield
        out.end_line()
        err.end_line()


class _Tee:
    """A stream that notes the lines written to it; all else is the other stream's, so that a debugger works."""

    def __init__(self, stream: Any, book: LogBook) -> None:
        self._stream = stream
        self._book = book
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._book.note("INFO", line)
        return int(self._stream.write(text))

    def end_line(self) -> None:
        if self._rest:
            self._book.note("INFO", self._rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _put_back(environment: dict[str, str]) -> None:
    now = dict(os.environ)
    for name in now.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment.items() - now.items())
