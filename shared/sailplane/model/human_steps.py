"""What a task asks of a person, and what was answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sailplane.model.errors import AlreadyExists, Forbidden, RequestError
from sailplane.model.ids import RunKey, TaskKey

TIMEOUT = "timeout"
"""`error_type` of the event when nobody has answered in time."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who may answer, or did; `id` is the name of a login."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class HumanRequest:
    """What a task asks."""

    subject: str
    options: tuple[str, ...]
    body: str | None = None
    """Markdown."""
    defaults: tuple[str, ...] | None = None
    """What counts as chosen when nobody has answered in time; None: then the task fails."""
    multiple: bool = False
    """Whether more than one option may be chosen."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a form, each as Airflow dumps a param: its value, description and schema."""
    assigned_users: tuple[Person, ...] = ()
    """Who alone may answer; nobody named: everyone."""


@dataclass(frozen=True, kw_only=True)
class HumanAnswer:
    """What was chosen and entered."""

    chosen_options: tuple[str, ...]
    params_input: Mapping[str, Any] = field(default_factory=dict)
    answered_at: datetime
    answered_by: Person | None = None
    """None: nobody did in time, and the defaults were taken."""


@dataclass(frozen=True, kw_only=True)
class HumanReply:
    """What somebody wants to answer."""

    by: Person
    chosen_options: tuple[str, ...]
    params_input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HumanStep:
    """`.../tasks/{task_id}:{map_index}/questions/{try_number}`: what one try asked, and what was answered."""

    run: RunKey
    task: TaskKey
    try_number: int
    request: HumanRequest
    asked_at: datetime
    answer: HumanAnswer | None = None
    token: str = ""


def check_answer(step: HumanStep, reply: HumanReply) -> None:
    """Raise `AlreadyExists`, `Forbidden` or `RequestError` unless `reply` can be the answer to `step`."""
    request, chosen, by = step.request, reply.chosen_options, reply.by
    if step.answer is not None:
        raise AlreadyExists("the question has been answered already, and its answer cannot be changed")
    if request.assigned_users and by.id not in {person.id for person in request.assigned_users}:
        names = ", ".join(person.id for person in request.assigned_users)
        raise Forbidden(f"User={by.name} (id={by.id}) is not a respondent for the task: only {names} may answer")
    if not chosen:
        raise RequestError(f"no option is chosen; there are: {', '.join(request.options)}")
    if wrong := sorted(set(chosen) - set(request.options)):
        raise RequestError(f"Invalid options {wrong}; allowed options are {sorted(request.options)}.")
    if len(chosen) > 1 and not request.multiple:
        raise RequestError("Multiple options chosen but this Human-in-the-loop task accepts only a single option.")


def default_answer(request: HumanRequest, at: datetime) -> HumanAnswer | None:
    """What counts as answered when nobody did; None when nothing does."""
    if request.defaults is None:
        return None
    entered = {
        name: param["value"] if isinstance(param, Mapping) and "value" in param else param
        for name, param in request.params.items()
    }
    return HumanAnswer(chosen_options=request.defaults, params_input=entered, answered_at=at)


def event_of(answer: HumanAnswer | None) -> dict[str, Any]:
    """The event that the task goes on with, as Airflow makes it; None: nobody has answered in time."""
    if answer is None:
        message = "The Human-in-the-loop response timeout has passed without a response."
        return {"error": message, "error_type": TIMEOUT}
    by = answer.answered_by
    return {
        "chosen_options": list(answer.chosen_options),
        "params_input": dict(answer.params_input),
        "responded_at": answer.answered_at,
        "responded_by_user": {"id": by.id, "name": by.name} if by is not None else None,
        "timedout": by is None,
    }
