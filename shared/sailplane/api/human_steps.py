"""What tasks ask people: list, show, answer. Airflow calls it `hitlDetails`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sailplane.api import human_models as models
from sailplane.api import views
from sailplane.api.context import ANY, Call
from sailplane.api.http import HttpError
from sailplane.api.paging import Page, Sorting, matches, order, states_named, within
from sailplane.api.routes import Routes
from sailplane.api.task_instances import find, tries_of
from sailplane.model.human_steps import HumanReply, HumanStep, Person
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import TaskState

routes = Routes("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", "Task Instance")
_ONE = "/taskInstances/{task_id}/{map_index}/hitlDetails"

Row = tuple[HumanStep, TaskInstance, DagRun]
SORTING: Sorting[Row] = {
    "ti_id": lambda row: (row[0].run, row[0].task),
    "subject": lambda row: row[0].request.subject,
    "created_at": lambda row: row[0].asked_at,
    "responded_at": lambda row: row[0].answer.answered_at if row[0].answer else None,
    "responded_by_user_id": lambda row: _by(row[0], "id"),
    "responded_by_user_name": lambda row: _by(row[0], "name"),
    "dag_id": lambda row: row[0].run.dag_id,
    "run_id": lambda row: row[0].run.run_id,
    "task_display_name": lambda row: row[0].task.task_id,
    "run_after": lambda row: row[2].context.run_after,
    "rendered_map_index": lambda row: (row[1].map_name, row[1].map_index),
    "task_instance_operator": lambda row: row[1].operator,
    "task_instance_state": lambda row: row[1].state,
}


class QuestionsQuery(Page, frozen=True, kw_only=True):
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    task_id: str | None = None
    task_id_pattern: str | None = None
    task_id_prefix_pattern: str | None = None
    map_index: int | None = None
    state: tuple[str, ...] = ()
    response_received: bool | None = None
    responded_by_user_id: tuple[str, ...] = ()
    responded_by_user_name: tuple[str, ...] = ()
    subject_search: str | None = None
    body_search: str | None = None
    created_at_gte: datetime | None = None
    created_at_gt: datetime | None = None
    created_at_lte: datetime | None = None
    created_at_lt: datetime | None = None

    @property
    def states(self) -> tuple[TaskState, ...]:
        return states_named(self.state, TaskState)


def _by(step: HumanStep, field: str) -> str | None:
    by = step.answer.answered_by if step.answer else None
    return str(getattr(by, field)) if by is not None else None


def wanted(step: HumanStep, query: QuestionsQuery) -> bool:
    bounds = {bound: getattr(query, f"created_at_{bound}") for bound in ("gte", "gt", "lte", "lt")}
    return (
        matches(query.dag_id_pattern, step.run.dag_id)
        and step.run.dag_id.startswith(query.dag_id_prefix_pattern or "")
        and query.task_id in (None, step.task.task_id)
        and matches(query.task_id_pattern, step.task.task_id)
        and step.task.task_id.startswith(query.task_id_prefix_pattern or "")
        and query.map_index in (None, step.task.map_index)
        and (not query.responded_by_user_id or _by(step, "id") in query.responded_by_user_id)
        and (not query.responded_by_user_name or _by(step, "name") in query.responded_by_user_name)
        and matches(query.subject_search, step.request.subject)
        and matches(query.body_search, step.request.body or "")
        and within(step.asked_at, **bounds)
    )


@routes.get("/hitlDetails")
def get_hitl_details(call: Call, dag_id: str, dag_run_id: str, query: QuestionsQuery) -> models.HITLDetailCollection:
    """List what tasks ask people, of a run, or with `~` of all runs or DAGs."""
    found = call.backend.questions(
        dag_id=None if dag_id == ANY else dag_id,
        run_id=None if dag_run_id == ANY else dag_run_id,
        answered=query.response_received,
    )
    states = query.states
    rows = _rows(call, [step for step in found if wanted(step, query)])
    kept = [row for row in rows if not states or row[1].state in states]
    page = [_detail(call, row) for row in query.cut(order(kept, query.order_by, SORTING))]
    return models.HITLDetailCollection(hitl_details=page, total_entries=len(kept))


def _rows(call: Call, steps: Iterable[HumanStep]) -> list[Row]:
    """Each question with its task instance and run: of the newest tries alone, and not of runs that are gone."""
    by_run: dict[RunKey, list[HumanStep]] = {}
    for step in steps:
        by_run.setdefault(step.run, []).append(step)
    rows: list[Row] = []
    for key, asked in by_run.items():
        run = call.backend.run(key)
        instances = {each.key: each for each in call.backend.tasks(key, [step.task for step in asked])} if run else {}
        for step in asked:
            instance = instances.get(step.task)
            if run is not None and instance is not None and instance.try_number == step.try_number:
                rows.append((step, instance, run))
    return rows


def _detail(call: Call, row: Row) -> models.HITLDetail:
    step, instance, run = row
    shown = views.task_instance_view(instance, run, call.version_of(run))
    return models.HITLDetail(**_fields(step), task_instance=shown)


def _fields(step: HumanStep) -> dict[str, Any]:
    request, answer = step.request, step.answer
    return {
        "options": list(request.options),
        "subject": request.subject,
        "body": request.body,
        "defaults": list(request.defaults) if request.defaults is not None else None,
        "multiple": request.multiple,
        "params": {name: _param(value) for name, value in request.params.items()},
        "assigned_users": _users(request.assigned_users),
        "created_at": step.asked_at,
        "responded_by_user": _users([answer.answered_by])[0] if answer and answer.answered_by else None,
        "responded_at": answer.answered_at if answer else None,
        "chosen_options": list(answer.chosen_options) if answer else None,
        "params_input": dict(answer.params_input) if answer else {},
        "response_received": answer is not None,
    }


def _users(people: Sequence[Person]) -> list[models.HITLUser]:
    return [models.HITLUser(id=person.id, name=person.name) for person in people]


def _param(value: Any) -> Any:
    is_param = isinstance(value, Mapping) and {"value", "description", "schema"} <= value.keys()
    return value if is_param else {"value": value, "description": None, "schema": {}}


@routes.get(_ONE)
def get_hitl_detail(call: Call, dag_id: str, dag_run_id: str, task_id: str, map_index: int) -> models.HITLDetail:
    """Show what a task instance asks."""
    run = call.run(dag_id, dag_run_id)
    instance = find(call, run, task_id, map_index)
    return _detail(call, (_question(call, instance), instance, run))


@routes.get(_ONE + "/tries/{try_number}")
def get_hitl_detail_try_detail(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, map_index: int, try_number: int
) -> models.HITLDetailHistory:
    """Show what one try of a task instance asked."""
    run = call.run(dag_id, dag_run_id)
    for instance in tries_of(call, run, task_id, map_index):
        if instance.try_number == try_number:
            shown = views.try_view(instance, run, call.version_of(run))
            return models.HITLDetailHistory(**_fields(_question(call, instance)), task_instance=shown)
    raise HttpError(404, f"Task instance {TaskKey(task_id, map_index)} of run `{dag_run_id}` has no try {try_number}")


def _question(call: Call, instance: TaskInstance) -> HumanStep:
    step = call.backend.question(instance.run, instance.key, instance.try_number)
    if step is None:
        where = f"{instance.run} {instance.key}, try {instance.try_number}"
        raise HttpError(404, f"Human-in-the-loop detail does not exist for Task Instance {where}")
    return step


@routes.patch(_ONE)
def update_hitl_detail(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, map_index: int, body: models.UpdateHITLDetailPayload
) -> models.HITLDetailResponse:
    """Answer what a task instance asks; it goes on with that."""
    user = call.user.name
    reply = HumanReply(
        by=Person(id=user, name=user), chosen_options=tuple(body.chosen_options), params_input=body.params_input
    )
    step = call.backend.answer(RunKey(dag_id, dag_run_id), TaskKey(task_id, map_index), reply)
    assert step.answer is not None
    return models.HITLDetailResponse(
        responded_by=models.HITLUser(id=user, name=user),
        responded_at=step.answer.answered_at,
        chosen_options=list(step.answer.chosen_options),
        params_input=dict(step.answer.params_input),
    )
