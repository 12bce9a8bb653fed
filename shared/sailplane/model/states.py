"""States of task instances and DAG runs, and which move leads from one to the other.

The names are Airflow's. Every state's docstring says who moves it on.
"""

from enum import StrEnum

from sailplane.model.errors import IllegalTransition


class TaskState(StrEnum):
    NONE = "none"
    """No document yet, or one that was cleared. The worker that ends the last awaited upstream creates or fills it."""
    SCHEDULED = "scheduled"
    """Ready, but waiting for a slot of a pool or limit. Whoever frees a slot queues it."""
    QUEUED = "queued"
    """Handed to Pub/Sub. A worker claims it; its alarm publishes it again."""
    RUNNING = "running"
    """Claimed. Its worker ends it; its alarm (the lease) retries or fails it."""
    SUCCESS = "success"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    """A try failed and another is due. Its alarm queues it."""
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    """A sensor that gave its slot back between pokes. Its alarm, or the event it waits for, queues it."""
    DEFERRED = "deferred"
    """Waits for a trigger. The trigger's event queues it; its alarm times it out."""
    AWAITING_INPUT = "awaiting_input"
    """Waits for a person. The answer queues it; its alarm, if its time is limited, takes the defaults or fails it."""
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"
    """The task is no longer in the DAG version that the run follows."""
    RESTARTING = "restarting"
    """Cleared while running. Its worker notices, stops the process and makes it NONE; else its alarm does, as the lease
    is over."""

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL

    @property
    def is_live(self) -> bool:
        """True when there is a document that something still has to move on: it carries an alarm."""
        return self in LIVE


_NEXT: dict[TaskState, frozenset[TaskState]] = {
    TaskState.NONE: frozenset(
        {
            TaskState.SCHEDULED,
            TaskState.QUEUED,
            TaskState.RUNNING,
            TaskState.SUCCESS,
            TaskState.FAILED,
            TaskState.SKIPPED,
            TaskState.UPSTREAM_FAILED,
            TaskState.REMOVED,
        }
    ),
    TaskState.SCHEDULED: frozenset(
        {TaskState.NONE, TaskState.QUEUED, TaskState.SKIPPED, TaskState.FAILED, TaskState.SUCCESS}
    ),
    TaskState.QUEUED: frozenset(
        {TaskState.NONE, TaskState.SCHEDULED, TaskState.RUNNING, TaskState.SKIPPED, TaskState.FAILED, TaskState.SUCCESS}
    ),
    TaskState.RUNNING: frozenset(
        {
            TaskState.SUCCESS,
            TaskState.FAILED,
            TaskState.SKIPPED,
            TaskState.UP_FOR_RETRY,
            TaskState.UP_FOR_RESCHEDULE,
            TaskState.DEFERRED,
            TaskState.AWAITING_INPUT,
            TaskState.RESTARTING,
            TaskState.QUEUED,
        }
    ),
    TaskState.UP_FOR_RETRY: frozenset(
        {TaskState.NONE, TaskState.SCHEDULED, TaskState.QUEUED, TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED}
    ),
    TaskState.UP_FOR_RESCHEDULE: frozenset(
        {TaskState.NONE, TaskState.SCHEDULED, TaskState.QUEUED, TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED}
    ),
    TaskState.DEFERRED: frozenset(
        {TaskState.NONE, TaskState.SCHEDULED, TaskState.QUEUED, TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED}
    ),
    TaskState.AWAITING_INPUT: frozenset(
        {TaskState.NONE, TaskState.SCHEDULED, TaskState.QUEUED, TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED}
    ),
    TaskState.RESTARTING: frozenset({TaskState.NONE, TaskState.FAILED, TaskState.SUCCESS}),
    # A terminal state is left only by clearing (its document stays, for the number of its tries) or by marking it.
    TaskState.SUCCESS: frozenset({TaskState.NONE, TaskState.FAILED, TaskState.SKIPPED}),
    TaskState.FAILED: frozenset({TaskState.NONE, TaskState.SUCCESS, TaskState.SKIPPED}),
    TaskState.SKIPPED: frozenset({TaskState.NONE, TaskState.SUCCESS, TaskState.FAILED}),
    TaskState.UPSTREAM_FAILED: frozenset({TaskState.NONE, TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED}),
    TaskState.REMOVED: frozenset({TaskState.NONE}),
}

TERMINAL = frozenset(
    {TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED, TaskState.UPSTREAM_FAILED, TaskState.REMOVED}
)
LIVE = frozenset(TaskState) - TERMINAL - {TaskState.NONE}


def check_transition(before: TaskState, after: TaskState) -> None:
    """Raise `IllegalTransition` unless a task instance may go from `before` to `after`."""
    if after not in _NEXT[before]:
        raise IllegalTransition(f"a task instance cannot go from {before} to {after}")


class RunState(StrEnum):
    QUEUED = "queued"
    """Waits for `max_active_runs`. Whoever closes another run of the DAG, or its alarm, starts it."""
    RUNNING = "running"
    """Whoever ends its last task closes it; its alarm re-plans it from its documents."""
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        return self in (RunState.SUCCESS, RunState.FAILED)


class RunType(StrEnum):
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"
    OPERATOR_TRIGGERED = "operator_triggered"
    ASSET_TRIGGERED = "asset_triggered"
    ASSET_MATERIALIZATION = "asset_materialization"


class TriggeredBy(StrEnum):
    """Who created a run."""

    CLI = "cli"
    OPERATOR = "operator"
    REST_API = "rest_api"
    UI = "ui"
    TEST = "test"
    TIMETABLE = "timetable"
    ASSET = "asset"
    BACKFILL = "backfill"


class TriggerRule(StrEnum):
    """When the states of its upstream tasks let a task start. Airflow 3's thirteen."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALL_SKIPPED = "all_skipped"
    ALWAYS = "always"
