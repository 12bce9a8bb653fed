"""What travels over Pub/Sub."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from sailplane.model.errors import CorruptRecord
from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.resuming import Resumption
from sailplane.model.runs import RunContext, Token


@dataclass(frozen=True, kw_only=True)
class TaskTicket:
    """The right to claim one queued try: `token` is the update time of the write that queued it."""

    task_id: str
    map_index: int = UNMAPPED
    map_size: int = 0
    try_number: int = 1
    max_tries: int = 1
    queued_at: datetime | None = None
    rescheduled_since: datetime | None = None
    has_log: bool = False
    cpu_seconds: float = 0.0
    max_rss_mib: float = 0.0
    """These four: what earlier pokes of the same try left."""
    resumption: Resumption | None = None
    """Of a try that goes on after a wait."""
    usage: tuple[float, ...] = ()
    """`Usage.numbers` of the task instance; empty when nothing was used but the write that queued it."""
    clear_number: int = 0
    """As in `TaskInstance`."""
    token: Token

    @property
    def key(self) -> TaskKey:
        return TaskKey(self.task_id, self.map_index)


@dataclass(frozen=True, kw_only=True)
class TaskWave:
    """Queued task instances of one run, for one worker instance to run side by side."""

    run: RunContext
    run_token: Token
    """Update time of the run's document when the message was made, by which whoever ends the last task closes the run
    without reading it; stale when the run was changed since."""
    tickets: tuple[TaskTicket, ...]
    queue: str = ""
    """Of all its tickets; tells a worker function what it has to start jobs for. Empty: the receiver's own."""


@dataclass(frozen=True, kw_only=True)
class AlarmWave:
    """Alarms that are due, when a tick finds more than it answers itself. Whoever gets it looks again by key."""

    runs: tuple[RunKey, ...] = ()
    tasks: tuple[tuple[RunKey, TaskKey], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """A DAG's own timetable is to plan its next runs."""

    dag_id: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """One Pub/Sub message: exactly one of its parts is there."""

    wave: TaskWave | None = None
    alarms: AlarmWave | None = None
    plan: PlanRequest | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    return _ENCODER.encode(message)


def decode(data: bytes) -> Message:
    """The message in `data`, with fields that only a newer version knows left out.

    Raises `CorruptRecord` when it is none of ours, or all of it is a newer version's: then it has to come again, as one
    that nobody here understands must not be acknowledged.
    """
    try:
        message = _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise CorruptRecord(f"not a Sailplane message: {error}; it began {data[:80]!r}") from error
    if message == Message():
        raise CorruptRecord(f"a message with no part that this version knows; it began {data[:80]!r}")
    return message
