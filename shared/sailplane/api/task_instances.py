"""Task instances and their tries."""

from collections.abc import Sequence

from sailplane.api import models, views
from sailplane.api.context import ANY, Call
from sailplane.api.http import HttpError
from sailplane.api.paging import Page, Sorting, matches, order, states_named
from sailplane.api.routes import Routes
from sailplane.model.dags import SerializedDag
from sailplane.model.ids import UNMAPPED, TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import TaskState

routes = Routes("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", "Task Instance")

SORTING: Sorting[TaskInstance] = {
    "id": lambda instance: instance.key.document_id,
    "task_id": lambda instance: instance.task_id,
    "map_index": lambda instance: instance.map_index,
    "rendered_map_index": lambda instance: (instance.map_name, instance.map_index),
    "state": lambda instance: instance.state,
    "start_date": lambda instance: instance.started_at,
    "end_date": lambda instance: instance.ended_at,
    "duration": lambda instance: views.seconds_between(instance.started_at, instance.ended_at),
    "try_number": lambda instance: instance.try_number,
    "operator": lambda instance: instance.operator,
}


class TaskInstancesQuery(Page, frozen=True, kw_only=True):
    task_id: str | None = None
    state: tuple[str, ...] = ()
    pool: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    operator: tuple[str, ...] = ()
    try_number: tuple[int, ...] = ()
    map_index: tuple[int, ...] = ()
    rendered_map_index_pattern: str | None = None
    rendered_map_index_prefix_pattern: str | None = None
    task_display_name_pattern: str | None = None
    task_group_id: str | None = None

    @property
    def states(self) -> tuple[TaskState, ...]:
        return states_named(self.state, TaskState)


def instances_of(call: Call, run: DagRun, dag: SerializedDag) -> list[TaskInstance]:
    """All task instances in the DAG's order, those that nothing made ready yet too."""
    stored: dict[str, list[TaskInstance]] = {}
    for instance in call.backend.tasks(run.key):
        stored.setdefault(instance.task_id, []).append(instance)
    result = []
    for task in dag.tasks:
        known = stored.pop(task.task_id, None) or [views.not_started(task, run)]
        result += sorted(known, key=lambda instance: instance.map_index)
    for removed in stored.values():
        result += removed
    return result


def wanted(instance: TaskInstance, query: TaskInstancesQuery, dag: SerializedDag) -> bool:
    task = dag.task_dict.get(instance.task_id)
    return (
        query.task_id in (None, instance.task_id)
        and (not query.states or instance.state in query.states)
        and (not query.pool or (task is not None and task.pool in query.pool))
        and (not query.queue or instance.queue in query.queue)
        and (not query.operator or instance.operator in query.operator)
        and (not query.try_number or instance.try_number in query.try_number)
        and (not query.map_index or instance.map_index in query.map_index)
        and _is_called(instance, query)
        and (query.task_group_id is None or _in_group(instance.task_id, query.task_group_id, dag))
        and matches(query.task_display_name_pattern, (task.label if task else "") or instance.task_id)
    )


def _is_called(instance: TaskInstance, query: TaskInstancesQuery) -> bool:
    pattern, prefix = query.rendered_map_index_pattern, query.rendered_map_index_prefix_pattern
    if pattern is None and prefix is None:
        return True
    name = instance.rendered_map_index
    return name is not None and matches(pattern, name) and name.startswith(prefix or "")


def _in_group(task_id: str, group_id: str, dag: SerializedDag) -> bool:
    parents = {group.group_id: group.parent_id for group in dag.groups}
    task = dag.task_dict.get(task_id)
    current = task.group_id if task else None
    while current is not None and current != group_id:
        current = parents.get(current)
    return current == group_id


@routes.get("")
def get_task_instances(
    call: Call, dag_id: str, dag_run_id: str, query: TaskInstancesQuery
) -> models.TaskInstanceCollectionResponse:
    """List the task instances of a run; `~` stands for all DAGs and all runs."""
    found = []
    for run in _runs(call, dag_id, dag_run_id):
        dag = call.version_of(run)
        instances = order(instances_of(call, run, dag), query.order_by, SORTING)
        found += [(instance, run, dag) for instance in instances if wanted(instance, query, dag)]
    page = [views.task_instance_view(*row) for row in query.cut(found)]
    return models.TaskInstanceCollectionResponse(task_instances=page, total_entries=len(found))


def _runs(call: Call, dag_id: str, dag_run_id: str) -> Sequence[DagRun]:
    if dag_run_id != ANY:
        return [call.run(dag_id, dag_run_id)]
    return call.backend.runs(None if dag_id == ANY else dag_id, newest_first=False)


def find(call: Call, run: DagRun, task_id: str, map_index: int) -> TaskInstance:
    """Raises `HttpError` 404."""
    instance = call.backend.task(run.key, TaskKey(task_id, map_index))
    if instance is not None:
        return instance
    task = call.version_of(run).task_dict.get(task_id)
    if task is None or map_index != UNMAPPED:
        raise _not_found(run, task_id, map_index)
    if task.is_mapped:
        raise HttpError(404, "Task instance is mapped, add the map_index value to the URL")
    return views.not_started(task, run)


def _not_found(run: DagRun, task_id: str, map_index: int) -> HttpError:
    where = f"dag_id: `{run.context.dag_id}`, run_id: `{run.context.run_id}`, task_id: `{task_id}`"
    return HttpError(404, f"The Task Instance with {where} and map_index: `{map_index}` was not found")


@routes.get("/{task_id}")
def get_task_instance(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> models.TaskInstanceResponse:
    """Show a task instance."""
    return get_mapped_task_instance(call, dag_id, dag_run_id, task_id, UNMAPPED)


class MapIndexQuery(Page, frozen=True, kw_only=True):
    map_index: int = UNMAPPED


@routes.get("/{task_id}/tries")
def get_task_instance_tries(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, query: MapIndexQuery
) -> models.TaskInstanceHistoryCollectionResponse:
    """List the tries of a task instance."""
    return get_mapped_task_instance_tries(call, dag_id, dag_run_id, task_id, query.map_index)


@routes.get("/{task_id}/tries/{task_try_number}")
def get_task_instance_try_details(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, task_try_number: int, query: MapIndexQuery
) -> models.TaskInstanceHistoryResponse:
    """Show one try of a task instance."""
    return get_mapped_task_instance_try_details(
        call,
        dag_id=dag_id,
        dag_run_id=dag_run_id,
        task_id=task_id,
        map_index=query.map_index,
        task_try_number=task_try_number,
    )


@routes.get("/{task_id}/listMapped")
def get_mapped_task_instances(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, query: TaskInstancesQuery
) -> models.TaskInstanceCollectionResponse:
    """List the instances of a mapped task."""
    run = call.run(dag_id, dag_run_id)
    dag = call.version_of(run)
    if task_id not in dag.task_dict:
        raise HttpError(404, f"Task id {task_id} not found")
    if task_id not in dag.mapped_by:
        raise HttpError(404, f"Task id {task_id} is not mapped")
    if query == TaskInstancesQuery(limit=query.limit, offset=query.offset):
        return _in_order(call, run, dag, task_id, query)
    instances = [one for one in call.backend.tasks(run.key) if one.task_id == task_id and one.map_index != UNMAPPED]
    found = [one for one in order(instances, query.order_by or ("map_index",), SORTING) if wanted(one, query, dag)]
    page = [views.task_instance_view(instance, run, dag) for instance in query.cut(found)]
    return models.TaskInstanceCollectionResponse(task_instances=page, total_entries=len(found))


def _in_order(
    call: Call, run: DagRun, dag: SerializedDag, task_id: str, query: TaskInstancesQuery
) -> models.TaskInstanceCollectionResponse:
    """A page by map index: there may be thousands of instances, and no others than those of the page are read."""
    first = call.backend.task(run.key, TaskKey(task_id, 0))
    size = first.map_size if first is not None else 0
    found = call.backend.tasks(run.key, [TaskKey(task_id, index) for index in query.cut(range(size))])
    page = [views.task_instance_view(one, run, dag) for one in sorted(found, key=lambda one: one.map_index)]
    return models.TaskInstanceCollectionResponse(task_instances=page, total_entries=size)


@routes.get("/{task_id}/{map_index}")
def get_mapped_task_instance(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, map_index: int
) -> models.TaskInstanceResponse:
    """Show an instance of a mapped task."""
    run = call.run(dag_id, dag_run_id)
    return views.task_instance_view(find(call, run, task_id, map_index), run, call.version_of(run))


@routes.get("/{task_id}/{map_index}/tries")
def get_mapped_task_instance_tries(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, map_index: int
) -> models.TaskInstanceHistoryCollectionResponse:
    """List the tries of an instance of a mapped task."""
    run = call.run(dag_id, dag_run_id)
    dag = call.version_of(run)
    tries = [views.try_view(instance, run, dag) for instance in tries_of(call, run, task_id, map_index)]
    return models.TaskInstanceHistoryCollectionResponse(task_instances=tries, total_entries=len(tries))


@routes.get("/{task_id}/{map_index}/tries/{task_try_number}")
def get_mapped_task_instance_try_details(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, map_index: int, task_try_number: int
) -> models.TaskInstanceHistoryResponse:
    """Show one try of an instance of a mapped task."""
    run = call.run(dag_id, dag_run_id)
    for instance in tries_of(call, run, task_id, map_index):
        if instance.try_number == task_try_number:
            return views.try_view(instance, run, call.version_of(run))
    raise HttpError(404, f"{_not_found(run, task_id, map_index).detail} with try_number: `{task_try_number}`")


def tries_of(call: Call, run: DagRun, task_id: str, map_index: int) -> list[TaskInstance]:
    """The earlier tries and the newest, each once: one that waits for its retry is in both places."""
    newest = find(call, run, task_id, map_index)
    earlier = call.backend.tries(run.key, newest.key)
    numbers = {instance.try_number for instance in earlier}
    return [*earlier, *([] if newest.try_number in numbers else [newest])]
