"""One task instance, run from its ticket in a process that was started for it: an execution of a Cloud Run job."""

import logging

from sailplane.cloud.wiring import Cloud
from sailplane.engine import publishing
from sailplane.engine.worker import Worker
from sailplane.model import messages
from sailplane.model.errors import CorruptRecord, NotFound
from sailplane.model.messages import Message, TaskTicket, TaskWave
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import TaskState

_log = logging.getLogger(__name__)


def ticket_of(message: Message) -> tuple[TaskWave, TaskTicket]:
    """The wave and its one ticket. Raises `CorruptRecord` when there is not exactly one."""
    if message.wave is None or len(message.wave.tickets) != 1:
        raise CorruptRecord("a ticket of Sailplane names exactly one task instance, and this one does not")
    return message.wave, message.wave.tickets[0]


def run_single(worker: Worker, message: Message) -> None:
    """Claim the task instance that `message` has the ticket for, run it and push its run forward.

    Returns when nothing can be lost any more: it was done, or it is not this process's to do. Raises `TransientError`
    when nobody knows; then its alarm has it run again. Raises `NotFound` when the run is gone.
    """
    wave, ticket = ticket_of(message)
    run, instance = _read(worker.cloud, wave, ticket)
    _log.info("run=%s task=%s try=%d: found %s", run.key, ticket.key, ticket.try_number, instance.state)
    worker.handle(messages.encode(renewed(wave, ticket, run, instance)))


def _read(cloud: Cloud, wave: TaskWave, ticket: TaskTicket) -> tuple[DagRun, TaskInstance]:
    run, instance = cloud.store.run(wave.run.key), cloud.store.task(wave.run.key, ticket.key)
    if run is None or instance is None:
        raise NotFound(f"there is no task instance {ticket.key} of the run {wave.run.key} any more")
    return run, instance


def renewed(wave: TaskWave, ticket: TaskTicket, run: DagRun, instance: TaskInstance) -> Message:
    """The ticket as of now. Minutes may lie between launch and start: an alarm may have published the same try again,
    and whichever execution starts first shall have it."""
    is_same = instance.state is TaskState.QUEUED and instance.try_number == ticket.try_number
    current = publishing.ticket(instance) if is_same else ticket
    return Message(wave=TaskWave(run=run.context, run_token=run.token, tickets=(current,), queue=wave.queue))
