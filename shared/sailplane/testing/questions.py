"""Tasks that ask a person, in a run in this process: answered as the test says, or at the terminal."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sailplane.engine import draft, ends
from sailplane.engine.memory import RunMemory
from sailplane.model import xcom
from sailplane.model.errors import RequestError
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.human_steps import (
    HumanAnswer,
    HumanReply,
    HumanRequest,
    HumanStep,
    Person,
    check_answer,
    default_answer,
    event_of,
)
from sailplane.model.ids import TaskKey
from sailplane.model.runs import ErrorInfo, TaskInstance

Ask = Callable[[TaskKey, HumanRequest], HumanReply | None]
"""What is answered to a question; None: nothing, as if nobody did in time."""
TESTER = Person(id="test", name="test")


def reply_of(request: HumanRequest, given: Any) -> HumanReply:
    """The reply that a test writes as an option, a list of them, or a dict as the task returns it.

    It comes from the first of those who may answer. Without `params_input` the form keeps its defaults.
    """
    said = given if isinstance(given, Mapping) else {"chosen_options": given}
    chosen = said.get("chosen_options", ())
    defaults = {name: field["value"] for name, field in request.params.items()}
    return HumanReply(
        by=request.assigned_users[0] if request.assigned_users else TESTER,
        chosen_options=(chosen,) if isinstance(chosen, str) else tuple(chosen),
        params_input=said.get("params_input", defaults),
    )


def gone_on(
    run: RunMemory, waiting: TaskInstance, request: HumanRequest, reply: HumanReply | None, now: datetime
) -> TaskInstance:
    """`waiting`, queued with its answer; without one with its defaults, or failed when it would wait for ever.

    Raises `RequestError` for what is no answer.
    """
    if reply is None and waiting.alarm_at is None:
        return _failed(run, waiting, now)
    answer = _checked(waiting, request, reply, now) if reply is not None else default_answer(request, now)
    event = xcom.dumps(event_of(answer), key="event")
    resumption = replace(waiting.resumption, event=event) if waiting.resumption is not None else None
    return draft.requeued(evolve(waiting, resumption=resumption), now)


def _checked(waiting: TaskInstance, request: HumanRequest, reply: HumanReply, now: datetime) -> HumanAnswer:
    step = HumanStep(run=waiting.run, task=waiting.key, try_number=waiting.try_number, request=request, asked_at=now)
    try:
        check_answer(step, reply)
    except RequestError as error:
        raise RequestError(f"the answer to {waiting.key}: {error}") from error
    return HumanAnswer(
        chosen_options=reply.chosen_options, params_input=reply.params_input, answered_at=now, answered_by=reply.by
    )


def _failed(run: RunMemory, waiting: TaskInstance, now: datetime) -> TaskInstance:
    message = f'{waiting.key} waits for a person: give its answer, as in answers={{"{waiting.task_id}": "an option"}}'
    outcome = Outcome(kind=OutcomeKind.FAILED_FOR_GOOD, error=ErrorInfo(kind="NobodyAnswers", message=message))
    return ends.ended(run, waiting, outcome, {}, False, now)


def at_terminal(read: Callable[[str], str]) -> Ask:
    """Asks whoever sits there; `read` shows a prompt and gives back a line."""

    def ask(key: TaskKey, request: HumanRequest) -> HumanReply | None:
        several = ", several with commas between" if request.multiple else ""
        head = f"{key} asks: {request.subject}\n{request.body or ''}\nOne of {', '.join(request.options)}{several}"
        chosen = tuple(part.strip() for part in read(f"{head}: ").split(",") if part.strip())
        if not chosen:
            return None
        entered = {name: _field(name, field["value"], read) for name, field in request.params.items()}
        return reply_of(request, {"chosen_options": chosen, "params_input": entered})

    return ask


def _field(name: str, default: Any, read: Callable[[str], str]) -> Any:
    text = read(f"{name} [{default}]: ")
    if not text:
        return default
    return text if isinstance(default, str) or default is None else type(default)(text)
