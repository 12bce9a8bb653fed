"""Tasks that run jobs of BigQuery."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NoReturn

from sailplane.authoring.configuration import default_deferrable
from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.resumable_job import ResumableJobMixin
from sailplane.hooks.bigquery import BigQueryHook
from sailplane.hooks.google import google_errors
from sailplane.operators.google import GoogleOperator
from sailplane.triggers.bigquery import BigQueryInsertJobTrigger

DONE = "DONE"
NOT_FOUND = "not_found"
ERROR = "error"
SUCCESS = "success"
_FOUND_WITHOUT_LOCATION = ("US", "EU")
"""Where BigQuery looks for a job when it is told no location."""
_LABEL = re.compile(r"[\w-]{0,63}")


class BigQueryJobOperator(ResumableJobMixin, GoogleOperator):
    """Base of operators that run one job: it says which (`job_configuration`), and what the task returns (`result`).

    A later try goes on with the job of an earlier one, unless `durable=False`: the id is kept before the job begins.
    With `deferrable=True` no worker is held while it runs. A task that is stopped cancels its job.
    """

    external_id_key = "bigquery_job_id"
    """Under it: the job's id, with the job's location and a dot before it where BigQuery does not find it without."""

    def __init__(
        self,
        *,
        project_id: str | None = None,
        location: str | None = None,
        job_id: str | None = None,
        force_rerun: bool = True,
        reattach_states: set[str] | None = None,
        cancel_on_kill: bool = True,
        result_retry: Any = None,
        result_timeout: float | None = None,
        deferrable: bool | None = None,
        poll_interval: float = 4.0,
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(durable=durable, **kwargs)
        self.project_id, self.location, self.job_id = project_id, location, job_id
        self.force_rerun, self.reattach_states = force_rerun, set(reattach_states or ())
        self.cancel_on_kill, self.poll_interval = cancel_on_kill, poll_interval
        self.result_retry, self.result_timeout = result_retry, result_timeout
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self._running_job_id: str | None = None
        self._must_differ = False

    @cached_property
    def hook(self) -> BigQueryHook:
        return BigQueryHook(**self.hook_arguments(), location=self.location)

    def job_configuration(self) -> dict[str, Any]:
        """The job, as the REST API's JobConfiguration."""
        raise NotImplementedError(f"{type(self).__name__} has no job_configuration()")

    def result(self, job_id: str) -> Any:
        """What the task returns."""
        return job_id

    def execute(self, context: Mapping[str, Any]) -> Any:
        if not self.deferrable:
            return self.execute_resumable(context)
        job_id, has_succeeded = self._earlier_job(context) if self.durable else (None, False)
        return self._finish(job_id, context) if has_succeeded else self._defer_to(job_id or self._submit(context))

    def _defer_to(self, external_id: str) -> NoReturn:
        job_id, location = self._place(external_id)
        trigger = BigQueryInsertJobTrigger(
            conn_id=self.gcp_conn_id,
            job_id=job_id,
            project_id=self.project_id,
            location=location,
            poll_interval=self.poll_interval,
            impersonation_chain=self.impersonation_chain,
            cancel_on_kill=self.cancel_on_kill,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)

    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
        """What follows when the job has ended."""
        if event["status"] != SUCCESS:
            raise AirflowException(event["message"])
        result = self.get_job_result(event["job_id"], context)
        if self.durable:
            self._note_end(context["task_state_store"].get(self.external_id_key), context)
        return result

    def _submit(self, context: Mapping[str, Any]) -> str:
        return self.submit_job(context)

    def submit_job(self, context: Mapping[str, Any]) -> str:
        configuration = self._labelled(self.job_configuration())
        job_id = self.hook.generate_job_id(
            job_id=self.job_id,
            dag_id=self.dag_id,
            task_id=self.task_id,
            logical_date=None,
            configuration=configuration,
            run_after=context["dag_run"].start_date,
            force_rerun=self.force_rerun,
            try_number=context["ti"].try_number if self._must_differ else None,
        )
        if self.durable:  # Now, so that a worker that dies before it hears of the job leaves a job that is found.
            context["task_state_store"].set(self.external_id_key, job_id)
        self.log.info("Executing BigQuery job %s: %s", job_id, configuration)
        self._running_job_id = job_id
        try:
            job = self.hook.insert_job(configuration, job_id, self.project_id, self.location, nowait=True)
        except google_errors().Conflict:
            job = self._taken_over(job_id)
        return self._known_as(job, context)

    def _known_as(self, job: Any, context: Mapping[str, Any]) -> str:
        """The id by which the job is found, from now on by later tries too."""
        external_id: str = job.job_id
        if job.location and job.location != self.hook.location and job.location not in _FOUND_WITHOUT_LOCATION:
            external_id = f"{job.location}.{job.job_id}"
            if self.durable:
                context["task_state_store"].set(self.external_id_key, external_id)
        self._running_job_id = external_id
        return external_id

    def _place(self, external_id: str) -> tuple[str, str | None]:
        """The job's id and location."""
        location, _, job_id = external_id.rpartition(".")
        return job_id, location or self.location

    def _job(self, external_id: str) -> Any:
        job_id, location = self._place(external_id)
        return self.hook.get_job(job_id, self.project_id, location)

    def _taken_over(self, job_id: str) -> Any:
        """The job that has this id already: our own, when nobody else can have come to the id."""
        job = self._job(job_id)
        if self.force_rerun:
            return job
        state = job.state
        if state == DONE:
            raise AirflowException(
                f"BigQuery job {job_id} is there already, and has ended; use force_rerun=True to run it again"
            )
        if state not in self.reattach_states:
            raise AirflowException(
                f"BigQuery job {job_id} is there already, and is {state}; use force_rerun=True to run another, or add "
                f"{state!r} to reattach_states to wait for this one"
            )
        self.log.info("Reattaching to BigQuery job %s, which is %s", job_id, state)
        return job

    def get_job_status(self, external_id: Any, context: Mapping[str, Any]) -> str:
        try:
            job = self._job(external_id)
        except google_errors().NotFound:
            return NOT_FOUND
        self._running_job_id = external_id
        if job.state != DONE:
            return str(job.state)
        # The same id cannot be used again, and follows from the configuration.
        self._must_differ = bool(job.error_result) and not self.force_rerun
        return ERROR if job.error_result else SUCCESS

    def is_job_active(self, status: str) -> bool:
        return status not in (SUCCESS, ERROR, NOT_FOUND)

    def is_job_succeeded(self, status: str) -> bool:
        return status == SUCCESS

    def poll_until_complete(self, external_id: Any, context: Mapping[str, Any]) -> None:
        job = self._job(external_id)
        self.hook.wait_for(job, timeout=self.result_timeout, retry=self.result_retry)

    def get_job_result(self, external_id: Any, context: Mapping[str, Any]) -> Any:
        return self.result(self._place(external_id)[0])

    def on_kill(self) -> None:
        if self._running_job_id and self.cancel_on_kill:
            job_id, location = self._place(self._running_job_id)
            self.hook.cancel_job(job_id, self.project_id, location)

    def _labelled(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """With labels that say in BigQuery's own lists and bills whose job it is."""
        own = {"airflow-dag": self.dag_id.lower(), "airflow-task": self.task_id.lower().replace(".", "-")}
        automatic = own if all(_LABEL.fullmatch(text) for text in own.values()) else {}
        labels = {**(self.hook.labels or {}), **(configuration.get("labels") or {}), **automatic}
        return {**configuration, "labels": labels} if labels else dict(configuration)


class BigQueryInsertJobOperator(BigQueryJobOperator):
    """Runs the job that `configuration` describes, a dict of the REST API, or JSON; returns its id.

    With `force_rerun=False` the id follows from the configuration, so that a job that is under way already can be
    waited for (`reattach_states`) instead of running twice.
    """

    template_fields: Sequence[str] = (
        "configuration",
        "job_id",
        "gcp_conn_id",
        "impersonation_chain",
        "project_id",
    )
    template_ext: Sequence[str] = (".json", ".sql")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {
        "configuration": "json",
        "configuration.query.query": "sql",
    }
    ui_color = "#a1bbff"

    def __init__(self, configuration: Mapping[str, Any] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configuration = configuration

    def job_configuration(self) -> dict[str, Any]:
        if not isinstance(self.configuration, str):
            return dict(self.configuration)
        try:
            found: dict[str, Any] = json.loads(self.configuration)
        except ValueError as error:
            raise AirflowException(
                f"task {self.task_id!r}: configuration is neither a dict nor JSON: {error}"
            ) from None
        return found
