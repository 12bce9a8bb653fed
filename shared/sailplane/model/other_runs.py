"""What a task may ask about runs, of its own DAG or of others, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sailplane.model.states import RunState, RunType, TaskState


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A run that a task wants to have."""

    dag_id: str
    run_id: str
    conf: Mapping[str, Any] = field(default_factory=dict)
    logical_date: datetime | None = None
    note: str | None = None
    is_awaited: bool = False
    """True: the task waits for the run's end, and wants to be woken by it (`run_event`)."""
    reset: bool = False
    """True: if the run is there already, it is cleared, and so runs again."""


def run_event(dag_id: str, run_id: str) -> str:
    """The event that the end of a run is, for those that wait."""
    return f"run://{dag_id}/{run_id}"


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Runs of a DAG, by id or by logical date."""

    dag_id: str
    run_ids: tuple[str, ...] = ()
    logical_dates: tuple[datetime, ...] = ()
    task_ids: tuple[str, ...] = ()
    """Of which tasks the states are asked for."""
    group_id: str | None = None
    """Of which group's tasks they are; an empty text: of all tasks."""
    awaits: bool = False
    """True: the task waits for their ends, and wants to be woken by these (`run_event`)."""
    takes_all: bool = False
    """The newest runs, when none is named."""
    before: datetime | None = None
    """Instead of runs by name: the one with the nearest logical date before this that fits the following."""
    run_states: tuple[RunState, ...] = ()
    """The run is in one of these; in any when empty."""
    instance: str = ""
    """Document id (`task_id:map_index`) of a task instance that it has,"""
    instance_states: tuple[TaskState, ...] = ()
    """in one of these states; in any when empty."""


class RunProblem(StrEnum):
    """Why there is no answer."""

    NO_DAG = "no_dag"
    NO_TASK = "no_task"
    EXISTS = "exists"
    """The run that was to be made is there already."""
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True)
class InstanceFacts:
    """A task instance of a run."""

    state: TaskState
    try_number: int = 1
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """One run, as far as it was asked for."""

    run_id: str
    state: RunState
    logical_date: datetime | None = None
    run_type: RunType = RunType.MANUAL
    run_after: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    triggered_by: str = ""
    triggering_user: str | None = None
    note: str | None = None
    instance: InstanceFacts | None = None
    """The task instance that was asked for."""
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    """Document id (`task_id:map_index`) -> state, of those asked for that exist."""


@dataclass(frozen=True, kw_only=True)
class RunAnswer:
    """What was found or made."""

    runs: tuple[RunFacts, ...] = ()
    is_paused: bool = False
    problem: RunProblem | None = None
    message: str = ""
