"""Tasks that run jobs of Cloud Run."""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn

from sailplane.authoring.configuration import default_deferrable
from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.resumable_job import ResumableJobMixin
from sailplane.hooks.cloud_run import CloudRunHook, failure_of, has_ended
from sailplane.hooks.google_rest import GoogleApiError
from sailplane.operators.google import GoogleOperator
from sailplane.triggers.cloud_run import CloudRunJobFinishedTrigger

ACTIVE, SUCCEEDED, FAILED = "active", "succeeded", "failed"


class CloudRunExecuteJobOperator(ResumableJobMixin, GoogleOperator):
    """Starts an execution of a Cloud Run job, waits for its end, and returns the job's resource.

    `overrides` are the API's: `{"container_overrides": [{"args": [...], "env": [{"name": "A", "value": "b"}]}]}`.
    A later try goes on with the execution of an earlier one, unless `durable=False`; a task that is stopped cancels it.
    """

    template_fields: Sequence[str] = (
        "project_id",
        "region",
        "gcp_conn_id",
        "impersonation_chain",
        "job_name",
        "overrides",
        "polling_period_seconds",
        "timeout_seconds",
    )
    external_id_key = "cloud_run_execution"
    ui_color = "#4285f4"

    def __init__(
        self,
        *,
        region: str,
        job_name: str,
        project_id: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        polling_period_seconds: float = 10,
        timeout_seconds: float | None = None,
        use_regional_endpoint: bool = False,
        transport: str | None = None,
        verbose: bool = False,
        deferrable: bool | None = None,
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(durable=durable, **kwargs)
        self.project_id, self.region, self.job_name = project_id, region, job_name
        self.overrides, self.timeout_seconds = overrides, timeout_seconds
        self.polling_period_seconds = polling_period_seconds
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self._running: str | None = None

    @cached_property
    def hook(self) -> CloudRunHook:
        return CloudRunHook(**self.hook_arguments())

    def execute(self, context: Mapping[str, Any]) -> Any:
        if not self.deferrable:
            return self.execute_resumable(context)
        execution, has_succeeded = self._earlier_job(context) if self.durable else (None, False)
        if has_succeeded:
            return self._finish(execution, context)
        return self._defer_to(execution or self._submit(context))

    def _defer_to(self, execution: str) -> NoReturn:
        trigger = CloudRunJobFinishedTrigger(
            execution=execution,
            gcp_conn_id=self.gcp_conn_id,
            impersonation_chain=self.impersonation_chain,
            polling_period_seconds=float(self.polling_period_seconds),
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.timeout_seconds)

    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
        """What follows when the execution has ended."""
        if event["status"] != SUCCEEDED:
            raise AirflowException(event["message"])
        return self._finish(event["execution"], context)

    def submit_job(self, context: Mapping[str, Any]) -> str:
        execution = self.hook.execute_job(self.job_name, self.region, self.project_id, self.overrides)
        self._running = execution["name"]
        self.log.info("Started %s; its logs: %s", self._running, execution.get("logUri", "in Cloud Logging"))
        return self._running

    def get_job_status(self, external_id: Any, context: Mapping[str, Any]) -> str:
        try:
            execution = self.hook.get_execution(external_id)
        except GoogleApiError as error:
            if error.status == 404:
                return FAILED
            raise
        self._running = external_id
        if not has_ended(execution):
            return ACTIVE
        return FAILED if failure_of(execution) else SUCCEEDED

    def is_job_active(self, status: str) -> bool:
        return status == ACTIVE

    def is_job_succeeded(self, status: str) -> bool:
        return status == SUCCEEDED

    def poll_until_complete(self, external_id: Any, context: Mapping[str, Any]) -> None:
        deadline = None if self.timeout_seconds is None else time.monotonic() + float(self.timeout_seconds)
        while not has_ended(execution := self.hook.get_execution(external_id)):
            if deadline is not None and time.monotonic() > deadline:
                raise AirflowException(
                    f"{external_id} has not ended within timeout_seconds={self.timeout_seconds}; it goes on"
                )
            time.sleep(float(self.polling_period_seconds))
        failure = failure_of(execution)
        if failure is not None:
            raise AirflowException(failure)

    def get_job_result(self, external_id: Any, context: Mapping[str, Any]) -> Any:
        return self.hook.get_job(self.job_name, self.region, self.project_id)

    def on_kill(self) -> None:
        if self._running:
            self.hook.cancel_execution(self._running)
