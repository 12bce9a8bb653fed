"""What planning takes and gives: the snapshot of a run, and what to do now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState
from sailplane.planner.rules import UpstreamCounts


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What is known of a run."""

    states: Mapping[TaskKey, TaskState]
    complete: bool = False
    """True: what is not in `states` does not exist yet. False: it is unknown."""
    counts: Mapping[str, UpstreamCounts] = field(default_factory=dict)
    """Wide join -> what the store counted of its upstream tasks, after the commit of `ended`."""
    skipped_by_branch: Mapping[TaskKey, frozenset[str]] = field(default_factory=dict)
    """Branch that ended -> the downstream task_ids that it did not choose, direct ones and, of a short circuit, others.
    They are skipped whatever their rule, unless they were decided before the branch ended (then, as in Airflow, that
    stands)."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """What is mapped (`Node.mapped_by`) -> how many instances it was expanded into."""
    lengths: Mapping[str, int | None] = field(default_factory=dict)
    """Task that ended, with all its instances -> how many items it returned to map over; None: nothing such."""


@dataclass(frozen=True, slots=True)
class Start:
    """Create this task instance to run it."""

    key: TaskKey
    reason: str
    size: int = 0
    """Of one of several instances: how many there are."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Create this task instance in a terminal state: it does not run."""

    key: TaskKey
    state: TaskState
    reason: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """Find out how many items `task_id` returned: by its document, or of a mapped task by counting its instances."""

    task_id: str
    instances: int = 0
    """How many instances it has; 0: it stands alone."""


@dataclass(frozen=True, slots=True)
class Look:
    """Read this before `task_id` can be decided."""

    task_id: str
    keys: tuple[TaskKey, ...]
    """Task instances to read by key."""
    counted: bool = False
    """True: count the upstream tasks too (`joins.next_question`)."""
    total: int = 0
    """How many are to be counted when all have ended."""
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now. Starts, settles and looks are in topological order."""

    starts: tuple[Start, ...]
    settles: tuple[Settle, ...]
    looks: tuple[Look, ...]
    run: RunState | None
    """The run's final state, once all its task instances are known to have ended (the settles counted in)."""
    may_be_over: bool
    """True: nothing that is known keeps the run going, but not all is known: read or count whether it has ended."""
