"""The tasks that a DAG declares."""

from sailplane.api import models, views
from sailplane.api.context import Call
from sailplane.api.http import HttpError
from sailplane.api.paging import Page, Sorting, order
from sailplane.api.routes import Routes
from sailplane.model.dags import SerializedTask

routes = Routes("/api/v2/dags/{dag_id}/tasks", "Task")

SORTING: Sorting[SerializedTask] = {
    "task_id": lambda task: task.task_id,
    "task_display_name": lambda task: task.label or task.task_id,
    "owner": lambda task: task.owner,
    "trigger_rule": lambda task: task.trigger_rule,
    "depends_on_past": lambda task: task.depends_on_past,
    "retries": lambda task: task.retries,
    "queue": lambda task: task.queue,
    "pool": lambda task: task.pool,
    "pool_slots": lambda task: task.pool_slots,
    "execution_timeout": lambda task: task.execution_timeout,
    "retry_delay": lambda task: task.retry_delay,
    "priority_weight": lambda task: task.priority_weight,
    "operator_name": lambda task: task.operator,
}


@routes.get("")
def get_tasks(call: Call, dag_id: str, query: Page) -> models.TaskCollectionResponse:
    """List the tasks of a DAG, in whole."""
    dag = call.newest(call.dag(dag_id))
    tasks = order(dag.tasks, query.order_by or ("task_id",), SORTING)
    return models.TaskCollectionResponse(tasks=[views.task_view(task, dag) for task in tasks], total_entries=len(tasks))


@routes.get("/{task_id}")
def get_task(call: Call, dag_id: str, task_id: str) -> models.TaskResponse:
    """Show a task of a DAG."""
    dag = call.newest(call.dag(dag_id))
    if task_id not in dag.task_dict:
        raise HttpError(404, f"Task with id {task_id} was not found")
    return views.task_view(dag.task_dict[task_id], dag)
