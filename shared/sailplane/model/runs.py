"""DAGs, runs and task instances as they are stored, and what a worker must know of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sailplane.model.ids import UNMAPPED, RunKey, TaskKey
from sailplane.model.interventions import Intervention, RunHold
from sailplane.model.planning import PlannedRun
from sailplane.model.resuming import Resumption
from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy
from sailplane.model.usage import NOTHING, Usage

Token = str
"""The update time of a document as `seconds.nanoseconds`: the fencing token of whoever wrote it last."""


@dataclass(frozen=True, kw_only=True)
class DagRecord:
    """`dags/{dag_id}`: the DAG as users see it. Its schedule lives in `DagSchedule`."""

    dag_id: str
    version: int
    bundle: str
    """sha256 of the bundle that the newest version came from."""
    file: str
    fingerprint: str = ""
    """sha256 of the newest version's serialized form: a push that changes nothing makes no version."""
    is_paused: bool
    display_name: str = ""
    description: str | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    schedule_summary: str = "None"
    max_active_runs: int = 16
    max_active_tasks: int = 0
    has_import_errors: bool = False
    is_stale: bool = False
    """True once a push no longer had the DAG: it keeps its history and starts nothing by itself."""
    pushed_at: datetime
    token: Token = ""


@dataclass(frozen=True, kw_only=True)
class DagSchedule:
    """`dags/{dag_id}/runs/~schedule`: the run that is due next.

    It stands among the runs so that one query over alarms finds due runs and stuck ones.
    """

    dag_id: str
    run_after: datetime | None
    """When the next run is due; None: never by itself."""
    logical_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    alarm_at: datetime | None = None
    """When the tick looks at it: `run_after`, or later while held; None while the DAG is paused or has no next run."""
    last_run_after: datetime | None = None
    """Of the run that the schedule created last; None before the first."""
    last_interval_start: datetime | None = None
    last_interval_end: datetime | None = None
    is_held: bool = False
    """True while the DAG has as many active runs as it may: whoever closes one lets the next due run start."""
    planned: tuple[PlannedRun, ...] = ()
    """Of an author's own timetable: the runs that it has planned, the next one first."""
    planned_at: datetime | None = None
    token: Token = ""


@dataclass(frozen=True, kw_only=True)
class DagFileError:
    """`import_errors/{file}`: why a DAG file could not be read."""

    file: str
    message: str
    """The error with file, line and DAG named."""
    traceback: str = ""
    bundle: str = ""
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a worker must know of a run. Never changes while the run lives, so every message carries it."""

    dag_id: str
    run_id: str
    version: int
    bundle: str
    file: str
    run_type: RunType
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    started_at: datetime | None
    conf: Mapping[str, Any] = field(default_factory=dict)
    triggered_by: TriggeredBy = TriggeredBy.TEST
    deadlines: tuple[datetime | None, ...] = ()
    """The moments of the DAG's deadlines; None for one that does not hold for this run, or is not known yet."""
    limits_default_pool: bool = False
    """Whether the default pool had a limit when the run was created: until then nobody needs to look."""
    is_awaited: bool = False
    """True: tasks wait for its end, and whoever closes it wakes them. It may be written while the run lives: workers
    learn of it when they read the run again, for its document has another token then."""
    clear_number: int = 0
    """How often something was changed in it from outside: cleared, marked, held. See `model.interventions`."""

    @property
    def key(self) -> RunKey:
        return RunKey(self.dag_id, self.run_id)


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """`dags/{dag_id}/runs/{run_id}`."""

    context: RunContext
    state: RunState
    queued_at: datetime
    ended_at: datetime | None = None
    triggering_user: str | None = None
    note: str | None = None
    asset_events: tuple[str, ...] = ()
    """References of the events of assets that started it, in the order in which they came."""
    alarm_at: datetime | None = None
    claim: str = ""
    """Nonce of the write that made this state, by which a writer knows its own commit again."""
    intervention: Intervention | None = None
    """What is being changed in it from outside, until all of that is done."""
    hold: RunHold | None = None
    """Why nothing of it starts, while that is so."""
    summary: Mapping[str, TaskState] = field(default_factory=dict)
    """Once ended: the state of every task instance by its document id, so that a grid costs one read a run."""
    usage: Usage = NOTHING
    """What creating and closing it used, apart from its task instances."""
    token: Token = ""

    @property
    def key(self) -> RunKey:
        return self.context.key

    @property
    def started_at(self) -> datetime | None:
        return self.context.started_at


@dataclass(frozen=True, kw_only=True)
class ErrorInfo:
    """Why a try failed, as shown to its author."""

    kind: str
    """Class name of the exception, or what happened to the process."""
    message: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class TaskInstance:
    """`dags/{dag_id}/runs/{run_id}/tasks/{task_id}:{map_index}`."""

    run: RunKey
    task_id: str
    map_index: int = UNMAPPED
    state: TaskState
    try_number: int = 1
    """Of the try that is queued, running or ended; counts from 1."""
    max_tries: int = 1
    """retries + 1; clearing raises it."""
    queue: str = "default"
    operator: str = ""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rescheduled_since: datetime | None = None
    """Start of the first poke of a sensor in this try: its timeout counts from there."""
    resumption: Resumption | None = None
    """Of a try that waits, or goes on after a wait: what it does then instead of beginning anew."""
    alarm_at: datetime | None = None
    alarms: int = 0
    """How often in a row an alarm published it again: the wait grows with it."""
    claim: str = ""
    worker: str = ""
    """Which worker instance ran it."""
    xcoms: Mapping[str, str] = field(default_factory=dict)
    """key -> value in its JSON envelope; a large one as a pointer (`XComPointer`)."""
    waits_for: tuple[str, ...] = ()
    """Events that wake it early, as `gs://bucket/object`; see `Wake`."""
    feeds: tuple[str, ...] = ()
    """Once ended: the wide joins that count it (`planner.joins.feeds`), as `{task_id}` and `{task_id}={state}`."""
    skips: tuple[str, ...] = ()
    """Downstream task_ids that this task, a branch or a short circuit, had skipped."""
    map_size: int = 0
    """Of one of several instances: how many there are. 0 of an instance that stands alone."""
    map_length: int | None = None
    """Once ended: how many items it returned for others to be mapped over; None when it returned nothing such."""
    map_name: str = ""
    """The rendered `map_index_template`: what the instance is called instead of its index."""
    rendered: str = ""
    """JSON of the templated fields as its last try rendered them, shortened and masked: for display."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """What it is under (`model.limits`): name -> capacity. Empty: nothing keeps it from starting."""
    pool_slots: int = 1
    """How many places it takes of its pool."""
    rank: str = ""
    """Its place among those that wait for the same limits; only of one that has some."""
    waits_for_slots: bool = False
    """True: SCHEDULED until its limits have room."""
    has_log: bool = False
    error: ErrorInfo | None = None
    cpu_seconds: float = 0.0
    max_rss_mib: float = 0.0
    clear_number: int = 0
    """The run's when this was written: what knows only an earlier one may know what is true no more."""
    usage: Usage = NOTHING
    """Over all its tries and pokes. `writes` are those of its document up to the one that `token` is of: the codec
    adds the write that it stores."""
    token: Token = ""

    @property
    def key(self) -> TaskKey:
        return TaskKey(self.task_id, self.map_index)

    @property
    def rendered_map_index(self) -> str | None:
        """What one of several instances is called: by its `map_index_template`, else by its index."""
        return None if self.map_index == UNMAPPED else self.map_name or str(self.map_index)
