"""Tasks with dates of their own: which of them a run has."""

from collections.abc import Collection
from dataclasses import replace

from sailplane.model.dags import SerializedDag, SerializedGroup, SerializedTask
from sailplane.model.runs import RunContext
from sailplane.model.states import RunType


def of_run(dag: SerializedDag, run: RunContext) -> SerializedDag:
    """`dag` without the tasks whose dates leave the run out; `dag` itself when no task has such dates.

    What waits for one of those waits for what that would have waited for. What is mapped over one is left out too. As
    in Airflow, a run without a logical date and one of a backfill have all tasks.
    """
    if not dag.dated_tasks or run.logical_date is None or run.run_type is RunType.BACKFILL:
        return dag
    date = run.logical_date
    outside = frozenset(
        task.task_id
        for task in dag.dated_tasks
        if (task.start_date is not None and date < task.start_date)
        or (task.end_date is not None and date > task.end_date)
    )
    if outside not in dag.windows:
        dag.windows[outside] = without(dag, outside)
    return dag.windows[outside]


def without(dag: SerializedDag, outside: Collection[str]) -> SerializedDag:
    """`dag` without the tasks `outside` and all that is mapped over them."""
    if not outside:
        return dag
    gone = _with_mapped(dag, set(outside))
    instead: dict[str, set[str]] = {}
    kept: list[SerializedTask] = []
    for task in dag.tasks:  # In topological order: what a task waited for is known by then.
        upstream = set[str]().union(*(instead.get(each, {each}) for each in task.upstream))
        if task.task_id in gone:
            instead[task.task_id] = upstream
        else:
            reads = tuple(each for each in task.reads if each not in gone)
            kept.append(replace(task, upstream=tuple(sorted(upstream)), reads=reads))
    return replace(dag, tasks=tuple(kept))


def _with_mapped(dag: SerializedDag, gone: set[str]) -> set[str]:
    groups = {group.group_id: group for group in dag.groups}
    for task in dag.tasks:
        producers = set(task.expansion.producers) if task.expansion is not None else set()
        for group in _around(task, groups):
            producers |= set(group.expansion.producers) if group.expansion is not None else set()
        if producers & gone:
            gone.add(task.task_id)
    return gone


def _around(task: SerializedTask, groups: dict[str, SerializedGroup]) -> list[SerializedGroup]:
    found = []
    group = groups.get(task.group_id or "")
    while group is not None:
        found.append(group)
        group = groups.get(group.parent_id or "")
    return found
