"""What is called when a run has ended: a task instance of its own kind, so that no crash can lose it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sailplane.model.dags import SerializedTask
from sailplane.model.deadlines import is_deadline
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState

TIME_LIMIT = timedelta(minutes=5)
"""What all callbacks of a run may take together."""
_CRASHES = 3
"""How often a worker may be lost over them."""


class RunCallback(StrEnum):
    """The task_id of the task instance that calls a DAG's callbacks. No author can give a task such an id."""

    SUCCESS = "~success"
    FAILURE = "~failure"
    TIMEOUT = "~timeout"
    """`on_failure_callback` too, because the run took longer than `dagrun_timeout`."""

    @property
    def state(self) -> RunState:
        return RunState.SUCCESS if self is RunCallback.SUCCESS else RunState.FAILED

    @property
    def reason(self) -> str:
        """`reason` of the context, as in Airflow."""
        if self is RunCallback.SUCCESS:
            return str(RunState.SUCCESS)
        return "task_failure" if self is RunCallback.FAILURE else "timed_out"


def is_callback(task_id: str) -> bool:
    return task_id.startswith("~")


def task_of(callback: str) -> SerializedTask:
    """The task that stands for the callbacks of a run, or that of a deadline."""
    return SerializedTask(
        task_id=callback,
        operator="DeadlineCallback" if is_deadline(callback) else "DagCallbacks",
        retries=_CRASHES,
        retry_delay=timedelta(seconds=10),
        execution_timeout=TIME_LIMIT,
    )


@dataclass(frozen=True, kw_only=True)
class AboutRun:
    """What a callback is told about the run that has ended, beside the run itself."""

    callback: RunCallback
    task: TaskKey | None = None
    """The task instance that `ti` of the context is: one that failed, or one of the last."""
    task_state: TaskState | None = None
    try_number: int = 1
