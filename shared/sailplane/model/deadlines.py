"""By when a run, a task or a group must have succeeded, and what is known when it has not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sailplane.model.states import RunState

PREFIX = "~deadline-"


class ReferenceKind(StrEnum):
    """From when a deadline counts."""

    LOGICAL_DATE = "logical_date"
    QUEUED_AT = "queued_at"
    FIXED = "fixed"
    AVERAGE_RUNTIME = "average_runtime"
    """From when the run was created, and the mean time that earlier ones took."""
    CUSTOM = "custom"
    """The author's code says; it is asked in a task instance of its own."""


@dataclass(frozen=True, kw_only=True)
class SerializedDeadline:
    """One deadline of a DAG: of its runs, or of a task or a group in them."""

    reference: ReferenceKind
    fixed_at: datetime | None = None
    max_runs: int = 0
    """Of AVERAGE_RUNTIME: how many runs count at most."""
    min_runs: int = 0
    """Of AVERAGE_RUNTIME: with fewer there is no deadline."""
    interval: timedelta = timedelta()
    interval_variable: str = ""
    """The Variable that has the interval in seconds, instead."""
    name: str | None = None
    task_id: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class AboutDeadline:
    """What the callback of a deadline is told of its run."""

    number: int
    """Which of the DAG's deadlines."""
    is_missed: bool
    """False: its author's code is only asked from when it counts."""
    at: datetime | None = None
    state: RunState = RunState.RUNNING
    queued_at: datetime | None = None
    ended_at: datetime | None = None
    triggering_user: str | None = None
    note: str | None = None


def deadline_id(number: int) -> str:
    """The task_id of the task instance that stands for a deadline of a run. No author can give a task such an id."""
    return f"{PREFIX}{number}"


def is_deadline(task_id: str) -> bool:
    return task_id.startswith(PREFIX)


def number_of(task_id: str) -> int:
    return int(task_id.removeprefix(PREFIX))
