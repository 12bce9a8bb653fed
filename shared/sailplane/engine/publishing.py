"""Handing queued task instances to workers."""

import logging
from collections.abc import Iterable

from sailplane.cloud.wiring import Cloud
from sailplane.engine.memory import RunMemory
from sailplane.model.errors import TransientError
from sailplane.model.messages import Message, TaskTicket, TaskWave
from sailplane.model.runs import TaskInstance
from sailplane.planner.waves import waves

_log = logging.getLogger(__name__)


def publish(cloud: Cloud, run: RunMemory, instances: Iterable[TaskInstance]) -> None:
    """Publish queued task instances, in waves that one worker instance runs side by side.

    A publish that fails is not an error here: the alarm of each queued document publishes it again.
    """
    by_queue: dict[str, list[TaskTicket]] = {}
    for instance in instances:
        by_queue.setdefault(instance.queue, []).append(ticket(instance))
    for queue, tickets in by_queue.items():
        batch = [
            Message(wave=TaskWave(run=run.context, run_token=run.token, tickets=tuple(wave)))
            for wave in waves(tickets, cloud.settings.worker_concurrency)
        ]
        try:
            cloud.bus.publish(queue, batch)
        except TransientError as error:
            _log.warning("run=%s: %s; the alarm of each task will publish it again", run.key, error)


def ticket(instance: TaskInstance) -> TaskTicket:
    return TaskTicket(
        task_id=instance.task_id,
        map_index=instance.map_index,
        try_number=instance.try_number,
        max_tries=instance.max_tries,
        queued_at=instance.queued_at,
        rescheduled_since=instance.rescheduled_since,
        token=instance.token,
    )
