"""Asking a person, from inside a task: the question travels with the end of this part of the try."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from sailplane.authoring.exceptions import AirflowException, TaskAwaitingInput
from sailplane.authoring.params import ParamsDict
from sailplane.authoring.scopes import get_current_context
from sailplane.model import xcom
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.human_steps import HumanRequest, Person
from sailplane.model.resuming import Resumption

if TYPE_CHECKING:
    from sailplane.authoring.task_instance import TaskInstance


class HITLUser(TypedDict):
    """Who may answer; `id` is the name of a login."""

    id: str
    name: str


def upsert_hitl_detail(
    ti_id: Any = None,
    options: Sequence[str] = (),
    subject: str = "",
    body: str | None = None,
    defaults: Sequence[str] | None = None,
    multiple: bool = False,
    params: Mapping[str, Any] | None = None,
    assigned_users: Sequence[HITLUser] | None = None,
) -> None:
    """Ask this once the running task raises `TaskAwaitingInput`, as Airflow's function of that name does.

    `ti_id` is passed over: it is always the running task that asks.
    """
    ti: TaskInstance = get_current_context()["ti"]
    ti.question = HumanRequest(
        subject=subject,
        options=tuple(options),
        body=body,
        defaults=tuple(defaults) if defaults is not None else None,
        multiple=multiple,
        params=dict(params or {}),
        assigned_users=people(assigned_users),
    )


def people(users: Sequence[HITLUser] | None) -> tuple[Person, ...]:
    """Raises `ValueError` for one without id or name."""
    for user in users or ():
        if not isinstance(user, Mapping) or not {"id", "name"} <= user.keys():
            raise ValueError(f'assigned_users are dicts as {{"id": "ada", "name": "Ada Lovelace"}}, not {user!r}')
    return tuple(Person(id=str(user["id"]), name=str(user["name"])) for user in users or ())


def waiting(pause: TaskAwaitingInput, ti: "TaskInstance") -> Outcome:
    """That the task waits for its answer."""
    now = datetime.now(UTC)
    ti.log.debug("Pausing task as AWAITING_INPUT")
    return Outcome(
        kind=OutcomeKind.AWAITING_INPUT,
        question=_question(ti),
        resumption=Resumption(method=pause.method_name, kwargs=_written(pause, ti), began_at=ti.began_at),
        resume_at=now + pause.timeout if pause.timeout is not None else None,
        xcoms=ti.pushed,
    )


def _written(pause: TaskAwaitingInput, ti: "TaskInstance") -> str:
    return xcom.dumps(pause.kwargs, key="kwargs", where=f"task {ti.task_id!r}, waiting") if pause.kwargs else ""


def _question(ti: "TaskInstance") -> HumanRequest:
    if ti.question is None:
        raise AirflowException(
            f"task {ti.task_id!r} waits for a person, but has asked nothing: call upsert_hitl_detail() before"
        )
    return ti.question


def form(params: ParamsDict) -> dict[str, dict[str, Any]]:
    """The params as a form shows them."""
    return {name: _field(params, name) for name in params}


def _field(params: ParamsDict, name: str) -> dict[str, Any]:
    param = params.get_param(name)
    return {
        "value": param.value if param.has_value else None,
        "schema": dict(param.schema),
        "description": param.description,
        "source": param.source or "task",
    }
