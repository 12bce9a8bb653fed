"""What supervisor, template and children say to each other: JSON, one message a line."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from sailplane.model.assets import AssetQuery
from sailplane.model.execution import Outcome, TaskJob, XComRef
from sailplane.model.other_runs import RunQuery, RunRequest
from sailplane.model.runs import ErrorInfo
from sailplane.model.shelf import ShelfRequest
from sailplane.model.state_store import StateRequest
from sailplane.runner.config import EntryPoints

READ_SIZE = 32 * 1024
"""Small enough for malloc to serve it from its heap: a larger buffer costs two system calls a message."""


class Run(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """Supervisor to child: run this try."""

    job: TaskJob


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """Supervisor to child: what was asked for, or why there is no answer."""

    number: int
    value: str | None = None
    failure: str | None = None


class AskXCom(msgspec.Struct, frozen=True, kw_only=True, tag="xcom"):
    """Child to supervisor."""

    number: int
    ref: XComRef


class AskXComItems(msgspec.Struct, frozen=True, kw_only=True, tag="xcom_items"):
    """Child to supervisor; answered with an `XComItems` as JSON."""

    number: int
    ref: XComRef
    start: int
    stop: int


class AskRun(msgspec.Struct, frozen=True, kw_only=True, tag="run_request"):
    """Child to supervisor; answered with a `RunAnswer` as JSON."""

    number: int
    request: RunRequest


class AskRuns(msgspec.Struct, frozen=True, kw_only=True, tag="run_query"):
    """Child to supervisor; answered with a `RunAnswer` as JSON."""

    number: int
    query: RunQuery


class AskAssets(msgspec.Struct, frozen=True, kw_only=True, tag="assets"):
    """Child to supervisor; answered with an `AssetAnswer` as JSON."""

    number: int
    query: AssetQuery


class AskVariable(msgspec.Struct, frozen=True, kw_only=True, tag="variable"):
    """Child to supervisor."""

    number: int
    key: str


class AskConnection(msgspec.Struct, frozen=True, kw_only=True, tag="connection"):
    """Child to supervisor."""

    number: int
    conn_id: str


class SetVariable(msgspec.Struct, frozen=True, kw_only=True, tag="set_variable"):
    """Child to supervisor; answered when it is set."""

    number: int
    key: str
    value: str
    description: str | None = None


class DeleteVariable(msgspec.Struct, frozen=True, kw_only=True, tag="delete_variable"):
    """Child to supervisor; answered when it is gone."""

    number: int
    key: str


class AskVariableKeys(msgspec.Struct, frozen=True, kw_only=True, tag="variable_keys"):
    """Child to supervisor; answered with a list as JSON."""

    number: int
    prefix: str


class AskState(msgspec.Struct, frozen=True, kw_only=True, tag="state"):
    """Child to supervisor; answered when it is done."""

    number: int
    request: StateRequest


class AskShelf(msgspec.Struct, frozen=True, kw_only=True, tag="shelf"):
    """Child to supervisor; answered when it is done."""

    number: int
    request: ShelfRequest


class AskLookedIn(msgspec.Struct, frozen=True, kw_only=True, tag="looked_in"):
    """Child to supervisor."""

    number: int


class Mask(msgspec.Struct, frozen=True, kw_only=True, tag="mask"):
    """Child to supervisor: do not show these. Answered, so that no output overtakes it."""

    number: int
    secrets: tuple[str, ...]


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """Child to supervisor: the try has ended."""

    outcome: Outcome
    reusable: bool = True
    """False when the process must not run another task: the task left threads behind, or ran out of memory."""


class Load(msgspec.Struct, frozen=True, kw_only=True, tag="load"):
    """Supervisor to template: import this DAG file."""

    file: str
    seconds: float
    """How long that may take."""


class Fork(msgspec.Struct, frozen=True, kw_only=True, tag="fork"):
    """Supervisor to template: fork a child. The child's ends of its socket, stdout and stderr come along."""


class Release(msgspec.Struct, frozen=True, kw_only=True, tag="release"):
    """Supervisor to template: nobody signals that process any more, so its number may be given back."""

    pid: int
    left_processes: bool = True
    """False when the child had cleaned up behind its last task: then nobody has to look."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag="loaded"):
    """Template to supervisor."""

    file: str
    error: ErrorInfo | None = None
    traceback: str = ""


class Forked(msgspec.Struct, frozen=True, kw_only=True, tag="forked"):
    """Template to supervisor: the child's process id, or why there is none."""

    pid: int = 0
    failure: str | None = None


class Exited(msgspec.Struct, frozen=True, kw_only=True, tag="exited"):
    """Template to supervisor: a child has ended. It stays a zombie until `Release`."""

    pid: int
    status: int
    """Exit code, or minus the number of the signal."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a template is started with, as its only argument."""

    bundle: str
    supervisor: int
    """Process id of the supervisor."""
    control: int
    """File descriptor of the template's socket."""
    python_path: str | None = None
    """PYTHONPATH that user code shall see: the template may need another to find this package."""
    entry_points: EntryPoints
    has_values: bool = False
    """Whether the supervisor answers for the Variables and Connections that DAG files read when they are imported."""


ToChild = Run | Answer
Question = (
    AskXCom
    | AskXComItems
    | AskRun
    | AskRuns
    | AskAssets
    | AskVariable
    | AskConnection
    | SetVariable
    | DeleteVariable
    | AskVariableKeys
    | AskState
    | AskShelf
    | AskLookedIn
    | Mask
)
FromChild = Question | Done
ToTemplate = Load | Fork | Release | Answer
FromTemplate = Loaded | Forked | Exited | AskVariable | AskConnection | AskLookedIn


def _plain(value: Any) -> datetime:
    """A moment as authors have it, pendulum's for one, as one that goes over."""
    if not isinstance(value, datetime):
        raise NotImplementedError(f"a {type(value).__name__} cannot go over to another process")
    day, time = (value.year, value.month, value.day), (value.hour, value.minute, value.second, value.microsecond)
    return datetime(*day, *time, tzinfo=value.tzinfo, fold=value.fold)


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
TO_CHILD: msgspec.json.Decoder[ToChild] = msgspec.json.Decoder(ToChild)
FROM_CHILD: msgspec.json.Decoder[FromChild] = msgspec.json.Decoder(FromChild)
TO_TEMPLATE: msgspec.json.Decoder[ToTemplate] = msgspec.json.Decoder(ToTemplate)
FROM_TEMPLATE: msgspec.json.Decoder[FromTemplate] = msgspec.json.Decoder(FromTemplate)
SETUP: msgspec.json.Decoder[Setup] = msgspec.json.Decoder(Setup)


def encode(message: Any) -> bytes:
    """The message as one line."""
    return _ENCODER.encode(message) + b"\n"


def writable(text: str) -> str:
    """The text with what UTF-8 cannot hold (lone surrogates, as undecodable file names have) as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


class NoMessage(Exception):
    """The other side sent something that can become no message."""


class Lines:
    """Cuts a stream of bytes into the lines of messages."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes, without their ends. Raises `NoMessage` before much of it is kept."""
        *complete, rest = data.split(b"\n")
        if complete and self._pieces:
            complete[0] = b"".join((*self._pieces, complete[0]))
            self._pieces.clear()
            self._length = 0
        if rest:
            if not self._pieces and not rest.startswith(b"{"):
                raise NoMessage(f"it began {rest[:20]!r}")
            self._pieces.append(rest)
            self._length += len(rest)
            if self._length > self._limit:
                raise NoMessage(f"more than {self._limit} bytes without a line's end")
        yield from complete
