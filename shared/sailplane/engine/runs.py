"""Creating runs: by hand, on schedule, and the ones that waited for their turn."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sailplane.cloud.changes import Change, Create, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import draft, params
from sailplane.engine.draft import nonce
from sailplane.engine.memory import RunMemory
from sailplane.engine.progress import MAX_CREATES, Progress
from sailplane.model import ids
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import AlreadyExists, NotFound
from sailplane.model.runs import DagRecord, DagRun, DagSchedule, RunContext, TaskInstance
from sailplane.model.states import RunState, RunType, TriggeredBy
from sailplane.planner import schedule as planner_schedule
from sailplane.planner.advance import Snapshot
from sailplane.planner.alarms import RUN_ALARM

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run that is to be created."""

    dag: SerializedDag
    record: DagRun
    companions: tuple[Change, ...] = ()
    """What is written in the same commit: the schedule that produced the run."""


def trigger(
    cloud: Cloud,
    dag_id: str,
    *,
    conf: Mapping[str, Any] | None = None,
    logical_date: datetime | None = None,
    run_id: str | None = None,
    run_type: RunType = RunType.MANUAL,
    triggered_by: TriggeredBy = TriggeredBy.REST_API,
    user: str | None = None,
    note: str | None = None,
    now: datetime,
) -> DagRun:
    """Create a run by hand. Raises `NotFound`, `AlreadyExists`, `InvalidConf` or `InvalidId`, having written nothing.

    The run is `queued` when the DAG has `max_active_runs` running already, else `running`.
    """
    record = cloud.store.dag(dag_id)
    if record is None:
        raise NotFound(f"there is no DAG {dag_id!r}; `sailplane dags list` shows those that were pushed")
    dag = cloud.store.version(dag_id, record.version)
    params.check_conf(dag, conf or {})
    run_after = logical_date or now
    start, end = planner_schedule.manual_interval(dag.schedule, run_after)
    context = RunContext(
        dag_id=dag_id,
        run_id=ids.check_run_id(run_id) if run_id is not None else ids.run_id_for(run_type, run_after),
        version=record.version,
        bundle=record.bundle,
        file=record.file,
        run_type=run_type,
        logical_date=logical_date or now,
        data_interval_start=start,
        data_interval_end=end,
        run_after=run_after,
        started_at=None,
        conf=conf or {},
        triggered_by=triggered_by,
    )
    run = DagRun(context=context, state=RunState.QUEUED, queued_at=now, triggering_user=user, note=note, claim=nonce())
    created = create(cloud, NewRun(dag=dag, record=run), record.max_active_runs, lambda: now)
    if created is None:
        raise AlreadyExists(f"DAG {dag_id!r} has a run {context.run_id!r} already; give another run id")
    return created


def create(cloud: Cloud, new: NewRun, max_active_runs: int, clock: Callable[[], datetime]) -> DagRun | None:
    """Create `new` and start it unless the DAG has `max_active_runs` running. None when someone else created it."""
    if max_active_runs and cloud.store.active_runs(new.record.key.dag_id) >= max_active_runs:
        return _create_queued(cloud, new, clock())
    return _start(cloud, new, is_new=True, clock=clock)


def start_waiting(cloud: Cloud, dag_id: str, clock: Callable[[], datetime]) -> None:
    """Start runs of a DAG that waited for `max_active_runs`, oldest first, and wake its held schedule."""
    queued, held = cloud.store.waiting(dag_id)
    if not queued and held is None:
        return
    record = cloud.store.dag(dag_id)
    if record is None:
        return
    room = len(queued) + 1
    if record.max_active_runs:
        room = record.max_active_runs - cloud.store.active_runs(dag_id)
    for waiting in queued[: max(room, 0)]:
        dag = cloud.store.version(dag_id, waiting.context.version)
        _start(cloud, NewRun(dag=dag, record=waiting), is_new=False, clock=clock)
    if held is not None and room > len(queued):
        cloud.store.commit([Replace(replace(held, alarm_at=clock(), is_held=False))])


def _create_queued(cloud: Cloud, new: NewRun, now: datetime) -> DagRun | None:
    run = replace(new.record, alarm_at=now + RUN_ALARM)
    result = cloud.store.commit([Create(run), *new.companions])
    return replace(run, token=result.tokens[0]) if isinstance(result, Committed) else None


def _start(cloud: Cloud, new: NewRun, *, is_new: bool, clock: Callable[[], datetime]) -> DagRun | None:
    """Write the run as running together with its first task instances, and hand these to workers."""
    now = clock()
    run = replace(
        new.record,
        context=replace(new.record.context, started_at=now),
        state=RunState.RUNNING,
        alarm_at=now + RUN_ALARM,
        claim=nonce(),
    )
    memory = RunMemory(run.context, "", new.dag)
    drafted = draft.draft_all(new.dag, Snapshot(states={}, complete=True))
    progress = Progress(cloud, clock, on_close=lambda dag_id: start_waiting(cloud, dag_id, clock))
    tasks = progress.records(memory, drafted, now)
    first, rest = tasks[:MAX_CREATES], tasks[MAX_CREATES:]
    result = cloud.store.commit([Create(run) if is_new else Replace(run), *map(Create, first), *new.companions])
    if not isinstance(result, Committed):
        return None
    memory.token = result.tokens[0]
    _learn_ends(memory, first)
    progress.hand_out(memory, _with_tokens(first, result.tokens[1:]), rest)
    if drafted.run is not None or drafted.may_be_over:
        progress.close(memory, is_known=drafted.run is not None)
    return replace(run, token=memory.token)


def _learn_ends(memory: RunMemory, tasks: list[TaskInstance]) -> None:
    memory.learn(task for task in tasks if task.state.is_terminal)


def _with_tokens(tasks: list[TaskInstance], tokens: tuple[str, ...]) -> list[TaskInstance]:
    return [replace(task, token=token) for task, token in zip(tasks, tokens, strict=False)]


def set_paused(cloud: Cloud, dag_id: str, paused: bool, now: datetime) -> DagRecord:
    """Pause a DAG, so that nothing of it starts by schedule, or let it go on. Raises `NotFound`."""
    while True:
        record, stored = cloud.store.dag_with_schedule(dag_id)
        if record is None:
            raise NotFound(f"there is no DAG {dag_id!r}; `sailplane dags list` shows those that were pushed")
        if record.is_paused == paused:
            return record
        dag = cloud.store.version(dag_id, record.version)
        changed = replace(record, is_paused=paused)
        due = due_schedule(dag, stored, paused=paused, now=now)
        changes: list[Change] = [Replace(changed), Replace(due) if due.token else Create(due)]
        result = cloud.store.commit(changes)
        if isinstance(result, Committed):
            return replace(changed, token=result.tokens[0])


def due_schedule(dag: SerializedDag, stored: DagSchedule | None, *, paused: bool, now: datetime) -> DagSchedule:
    """The schedule document of `dag` as of `now`: what is due next, and no alarm while it is paused."""
    last = last_of(stored)
    following = planner_schedule.next_run(
        dag.schedule,
        start_date=dag.start_date,
        end_date=dag.end_date,
        catchup=dag.catchup,
        last=last,
        now=now,
    )
    base = stored or DagSchedule(dag_id=dag.dag_id, run_after=None)
    return replace(scheduled(base, following), alarm_at=following.run_after if following and not paused else None)


def last_of(stored: DagSchedule | None) -> planner_schedule.NextRun | None:
    """The run that the schedule created last; None before the first."""
    if stored is None or stored.last_run_after is None:
        return None
    start = stored.last_interval_start or stored.last_run_after
    return planner_schedule.NextRun(
        run_after=stored.last_run_after,
        logical_date=start,
        data_interval_start=start,
        data_interval_end=stored.last_interval_end or stored.last_run_after,
    )


def scheduled(base: DagSchedule, following: planner_schedule.NextRun | None) -> DagSchedule:
    if following is None:
        return replace(
            base, run_after=None, logical_date=None, data_interval_start=None, data_interval_end=None, is_held=False
        )
    return replace(
        base,
        run_after=following.run_after,
        logical_date=following.logical_date,
        data_interval_start=following.data_interval_start,
        data_interval_end=following.data_interval_end,
        is_held=False,
    )


def utc_now() -> datetime:
    """The clock of every entry point."""
    return datetime.now(UTC)
