"""The serialized DAG: all that planning, showing and starting tasks needs, without the author's code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from sailplane.model.assets import AssetNode, DagAssets
from sailplane.model.deadlines import SerializedDeadline
from sailplane.model.mapping import Expansion
from sailplane.model.runs import DagFileError
from sailplane.model.states import RunType, TriggerRule

DEFAULT_QUEUE = "default"
DEFAULT_POOL = "default_pool"


class ScheduleKind(StrEnum):
    NONE = "none"
    """Runs only when triggered."""
    CRON = "cron"
    """Fires at the cron line's times; no data interval lag (Airflow's CronTriggerTimetable)."""
    CRON_INTERVAL = "cron_interval"
    """A run covers the time between two cron times and starts when it is over (CronDataIntervalTimetable)."""
    DELTA = "delta"
    """Fires each `delta` (DeltaTriggerTimetable)."""
    DELTA_INTERVAL = "delta_interval"
    """A run covers `delta` and starts when it is over (DeltaDataIntervalTimetable)."""
    ONCE = "once"
    CONTINUOUS = "continuous"
    MULTIPLE_CRON = "multiple_cron"
    """Fires whenever one of several cron lines does (MultipleCronTriggerTimetable)."""
    EVENTS = "events"
    """Fires at listed moments (EventsTimetable)."""
    ASSETS = "assets"
    """Never fires by time, only by updates of assets."""
    CUSTOM = "custom"
    """An author's own timetable says: a worker asks it for some runs ahead (`model.planning`)."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When runs of a DAG are due."""

    kind: ScheduleKind = ScheduleKind.NONE
    cron: str | None = None
    """Five fields (or six, seconds last); presets are already replaced by their cron line."""
    delta: timedelta | None = None
    timezone: str = "UTC"
    """IANA name of the zone in which the cron line is read."""
    summary: str = "None"
    """As the author wrote it: `@daily`, `0 6 * * *`, `1 day, 0:00:00`, `None`."""
    interval: timedelta = timedelta()
    """Of CRON, MULTIPLE_CRON and DELTA: how long the data interval is that ends when a run is due."""
    first_run_within: timedelta | None = None
    """Of CRON and MULTIPLE_CRON: a DAG without start_date runs at once for a time that passed no longer ago than this.
    None: than a tenth of the time between two runs."""
    crons: tuple[str, ...] = ()
    events: tuple[datetime, ...] = ()
    """In ascending order."""
    restrict_to_events: bool = False
    """Of EVENTS: a run by hand gets the last event as its data interval."""
    assets: AssetNode | None = None
    """Of which assets updates start runs, whatever the kind."""


@dataclass(frozen=True, kw_only=True)
class SerializedTask:
    """One task of a serialized DAG."""

    task_id: str
    operator: str
    """The operator's class name."""
    upstream: tuple[str, ...] = ()
    """task_ids it waits for, sorted."""
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    retries: int = 0
    retry_delay: timedelta = timedelta(seconds=300)
    retry_exponential_backoff: float = 0.0
    """Factor by which the delay grows with each try; 0: not at all."""
    max_retry_delay: timedelta = timedelta(hours=24)
    execution_timeout: timedelta | None = None
    queue: str = DEFAULT_QUEUE
    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    priority_weight: int = 1
    priorities: tuple[int, ...] = ()
    """By `weight_rule`, for each try, the last for all that follow; empty: `priority_weight`."""
    weight_rule: str = "downstream"
    max_active_tis_per_dag: int = 0
    """How many of its instances may be active, in all runs; 0: no limit."""
    max_active_tis_per_dagrun: int = 0
    depends_on_past: bool = False
    """True: waits until its instance in the run before has succeeded or was skipped."""
    wait_for_downstream: bool = False
    """True: and those of the tasks directly behind it too."""
    start_date: datetime | None = None
    end_date: datetime | None = None
    """Of a task with dates of its own: only runs whose logical date lies within have it (`model.windows`)."""
    is_sensor: bool = False
    expansion: Expansion | None = None
    """Of a mapped task. A task in a mapped group has none of its own: see `SerializedGroup.expansion`."""
    is_mapped_over: bool = False
    """True when the number of a mapped task's or group's instances depends on what this task returns."""
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    extra_links: Mapping[str, str] = field(default_factory=dict)
    """Names of the pages elsewhere that belong to the task, and the keys of the XComs that have their addresses."""
    returns_dag_result: bool = False
    """True: what it returns is the result of the DAG, which the REST API's `wait` gives."""
    needs_code: bool = True
    """False when nothing runs (an EmptyOperator without callbacks): it ends without a child process."""
    reads: tuple[str, ...] = ()
    """task_ids whose return value this task's arguments name: read ahead before it starts."""
    group_id: str | None = None
    owner: str = "airflow"
    label: str = ""
    """What the UI shows: task_display_name or task_id without its group's prefix."""
    doc_md: str | None = None
    template_fields: tuple[str, ...] = ()
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    line: int | None = None
    """Line of the DAG file that made the task."""

    @property
    def is_mapped(self) -> bool:
        return self.expansion is not None

    def priority(self, try_number: int = 1) -> int:
        """How urgent a try of it is among those that wait for the same slots."""
        if not self.priorities:
            return self.priority_weight
        return self.priorities[min(max(try_number, 1), len(self.priorities)) - 1]


@dataclass(frozen=True, kw_only=True)
class SerializedGroup:
    """A task group."""

    group_id: str
    parent_id: str | None = None
    expansion: Expansion | None = None
    """Of a mapped group: each of its tasks, those of groups inside too, has as many instances."""
    label: str = ""
    tooltip: str = ""
    retries: int = 0
    """How often all of it runs again when it has failed."""
    retry_delay: timedelta = timedelta(seconds=300)


@dataclass(frozen=True, kw_only=True)
class SerializedParam:
    """A run input with its JSON schema. `value` is the default; absent when `has_value` is False."""

    value: Any = None
    has_value: bool = True
    description: str | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SerializedDag:
    """One DAG as its file declared it. Two files that declare the same give equal values and equal JSON."""

    dag_id: str
    file: str
    """Path of the DAG file, relative to the bundle."""
    tasks: tuple[SerializedTask, ...] = ()
    """In topological order, ties by task_id."""
    groups: tuple[SerializedGroup, ...] = ()
    schedule: Schedule = field(default_factory=Schedule)
    start_date: datetime | None = None
    end_date: datetime | None = None
    catchup: bool = False
    max_active_runs: int = 16
    max_active_tasks: int = 0
    """0: no limit. Airflow's default of 16 a run is not copied: see docs/airflow-differences.md."""
    dagrun_timeout: timedelta | None = None
    is_paused_upon_creation: bool | None = None
    display_name: str = ""
    description: str | None = None
    doc_md: str | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    owner_links: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, SerializedParam] = field(default_factory=dict)
    render_template_as_native_obj: bool = False
    has_success_callback: bool = False
    has_failure_callback: bool = False
    """Whether something is to be called when a run has ended so."""
    retries: int = 0
    """How often all of a run runs again when it has failed."""
    retry_delay: timedelta = timedelta(seconds=300)
    rerun_with_latest_version: bool = False
    """True: what is cleared runs on the newest version, unless it is said otherwise."""
    deadlines: tuple[SerializedDeadline, ...] = ()
    """By when its runs, or tasks or groups of them, must have succeeded; known by their place here."""
    fail_fast: bool = False
    """True: the first task that fails ends all others."""
    allowed_run_types: tuple[RunType, ...] | None = None
    """Which types its runs may have; None: any."""
    max_consecutive_failed_dag_runs: int = 0
    """After so many failed runs one after the other the DAG is paused; 0: never."""
    assets: DagAssets | None = None
    """What its tasks read and update; None: nothing."""

    @cached_property
    def task_dict(self) -> Mapping[str, SerializedTask]:
        """All tasks and gates by task_id."""
        return {task.task_id: task for task in self.tasks} | dict(self.gates)

    @cached_property
    def gates(self) -> Mapping[str, SerializedTask]:
        """What retries groups, or the whole DAG, by task_id: see `model.gates`. None of them stands in `tasks`."""
        if not self.retries and not any(group.retries for group in self.groups):
            return {}
        from sailplane.model import gates  # It knows this module.

        return gates.gates_of(self)

    @cached_property
    def downstream(self) -> Mapping[str, tuple[str, ...]]:
        """For each task_id, the task_ids that wait for it, in topological order."""
        following: dict[str, list[str]] = {task.task_id: [] for task in self.tasks}
        for task in self.tasks:
            for upstream_id in task.upstream:
                following[upstream_id].append(task.task_id)
        return {task_id: tuple(ids) for task_id, ids in following.items()}

    @cached_property
    def dated_tasks(self) -> tuple[SerializedTask, ...]:
        return tuple(task for task in self.tasks if task.start_date is not None or task.end_date is not None)

    @cached_property
    def windows(self) -> dict[frozenset[str], "SerializedDag"]:
        """The DAG without some of its tasks, as runs had it so far: see `model.windows`."""
        return {}

    @cached_property
    def felt_by_next_run(self) -> frozenset[str]:
        """task_ids whose ends may let a task of the next run start: by `depends_on_past`, `wait_for_downstream`."""
        waiting = [task for task in self.tasks if task.depends_on_past]
        behind = {each for task in waiting if task.wait_for_downstream for each in self.downstream[task.task_id]}
        return frozenset({task.task_id for task in waiting} | behind)

    @cached_property
    def mapped_by(self) -> Mapping[str, str]:
        """For each task that has several instances, what is mapped: the task itself or a group around it."""
        groups = {group.group_id: group for group in self.groups}
        found: dict[str, str] = {}
        for task in (*self.tasks, *self.gates.values()):
            if task.expansion is not None:
                found[task.task_id] = task.task_id
            group = groups.get(task.group_id or "")
            while group is not None and task.task_id not in found:
                if group.expansion is not None:
                    found[task.task_id] = group.group_id
                group = groups.get(group.parent_id or "")
        return found

    @cached_property
    def expansions(self) -> Mapping[str, Expansion]:
        """By task_id or group_id, of all that is mapped."""
        nodes = [(task.task_id, task.expansion) for task in self.tasks]
        nodes += [(group.group_id, group.expansion) for group in self.groups]
        return {node_id: expansion for node_id, expansion in nodes if expansion is not None}

    @cached_property
    def roots(self) -> tuple[str, ...]:
        return tuple(task.task_id for task in self.tasks if not task.upstream)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        return tuple(task.task_id for task in self.tasks if not self.downstream[task.task_id])


@dataclass(frozen=True, kw_only=True)
class ParsedBundle:
    """What a folder of DAG files declared: its DAGs, and the files that could not be read."""

    dags: tuple[SerializedDag, ...] = ()
    errors: tuple[DagFileError, ...] = ()
