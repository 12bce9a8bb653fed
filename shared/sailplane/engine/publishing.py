"""Handing queued task instances to workers."""

import logging
from collections.abc import Iterable, Sequence

from sailplane.cloud.wiring import Cloud
from sailplane.engine.memory import RunMemory
from sailplane.model.errors import TransientError, UnknownQueue
from sailplane.model.messages import Message, TaskTicket, TaskWave
from sailplane.model.runs import TaskInstance
from sailplane.model.usage import Usage
from sailplane.planner.waves import waves

_log = logging.getLogger(__name__)
QUEUED_ONCE = Usage(writes=1).numbers()


def publish(cloud: Cloud, run: RunMemory, instances: Iterable[TaskInstance]) -> list[tuple[TaskInstance, str]]:
    """Publish queued task instances, in waves that one worker instance runs side by side.

    Returns those whose queue nobody serves, each with what to tell its author. A publish that fails otherwise is no
    error here: the alarm of each queued document publishes it again.
    """
    by_queue: dict[str, list[TaskInstance]] = {}
    for instance in instances:
        by_queue.setdefault(instance.queue, []).append(instance)
    unserved: list[tuple[TaskInstance, str]] = []
    for queue, queued in by_queue.items():
        try:
            cloud.bus.publish(queue, _messages(run, queue, queued, cloud.settings.worker_concurrency))
        except UnknownQueue as error:
            unserved += [(instance, str(error)) for instance in queued]
        except TransientError as error:
            _log.warning("run=%s: %s; the alarm of each task will publish it again", run.key, error)
    return unserved


def _messages(run: RunMemory, queue: str, queued: Sequence[TaskInstance], size: int) -> list[Message]:
    return [
        Message(wave=TaskWave(run=run.context, run_token=run.token, tickets=tuple(map(ticket, wave)), queue=queue))
        for wave in waves(queued, size)
    ]


def ticket(instance: TaskInstance) -> TaskTicket:
    usage = instance.usage.numbers()
    return TaskTicket(
        task_id=instance.task_id,
        map_index=instance.map_index,
        map_size=instance.map_size,
        try_number=instance.try_number,
        max_tries=instance.max_tries,
        queued_at=instance.queued_at,
        rescheduled_since=instance.rescheduled_since,
        resumption=instance.resumption,
        has_log=instance.has_log,
        cpu_seconds=instance.cpu_seconds,
        max_rss_mib=instance.max_rss_mib,
        usage=() if usage == QUEUED_ONCE else tuple(usage),
        clear_number=instance.clear_number,
        token=instance.token,
    )
