"""Variables and Connections for DAG files that are read to be pushed: whoever pushes them answers, over two pipes.

Questions and answers are JSON, one a line. A question has a number of its own: a file may be given up while it waits,
and the answer that then comes is nobody's.
"""

import json
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from sailplane.model.errors import Unavailable

_READ_SIZE = 65536


class PipeValues:
    """Asks over the pipes; see `ReadingServices`. For one thread of one process at a time."""

    def __init__(self, questions: int, answers: int) -> None:
        self._questions = questions
        self._answers = answers
        self._count = 0
        self._unfinished = b""
        self._lines: list[bytes] = []

    def variable(self, key: str) -> str | None:
        return self._ask("variable", key)

    def connection(self, conn_id: str) -> str | None:
        return self._ask("connection", conn_id)

    def looked_in(self) -> str:
        return self._ask("looked_in", "") or ""

    def _ask(self, what: str, name: str) -> str | None:
        self._count += 1
        number = f"{os.getpid()}-{self._count}"
        question = json.dumps({"number": number, "what": what, "name": name})
        os.write(self._questions, question.encode() + b"\n")
        while True:
            answer = json.loads(self._line())
            if answer["number"] == number:
                break
        if answer["failure"] is not None:
            raise Unavailable(answer["failure"])
        value: str | None = answer["value"]
        return value

    def _line(self) -> bytes:
        while not self._lines:
            select.select([self._answers], [], [])
            with undisturbed():
                data = os.read(self._answers, _READ_SIZE)
                *self._lines, self._unfinished = (self._unfinished + data).split(b"\n")
            if not data:
                raise Unavailable("whoever reads the DAG files is gone")
        return self._lines.pop(0)


@contextmanager
def undisturbed() -> Iterator[None]:
    """No alarm rings in the block: what was read would be lost. It rings right after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
