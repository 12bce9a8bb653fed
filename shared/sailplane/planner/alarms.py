"""What an expired alarm means: every live document carries the time by which something must have happened to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.runs import RunContext, TaskInstance
from sailplane.model.states import TaskState
from sailplane.planner.retries import Failure, decide

QUEUED_ALARM = timedelta(seconds=30)
"""How long a queued task instance may wait for its worker before it is published again. Pub/Sub push can hold a message
for many seconds while workers start, and a second message is harmless: only one of them can claim."""

LONGEST_QUEUED_ALARM = timedelta(minutes=10)
"""Behind a long queue, publishing again and again only makes it longer; ten minutes is how long a lost message may cost
at worst."""

RUN_ALARM = timedelta(minutes=10)
"""How often a live run is planned again from its documents. Its tasks' own alarms catch what stands still; this one
catches what was never created because a worker died between two commits."""


def run_alarm(context: RunContext, dag: SerializedDag, now: datetime) -> datetime:
    """When a run is planned again that was at `now`: sooner when its `dagrun_timeout` is."""
    late_at = _late_at(context, dag)
    return min(now + RUN_ALARM, late_at) if late_at is not None and late_at > now else now + RUN_ALARM


def is_late(context: RunContext, dag: SerializedDag, now: datetime) -> bool:
    """Whether a run has taken longer than its `dagrun_timeout`."""
    late_at = _late_at(context, dag)
    return late_at is not None and now >= late_at


def _late_at(context: RunContext, dag: SerializedDag) -> datetime | None:
    if dag.dagrun_timeout is None or context.started_at is None:
        return None
    return context.started_at + dag.dagrun_timeout


class Action(Enum):
    LEAVE = "leave"
    """Somebody else answered, or the alarm is not due."""
    PUBLISH_AGAIN = "publish_again"
    """Same try, same document; the next alarm at `at`."""
    QUEUE = "queue"
    """Queue it: the next try, or the next poke, is due."""
    RETRY = "retry"
    """The try is lost: it becomes UP_FOR_RETRY until `at`."""
    RESTART = "restart"
    """It was cleared while it ran, and runs no more: its lease is over."""
    FAIL = "fail"
    """The try is lost, and was the last one."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to do about a task instance whose alarm went off."""

    action: Action
    at: datetime | None = None
    """The next alarm (PUBLISH_AGAIN), or when the next try is due (RETRY)."""
    reason: str


def answer(
    instance: TaskInstance, task: SerializedTask | None, now: datetime, *, logical_date: datetime | None = None
) -> Answer:
    """What the alarm of `instance` means at `now`.

    `task` is None when its DAG version cannot be read: the instance itself then says how often to try. `logical_date`
    is the run's, for the jitter of a retry's delay.
    """
    if not instance.state.is_live:
        return Answer(action=Action.LEAVE, reason=f"it is {instance.state}")
    if instance.alarm_at is None or instance.alarm_at > now:
        return Answer(action=Action.LEAVE, reason="its alarm is not due")
    if instance.state is TaskState.QUEUED:
        return _publish_again(instance, now)
    if instance.state is TaskState.RUNNING:
        return _lease_lost(instance, task or _as_recorded(instance), now, logical_date)
    if instance.state is TaskState.RESTARTING:
        return Answer(action=Action.RESTART, reason="it was cleared while it ran")
    return Answer(action=Action.QUEUE, reason=f"it was {instance.state} until now")


def heartbeat(lease: timedelta) -> timedelta:
    """How often the lease of a running task instance is renewed: two heartbeats may be lost before the lease is."""
    return lease / 3


def queued_alarm(alarms: int) -> timedelta:
    """How long a queued task instance may wait after `alarms` publications again: 30 s, doubling, 10 min at most."""
    doublings = min(alarms, 10)  # beyond that the cap holds anyway, and a timedelta would overflow
    return min(QUEUED_ALARM * (1 << doublings), LONGEST_QUEUED_ALARM)


def _publish_again(instance: TaskInstance, now: datetime) -> Answer:
    times = instance.alarms + 1
    return Answer(
        action=Action.PUBLISH_AGAIN,
        at=now + queued_alarm(times),
        reason=f"no worker claimed it; published again for the {_ordinal(times)} time",
    )


def _lease_lost(instance: TaskInstance, task: SerializedTask, now: datetime, logical_date: datetime | None) -> Answer:
    decision = decide(
        task,
        dag_id=instance.run.dag_id,
        logical_date=logical_date,
        try_number=instance.try_number,
        max_tries=instance.max_tries,
        failure=Failure.WORKER_LOST,
        ended_at=now,
    )
    action = Action.RETRY if decision.is_retry else Action.FAIL
    return Answer(action=action, at=decision.at, reason=decision.reason)


def _as_recorded(instance: TaskInstance) -> SerializedTask:
    return SerializedTask(task_id=instance.task_id, operator=instance.operator, retries=instance.max_tries - 1)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
