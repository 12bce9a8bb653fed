"""Triggering runs by hand, and pausing DAGs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sailplane.cloud.changes import Change, Create, Replace
from sailplane.cloud.committer import Committed
from sailplane.cloud.wiring import Cloud
from sailplane.engine import asset_runs, creation, params, turns
from sailplane.engine.creation import NewRun
from sailplane.engine.draft import nonce
from sailplane.model import ids
from sailplane.model.errors import AlreadyExists, InvalidConf, NotFound
from sailplane.model.runs import DagRecord, DagRun, RunContext
from sailplane.model.states import RunState, RunType, TriggeredBy
from sailplane.planner import schedule as planner_schedule


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
    is_awaited: bool = False,
    now: datetime,
) -> DagRun:
    """Create a run by hand. Raises `NotFound`, `AlreadyExists`, `InvalidConf` or `InvalidId`, having written nothing.

    Without a logical date the run has neither that nor a data interval, as in Airflow 3: templates cannot use `ds`.
    The run is `queued` when the DAG has `max_active_runs` running already, else `running`.
    """
    cloud.tally.take()  # What this thread read before was not for this run.
    record = cloud.store.dag(dag_id)
    if record is None:
        raise NotFound(f"there is no DAG {dag_id!r}; `sailplane dags list` shows those that were pushed")
    dag = cloud.store.version(dag_id, record.version)
    if dag.allowed_run_types is not None and run_type not in dag.allowed_run_types:
        allowed = ", ".join(dag.allowed_run_types)
        raise InvalidConf(f"DAG {dag_id!r} does not allow {run_type} runs, only: {allowed}")
    params.check_conf(dag, conf or {})
    run_after = logical_date or now
    start = end = None
    if logical_date is not None:
        start, end = planner_schedule.manual_interval(dag.schedule, logical_date)
    context = RunContext(
        dag_id=dag_id,
        run_id=ids.check_run_id(run_id) if run_id is not None else ids.run_id_for(run_type, run_after),
        version=record.version,
        bundle=record.bundle,
        file=record.file,
        run_type=run_type,
        logical_date=logical_date,
        data_interval_start=start,
        data_interval_end=end,
        run_after=run_after,
        started_at=None,
        conf=conf or {},
        triggered_by=triggered_by,
        is_awaited=is_awaited,
    )
    run = DagRun(context=context, state=RunState.QUEUED, queued_at=now, triggering_user=user, note=note, claim=nonce())
    started = creation.create(cloud, NewRun(dag=dag, record=run), record.max_active_runs, lambda: now)
    if started is None:
        raise AlreadyExists(f"DAG {dag_id!r} has a run {context.run_id!r} already; give another run id")
    if started.is_over:
        turns.start_waiting(cloud, lambda: now, dag_id)
    return started.run


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
        due = turns.due_schedule(dag, stored, paused=paused, now=now)
        changes: list[Change] = [Replace(changed), Replace(due) if due.token else Create(due)]
        waits_for_assets = dag.schedule.assets is not None and not paused
        if waits_for_assets:
            changes += asset_runs.rung(cloud.store.assets.queues(dag_id), now)
        result = cloud.store.commit(changes)
        if isinstance(result, Committed):
            if waits_for_assets:
                asset_runs.look_at_all(cloud, lambda: now, [dag_id])
            return replace(changed, token=result.tokens[0])


def utc_now() -> datetime:
    """The clock of every entry point."""
    return datetime.now(UTC)
