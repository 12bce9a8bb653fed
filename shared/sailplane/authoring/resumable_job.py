"""Operators whose job runs elsewhere and outlives the try that submitted it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sailplane.authoring.operator_meta import OperatorMeta

if TYPE_CHECKING:
    import logging


class ResumableJobMixin(metaclass=OperatorMeta):
    """For operators that submit one long job to another system and wait for it.

    `execute` returns `self.execute_resumable(context)`. The job's id is kept in `task_state_store` before the waiting
    begins, so that a later try (after a crash, a lost worker, an error while waiting) finds the job that is under way
    instead of submitting a second one. With `durable=False` every try submits its own. A task that has succeeded and
    was cleared submits a new job: whoever clears it wants the work done again.

    A worker that dies between `submit_job` and the keeping of its id leaves a job that nobody knows of: give jobs an
    id that follows from the run and the task where the other system allows it.
    """

    if TYPE_CHECKING:
        log: logging.Logger

    external_id_key: str = "remote_job_id"
    """Under which key the id is kept. Tries under way do not find it any more after it was renamed."""

    def __init__(self, *, durable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.durable = durable

    def execute_resumable(self, context: Mapping[str, Any]) -> Any:
        """Wait for the job of an earlier try, or submit one and wait for it; returns `get_job_result`."""
        external_id, has_succeeded = self._earlier_job(context) if self.durable else (None, False)
        if external_id is None:
            external_id = self._submit(context)
        if not has_succeeded:
            self.poll_until_complete(external_id, context)
        return self._finish(external_id, context)

    def _earlier_job(self, context: Mapping[str, Any]) -> tuple[Any, bool]:
        """The id of an earlier try's job and whether it has succeeded; no id when there is none to go on with."""
        external_id = context["task_state_store"].get(self.external_id_key)
        if not external_id:
            return None, False
        status = self.get_job_status(external_id, context)
        if self.is_job_active(status):
            self.log.info("Reconnecting to existing job %s, which is %s", external_id, status)
            return external_id, False
        if self.is_job_succeeded(status):
            if context["task_state_store"].get(self._ended_key) == external_id:
                self.log.info("The task succeeded with job %s and was cleared, submitting fresh", external_id)
                return None, False
            self.log.info("Job %s already completed successfully, skipping resubmission", external_id)
            return external_id, True
        self.log.warning("Prior job %s in terminal state %s, resubmitting fresh", external_id, status)
        return None, False

    def _submit(self, context: Mapping[str, Any]) -> Any:
        external_id = self.submit_job(context)
        if self.durable and external_id is not None:
            context["task_state_store"].set(self.external_id_key, external_id)
        return external_id

    def _finish(self, external_id: Any, context: Mapping[str, Any]) -> Any:
        """The result; notes that the task has it, which a later try will find only after the task was cleared."""
        result = self.get_job_result(external_id, context)
        self._note_end(external_id, context)
        return result

    def _note_end(self, external_id: Any, context: Mapping[str, Any]) -> None:
        if self.durable and external_id is not None:
            context["task_state_store"].set(self._ended_key, external_id)

    @property
    def _ended_key(self) -> str:
        return f"{self.external_id_key}.ended"

    @abstractmethod
    def submit_job(self, context: Mapping[str, Any]) -> Any:
        """Submit the job; returns its id, anything that JSON knows. With None, no later try can find it."""

    @abstractmethod
    def get_job_status(self, external_id: Any, context: Mapping[str, Any]) -> str:
        """The job's status, in the other system's words."""

    @abstractmethod
    def is_job_active(self, status: str) -> bool:
        """Whether the job is under way, so that it can be waited for."""

    @abstractmethod
    def is_job_succeeded(self, status: str) -> bool:
        """Whether the job has succeeded."""

    @abstractmethod
    def poll_until_complete(self, external_id: Any, context: Mapping[str, Any]) -> None:
        """Wait until the job has ended. Raises when it has failed."""

    @abstractmethod
    def get_job_result(self, external_id: Any, context: Mapping[str, Any]) -> Any:
        """What the task returns for a job that has succeeded; None where there is nothing."""
