"""What tasks ask about runs: to start one of another DAG, and how others went."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sailplane.cloud.changes import Replace
from sailplane.cloud.wiring import Cloud
from sailplane.engine import clearing, past_runs, runs
from sailplane.engine.clearing import Clear
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import AlreadyExists, InvalidConf, InvalidId, NotFound
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.other_runs import InstanceFacts, RunAnswer, RunFacts, RunProblem, RunQuery, RunRequest
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy

NEWEST = 100
"""Runs that are told of when a task asks about all."""


def trigger(cloud: Cloud, request: RunRequest, clock: Callable[[], datetime]) -> RunAnswer:
    """Make the run that `request` asks for; asked for twice, it is made once."""
    try:
        made = runs.trigger(
            cloud,
            request.dag_id,
            conf=request.conf,
            logical_date=request.logical_date,
            run_id=request.run_id,
            run_type=RunType.OPERATOR_TRIGGERED,
            triggered_by=TriggeredBy.OPERATOR,
            note=request.note,
            is_awaited=request.is_awaited,
            now=clock(),
        )
    except NotFound as error:
        return RunAnswer(problem=RunProblem.NO_DAG, message=str(error))
    except AlreadyExists as error:
        if request.reset:
            return _reset(cloud, RunKey(request.dag_id, request.run_id), clock)
        found = cloud.store.run(RunKey(request.dag_id, request.run_id))
        known = () if found is None else (_facts(found, {}),)
        return RunAnswer(runs=known, problem=RunProblem.EXISTS, message=str(error))
    except (InvalidConf, InvalidId) as error:
        return RunAnswer(problem=RunProblem.INVALID, message=str(error))
    record = cloud.store.dag(request.dag_id)
    return RunAnswer(runs=(_facts(made, {}),), is_paused=record is not None and record.is_paused)


def _reset(cloud: Cloud, key: RunKey, clock: Callable[[], datetime]) -> RunAnswer:
    """Clear a run that exists, all of it."""
    clearing.clear(cloud, clock, key, Clear())
    record, run = cloud.store.dag(key.dag_id), cloud.store.run(key)
    facts = () if run is None else (_facts(run, {}),)
    return RunAnswer(runs=facts, is_paused=record is not None and record.is_paused)


def find(cloud: Cloud, query: RunQuery) -> RunAnswer:
    """The runs that `query` names, of those that exist. A run that has ended costs one read, its tasks included."""
    if query.before is not None:
        return _find_before(cloud, query, query.before)
    record = cloud.store.dag(query.dag_id)
    if record is None:
        return RunAnswer(problem=RunProblem.NO_DAG, message=f"there is no DAG {query.dag_id!r}")
    dag = cloud.store.version(query.dag_id, record.version)
    unknown = [task_id for task_id in query.task_ids if task_id not in dag.task_dict]
    if unknown or (query.group_id and query.group_id not in {group.group_id for group in dag.groups}):
        name = unknown[0] if unknown else query.group_id
        what = "task" if unknown else "task group"
        return RunAnswer(problem=RunProblem.NO_TASK, message=f"DAG {query.dag_id!r} has no {what} {name!r}")
    named = (cloud.store.run(RunKey(query.dag_id, run_id)) for run_id in query.run_ids)
    found = [run for run in named if run is not None]
    if query.logical_dates:
        found += cloud.store.runs_at(query.dag_id, query.logical_dates)
    if query.takes_all:
        found += cloud.store.runs(query.dag_id, limit=NEWEST)
    if query.awaits:
        _await(cloud, found)
    wanted = _wanted(dag, query)
    facts = tuple(_facts(run, _task_states(cloud, run, wanted)) for run in found)
    return RunAnswer(runs=facts, is_paused=record.is_paused)


def _await(cloud: Cloud, found: Iterable[DagRun]) -> None:
    """Have the ends of runs wake whoever waits for them. One that is being changed is left to the next look."""
    for run in found:
        # One that is queued is left alone: whoever starts it must find it as it was.
        if run.state is RunState.RUNNING and not run.context.is_awaited:
            cloud.store.commit([Replace(replace(run, context=replace(run.context, is_awaited=True)))])


def _find_before(cloud: Cloud, query: RunQuery, date: datetime) -> RunAnswer:
    """The newest earlier run that fits."""
    for run in past_runs.earlier(cloud, query.dag_id, date):
        if query.run_states and run.state not in query.run_states:
            continue
        if not query.instance:
            return RunAnswer(runs=(_facts(run, {}),))
        found = past_runs.instance_in(cloud, run, TaskKey.parse(query.instance))
        if found is not None and (not query.instance_states or found.state in query.instance_states):
            return RunAnswer(runs=(replace(_facts(run, {}), instance=_instance_facts(found)),))
    return RunAnswer()


def _instance_facts(instance: TaskInstance) -> InstanceFacts:
    return InstanceFacts(
        state=instance.state,
        try_number=instance.try_number,
        started_at=instance.started_at,
        ended_at=instance.ended_at,
    )


def _wanted(dag: SerializedDag, query: RunQuery) -> frozenset[str]:
    """task_ids whose states are asked for."""
    if query.group_id is None:
        return frozenset(query.task_ids)
    if not query.group_id:
        return frozenset(dag.task_dict)
    parents = {group.group_id: group.parent_id for group in dag.groups}

    def is_inside(group_id: str | None) -> bool:
        while group_id and group_id != query.group_id:
            group_id = parents.get(group_id)
        return bool(group_id)

    return frozenset(task.task_id for task in dag.tasks if is_inside(task.group_id))


def _task_states(cloud: Cloud, run: DagRun, wanted: Iterable[str]) -> Mapping[str, TaskState]:
    names = frozenset(wanted)
    if not names:
        return {}
    if run.state.is_terminal:
        return {each: state for each, state in run.summary.items() if TaskKey.parse(each).task_id in names}
    found = cloud.store.task_states(run.key)
    return {each.key.document_id: each.state for each in found if each.task_id in names}


def _facts(run: DagRun, tasks: Mapping[str, TaskState]) -> RunFacts:
    context = run.context
    return RunFacts(
        run_id=run.key.run_id,
        state=run.state,
        logical_date=context.logical_date,
        run_type=context.run_type,
        run_after=context.run_after,
        data_interval_start=context.data_interval_start,
        data_interval_end=context.data_interval_end,
        started_at=context.started_at,
        ended_at=run.ended_at,
        conf=context.conf,
        triggered_by=context.triggered_by,
        triggering_user=run.triggering_user,
        note=run.note,
        tasks=tasks,
    )
