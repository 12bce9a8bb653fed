"""The tick: creates due runs and answers alarms, once a minute, and stays while something is due within its minute."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sailplane.cloud.store import DueAlarms
from sailplane.cloud.wiring import Cloud
from sailplane.engine import turns
from sailplane.engine.alarms import Alarms
from sailplane.model.dags import DEFAULT_QUEUE
from sailplane.model.errors import SailplaneError, TransientError
from sailplane.model.messages import AlarmWave, Message
from sailplane.model.runs import DagRun, DagSchedule, TaskInstance

_log = logging.getLogger(__name__)

STAY = timedelta(seconds=55)
"""How long one tick may stay: until just before the next one comes."""
MOST = 500
"""Documents of a kind that one look takes."""
FAN_OUT = 100
"""More due alarms than this go to workers over Pub/Sub, in messages of this size."""
LOOK_AGAIN = timedelta(seconds=5)
"""After something was answered, the next look: what it led to may have set an alarm within this minute."""


@dataclass(frozen=True, kw_only=True)
class TickReport:
    """What one tick did."""

    looks: int
    runs_created: int
    alarms_answered: int


def tick(
    cloud: Cloud,
    clock: Callable[[], datetime],
    *,
    stay: timedelta = STAY,
    sleep: Callable[[float], None] = time.sleep,
) -> TickReport:
    """Answer all that is due. Two reads and no write when nothing is due before the next tick."""
    ends_at = clock() + stay
    looks = created = answered = 0
    while True:
        now = clock()
        due = cloud.store.due(now, max(ends_at, now), limit=MOST)
        looks += 1
        started = sum(
            _guarded(schedule.dag_id, partial(turns.start_due, cloud, schedule, clock))
            for schedule in due.schedules
            if _rings(schedule, now)
        )
        rung = _answer(cloud, due, now, clock)
        created += started
        answered += rung
        next_look = _next_look(due, clock(), has_started=started > 0, has_answered=rung > 0)
        if next_look is None or next_look >= ends_at:
            return TickReport(looks=looks, runs_created=created, alarms_answered=answered)
        sleep(max((next_look - clock()).total_seconds(), 0))


def _rings(record: DagSchedule | DagRun, now: datetime) -> bool:
    return record.alarm_at is not None and record.alarm_at <= now


def _next_look(due: DueAlarms, now: datetime, *, has_started: bool, has_answered: bool) -> datetime | None:
    """When the tick has to look again: at the next alarm, or soon when it did something; None when it can go.

    At once after it started a run, for the schedule may have missed more of them.
    """
    documents: tuple[DagSchedule | DagRun | TaskInstance, ...] = (*due.schedules, *due.runs, *due.tasks)
    upcoming = min((each.alarm_at for each in documents if each.alarm_at and each.alarm_at > now), default=None)
    if has_started or len(due.tasks) == MOST or len(due.runs) + len(due.schedules) == MOST:
        return now
    again = now + LOOK_AGAIN if has_answered else None
    return min((each for each in (again, upcoming) if each), default=None)


def _answer(cloud: Cloud, due: DueAlarms, now: datetime, clock: Callable[[], datetime]) -> int:
    tasks = [task for task in due.tasks if task.alarm_at is not None and task.alarm_at <= now]
    late = [run for run in due.runs if _rings(run, now)]
    if len(tasks) + len(late) > FAN_OUT:
        waves = [
            *(AlarmWave(runs=tuple(run.key for run in part)) for part in _parts(late)),
            *(AlarmWave(tasks=tuple((task.run, task.key) for task in part)) for part in _parts(tasks)),
        ]
        cloud.bus.publish(DEFAULT_QUEUE, [Message(alarms=wave) for wave in waves])
        return len(tasks) + len(late)
    alarms = Alarms(cloud, clock)
    for run in late:
        _guarded(run.key, partial(alarms.answer_run, run))
    for task in tasks:
        _guarded(task.run, partial(alarms.answer_task, task))
    return len(tasks) + len(late)


def _guarded(what: object, answer: Callable[[], int | None]) -> int:
    """One alarm that cannot be answered must not keep the others waiting: it is told, and rings again."""
    try:
        return answer() or 0
    except TransientError:
        raise
    except SailplaneError as error:
        _log.error("%s: its alarm could not be answered: %s", what, error)
        return 0


T = TypeVar("T")


def _parts(items: list[T]) -> Iterable[list[T]]:
    return (items[begin : begin + FAN_OUT] for begin in range(0, len(items), FAN_OUT))
