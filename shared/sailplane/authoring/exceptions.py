"""Airflow's exceptions, under Airflow's names: what user code raises to steer its task, and what authoring raises."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sailplane.model.errors import DagCycle, DuplicateTaskId, InvalidParam, InvalidSchedule


class AirflowException(Exception):
    """The task failed; it may be retried."""


class AirflowFailException(AirflowException):
    """The task failed and must not be retried."""


class AirflowSkipException(AirflowException):
    """The task is to be skipped."""


class AirflowRescheduleException(AirflowException):
    """The task gives its slot back and wants to run again at `reschedule_date`."""

    def __init__(self, reschedule_date: datetime) -> None:
        super().__init__(f"runs again at {reschedule_date.isoformat()}")
        self.reschedule_date = reschedule_date


class AirflowSensorTimeout(AirflowException):
    """A sensor waited longer than its `timeout`."""


class AirflowNotFoundException(AirflowException):
    """A connection or another named thing is not there."""


class VariableNotFound(AirflowNotFoundException, KeyError):
    """A Variable is not set, and there is no default. A KeyError, as in Airflow 2."""

    __str__ = Exception.__str__  # KeyError shows its message in quotes.


class AirflowTaskTimeout(BaseException):
    """The task ran longer than its `execution_timeout`. No `except Exception` of user code stops it."""


class AirflowTaskTerminated(BaseException):
    """The task was told to stop from outside. No `except Exception` of user code stops it."""


class TaskAwaitingInput(BaseException):
    """The task waits for a person, and then goes on with its method `method_name`.

    No `except Exception` of user code stops it.
    """

    def __init__(
        self, *, method_name: str, kwargs: dict[str, Any] | None = None, timeout: timedelta | None = None
    ) -> None:
        super().__init__(f"goes on with {method_name} once a person has answered")
        self.method_name = method_name
        self.kwargs = kwargs or {}
        self.timeout = timeout
        """How long it waits at most; None: for ever."""


class HITLTriggerEventError(Exception):
    """What a task that waited for a person goes on with is no answer."""


class HITLTimeoutError(HITLTriggerEventError):
    """Nobody has answered in time, and there are no defaults."""


class HITLRejectException(AirflowException):
    """An approval was refused, and the task says `fail_on_reject`."""


class TaskDeferred(BaseException):
    """The task gives its worker back until `trigger` fires, and then goes on with its method `method_name`.

    No `except Exception` of user code stops it.
    """

    def __init__(
        self,
        *,
        trigger: Any,
        method_name: str | None = None,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> None:
        super().__init__(f"waits for {type(trigger).__name__}, then goes on with {method_name}")
        self.trigger = trigger
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timeout
        """How long it waits at most, a number being seconds; None: for ever."""


class TaskDeferralError(AirflowException):
    """What a deferred task waited for went wrong."""


class TaskDeferralTimeout(AirflowException):
    """What a deferred task waited for did not come in time."""


class DownstreamTasksSkipped(AirflowException):
    """The task succeeded, and `tasks`, directly downstream of it, are to be skipped."""

    def __init__(self, *, tasks: Sequence[str], value: Any = None) -> None:
        super().__init__(f"skips {', '.join(tasks)}")
        self.tasks = tuple(tasks)
        self.value = value
        """What the task returns nonetheless."""


class XComNotFound(AirflowException):
    """A task's argument names an XCom that its upstream task did not push."""

    def __init__(self, dag_id: str, task_id: str, key: str) -> None:
        super().__init__(f"task {task_id!r} of DAG {dag_id!r} pushed no XCom with the key {key!r}")
        self.dag_id, self.task_id, self.key = dag_id, task_id, key


class DagNotFound(AirflowException):
    """There is no such DAG."""


class DagIsPaused(AirflowException):
    """A DAG that was to be started is paused."""


class DagRunAlreadyExists(AirflowException):
    """A run that was to be made is there already."""


class ExternalTaskSensorError(AirflowException):
    """What a sensor waits for in another DAG will not come."""


class ExternalDagNotFoundError(ExternalTaskSensorError):
    """The DAG that a sensor waits for does not exist."""


class ExternalTaskNotFoundError(ExternalTaskSensorError):
    """The task or group that a sensor waits for does not exist."""


class ExternalDagFailedError(ExternalTaskSensorError):
    """The run that a sensor waits for failed."""


class ExternalTaskFailedError(ExternalTaskSensorError):
    """A task that a sensor waits for failed."""


class ExternalTaskGroupFailedError(ExternalTaskSensorError):
    """A task of the group that a sensor waits for failed."""


class XComForMappingNotPushed(TypeError):
    """Other tasks are mapped over what this task returns, and it returned nothing."""


class UnmappableXComTypePushed(TypeError):
    """Other tasks are mapped over what this task returns, and it returned neither list nor dict."""


class UnmappableXComLengthPushed(ValueError):
    """Other tasks are mapped over what this task returns, and it returned more items than are allowed."""


class TaskNotFound(AirflowException):
    """There is no such task in the DAG."""


class DuplicateTaskIdFound(DuplicateTaskId, AirflowException):
    """Two tasks or groups of one DAG have the same id."""


class AirflowDagCycleException(DagCycle, AirflowException):
    """The tasks of a DAG wait for each other in a circle."""


class AirflowTimetableInvalid(InvalidSchedule, AirflowException):
    """A schedule makes no sense."""


class ParamValidationError(InvalidParam, AirflowException, ValueError):
    """A param's value does not fit its schema."""
