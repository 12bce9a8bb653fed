"""Creating a run: its document, its first task instances, and whatever produced it, in one commit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sailplane.cloud.changes import Change, Create, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import deadlines, draft
from sailplane.engine.draft import nonce
from sailplane.engine.memory import RunMemory
from sailplane.engine.progress import Progress
from sailplane.engine.starts import MAX_CREATES, with_tokens
from sailplane.model.dags import SerializedDag
from sailplane.model.runs import DagRun, RunContext, TaskInstance
from sailplane.model.states import RunState
from sailplane.model.usage import Usage
from sailplane.planner.alarms import RUN_ALARM, run_alarm
from sailplane.planner.plan import Snapshot

GO_ON_ALARM = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Started:
    """A run as it was created."""

    run: DagRun
    is_over: bool = False
    """True when nothing in it had to run: it has ended already, and made room for the next."""


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run that is to be created."""

    dag: SerializedDag
    record: DagRun
    companions: tuple[Change, ...] = ()
    """What is written in the same commit: the schedule that produced the run."""


def create(cloud: Cloud, new: NewRun, max_active_runs: int, clock: Callable[[], datetime]) -> Started | None:
    """Create `new` and start it unless the DAG has `max_active_runs` running. None when someone else created it.

    The limit is looked at, not locked: runs created at the same moment may pass it by their number.
    """
    if new.dag.deadlines:
        record, waiting = deadlines.prepared(cloud, new.dag, new.record, clock())
        new = replace(new, record=record, companions=(*new.companions, *waiting))
    if not max_active_runs or cloud.store.active_runs(new.record.key.dag_id) < max_active_runs:
        return start(cloud, new, clock, is_new=True)
    queued = replace(new.record, alarm_at=clock() + RUN_ALARM, usage=_usage(cloud, new))
    result = cloud.store.commit([Create(queued), *new.companions])
    if not isinstance(result, Committed):
        return None
    queued = replace(queued, token=result.tokens[0], usage=queued.usage.written())
    # Commit, then look: the last active run may have ended before it could see this one waiting.
    if cloud.store.active_runs(new.record.key.dag_id) < max_active_runs:
        return start(cloud, NewRun(dag=new.dag, record=queued), clock, is_new=False) or Started(run=queued)
    return Started(run=queued)


def start(cloud: Cloud, new: NewRun, clock: Callable[[], datetime], *, is_new: bool) -> Started | None:
    """Write the run as running together with its first task instances, and hand these to workers.

    None when someone else created or started it. One that was cleared goes on with the task instances that it has.
    """
    now = clock()
    run = replace(
        new.record,
        context=_context(cloud, new.record.context, now),
        state=RunState.RUNNING,
        claim=nonce(),
        usage=_usage(cloud, new),
    )
    run = replace(run, alarm_at=run_alarm(run.context, new.dag, now))
    if run.context.clear_number:
        return _go_on(cloud, run, new.dag, clock)
    memory = RunMemory(run.context, "", new.dag)
    drafted = draft.draft_all(memory.dag, Snapshot(states={}, complete=True))
    ended: list[str] = []
    progress = Progress(cloud, clock, on_close=ended.append)
    tasks = progress.starts.records(memory, drafted, now)
    first, rest = tasks[:MAX_CREATES], tasks[MAX_CREATES:]
    result = cloud.store.commit([Create(run) if is_new else Replace(run), *map(Create, first), *new.companions])
    if not isinstance(result, Committed):
        return None
    memory.token = result.tokens[0]
    _learn_ends(memory, first)
    progress.hand_out(memory, with_tokens(first, result.tokens[1:]), rest)
    if drafted.run is not None or drafted.may_be_over:
        progress.close(memory, is_known=drafted.run is not None)
    return Started(run=replace(run, token=memory.token), is_over=bool(ended))


def _context(cloud: Cloud, context: RunContext, now: datetime) -> RunContext:
    return replace(context, started_at=now, limits_default_pool=cloud.store.slots.is_default_pool_limited())


def _go_on(cloud: Cloud, run: DagRun, dag: SerializedDag, clock: Callable[[], datetime]) -> Started | None:
    """Let a run that was cleared go on. Should that not come to its end, its alarm does it, soon."""
    run = replace(run, alarm_at=clock() + GO_ON_ALARM)
    result = cloud.store.commit([Replace(run)])
    if not isinstance(result, Committed):
        return None
    run = replace(run, token=result.tokens[0])
    ended: list[str] = []
    Progress(cloud, clock, on_close=ended.append).replan(RunMemory.of(run, dag), cloud.store.tasks(run.key))
    return Started(run=run, is_over=bool(ended))


def _usage(cloud: Cloud, new: NewRun) -> Usage:
    """What creating it took: what this thread has read for it, and what is written beside it."""
    return new.record.usage + cloud.tally.take() + Usage(writes=len(new.companions))


def _learn_ends(memory: RunMemory, tasks: list[TaskInstance]) -> None:
    memory.learn(task for task in tasks if task.state.is_terminal)
