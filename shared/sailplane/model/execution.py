"""What the supervisor hands to the child process that runs one try, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sailplane.model.assets import AssetAnswer, AssetQuery, AssetUpdate
from sailplane.model.callbacks import AboutRun
from sailplane.model.deadlines import AboutDeadline
from sailplane.model.human_steps import HumanRequest
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.other_runs import RunAnswer, RunQuery, RunRequest
from sailplane.model.planning import AboutSchedule
from sailplane.model.resuming import Resumption
from sailplane.model.runs import ErrorInfo, RunContext
from sailplane.model.shelf import ShelfRequest
from sailplane.model.state_store import StateRequest


@dataclass(frozen=True, kw_only=True)
class XComRef:
    """Which XCom: of this run when `run_id` is None."""

    task_id: str
    map_index: int = UNMAPPED
    key: str = "return_value"
    dag_id: str | None = None
    run_id: str | None = None
    include_prior: bool = False
    """When that run has none: of the newest one before it that has one."""


@dataclass(frozen=True, kw_only=True)
class TaskJob:
    """One try of one task instance, ready to run."""

    run: RunContext
    task_id: str
    map_index: int = UNMAPPED
    try_number: int
    max_tries: int
    started_at: datetime
    rescheduled_since: datetime | None = None
    resumption: Resumption | None = None
    """Of a try that goes on after a wait."""
    xcoms: Mapping[str, str] = field(default_factory=dict)
    """Values known already, by `xcom_name`: (task, map index, key) of this run -> JSON envelope."""
    execution_timeout: timedelta | None = None
    """The task's own limit, exact to a few milliseconds."""
    about_deadline: AboutDeadline | None = None
    """For the callback of a deadline; `task_id` then is no task's."""
    about_run: AboutRun | None = None
    """For the callbacks of a run that has ended; `task_id` then is no task's."""
    about_schedule: AboutSchedule | None = None
    """For the DAG's own timetable, which is to plan runs; there is neither a run nor a task."""
    time_limit: timedelta | None = None
    """What this worker can give at the most; longer is a clear failure that names the queue."""

    @property
    def key(self) -> TaskKey:
        return TaskKey(self.task_id, self.map_index)


def xcom_name(task_id: str, map_index: int = UNMAPPED, key: str = "return_value") -> str:
    return f"{task_id}:{map_index}:{key}"


class OutcomeKind(StrEnum):
    SUCCESS = "success"
    SKIPPED = "skipped"
    FAILED = "failed"
    """This try failed; the task may be retried."""
    FAILED_FOR_GOOD = "failed_for_good"
    """`AirflowFailException`: no further try."""
    RESCHEDULE = "reschedule"
    """A sensor gives its slot back until `resume_at`."""
    DEFERRED = "deferred"
    """It waits for a trigger; at `resume_at` at the latest it goes on with `resumption`."""
    AWAITING_INPUT = "awaiting_input"
    """It has asked `question`, and goes on with `resumption` once that is answered, or `resume_at` has come."""
    KILLED = "killed"
    """Stopped from outside (lost lease, marked, shutdown): nothing of it is recorded by this worker."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one try ended."""

    kind: OutcomeKind
    error: ErrorInfo | None = None
    xcoms: Mapping[str, str] = field(default_factory=dict)
    """key -> JSON envelope, in full whatever its size: where it is kept is the engine's business."""
    resume_at: datetime | None = None
    waits_for: tuple[str, ...] = ()
    """Events that may wake a rescheduled sensor or a deferred task early: `gs://bucket/object` names."""
    resumption: Resumption | None = None
    """How a task goes on that waits: of DEFERRED."""
    question: HumanRequest | None = None
    """What it asks a person: of AWAITING_INPUT."""
    skip_tasks: tuple[str, ...] = ()
    """Downstream task_ids that a branch did not choose, or that a short circuit skips: direct ones and others."""
    map_length: int | None = None
    """How many items it returned, of a task that others are mapped over."""
    map_name: str = ""
    """What a mapped instance calls itself (`map_index_template`)."""
    rendered: str = ""
    """JSON of the templated fields as they were rendered, shortened: for display."""
    cpu_seconds: float = 0.0
    max_rss_mib: float = 0.0
    retry_after: timedelta | None = None
    """A delay that the task asked for instead of its `retry_delay`."""
    asset_updates: tuple[AssetUpdate, ...] = ()
    """Of a success: what it updated."""


@dataclass(frozen=True, kw_only=True)
class XComItems:
    """Some of the values that the instances of a mapped task pushed under one key, by map index."""

    total: int
    """How many there are in all; instances that pushed none are left out."""
    envelopes: tuple[str, ...] = ()


class ReadingServices(Protocol):
    """What the top level of a DAG file may ask while the file is read."""

    def variable(self, key: str) -> str | None:
        """The Variable's text; None when it is not set."""

    def connection(self, conn_id: str) -> str | None:
        """The Connection as URI or JSON; None when it is not set."""

    def looked_in(self) -> str:
        """Where Variables and Connections are looked for, in words: for the message that one is not set."""


class ChildServices(ReadingServices, Protocol):
    """What user code may ask of the supervisor while it runs."""

    def xcom(self, ref: XComRef) -> str | None:
        """The XCom's JSON envelope; None when there is none."""

    def xcom_items(self, ref: XComRef, start: int, stop: int) -> XComItems:
        """What the instances of the mapped task `ref.task_id` of this run pushed: those from `start` to `stop`."""

    def trigger_run(self, request: RunRequest) -> RunAnswer:
        """Start a run; what keeps it from starting is in the answer."""

    def find_runs(self, query: RunQuery) -> RunAnswer:
        """The runs that exist of those asked for."""

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Set the Variable in the store."""

    def delete_variable(self, key: str) -> None:
        """Take the Variable out of the store, if it is there."""

    def variable_keys(self, prefix: str) -> Sequence[str]:
        """The keys of the store's Variables that begin so, sorted."""

    def state(self, request: StateRequest) -> str | None:
        """Do with the state of a task or an asset what `request` says; what it asks for as JSON."""

    def assets(self, query: AssetQuery) -> AssetAnswer:
        """The assets or events that were asked for."""

    def shelf(self, request: ShelfRequest) -> str | None:
        """Get what a task left in the bucket for others, or leave something there."""


class TaskServices(ChildServices, Protocol):
    """What a running task may ask: the above, and what the process that reads its output does itself."""

    def mask(self, secrets: Sequence[str]) -> None:
        """From now on the task's log and error say *** where these stand."""
