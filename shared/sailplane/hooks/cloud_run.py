"""Cloud Run jobs for tasks. `CLOUD_RUN_EMULATOR_HOST` leads to a local one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.google_rest import GoogleRestHook


class CloudRunHook(GoogleRestHook):
    """Starts and watches executions of jobs. Resources are dicts as the REST API (v2) has them."""

    def __init__(self, *arguments: Any, transport: str | None = None, **options: Any) -> None:
        """`transport` is taken and not acted on: it is always REST."""
        super().__init__(*arguments, **options)

    endpoint = "https://run.googleapis.com"
    emulator_variable = "CLOUD_RUN_EMULATOR_HOST"

    def execute_job(
        self,
        job_name: str,
        region: str,
        project_id: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Start an execution of the job; its resource. `overrides` are the API's, in either spelling of names."""
        body = {"overrides": _in_camel_case(overrides)} if overrides else {}
        operation = self.call("POST", f"/v2/{self._job(job_name, region, project_id)}:run", body)
        execution: dict[str, Any] = operation.get("metadata") or operation.get("response") or {}
        if not execution.get("name"):
            raise AirflowException(f"Cloud Run started the job {job_name}, and did not say which execution that is")
        return execution

    def get_execution(self, name: str) -> dict[str, Any]:
        """The execution `projects/.../executions/...`."""
        return self.call("GET", f"/v2/{name}")

    def cancel_execution(self, name: str) -> None:
        self.call("POST", f"/v2/{name}:cancel", {})

    def get_job(self, job_name: str, region: str, project_id: str | None = None) -> dict[str, Any]:
        return self.call("GET", f"/v2/{self._job(job_name, region, project_id)}")

    def _job(self, job_name: str, region: str, project_id: str | None) -> str:
        return f"projects/{self.project(project_id)}/locations/{region}/jobs/{job_name}"


def has_ended(execution: Mapping[str, Any]) -> bool:
    return bool(execution.get("completionTime"))


def failure_of(execution: Mapping[str, Any]) -> str | None:
    """Why an execution that has ended has not succeeded; None when it has."""
    wanted, succeeded = int(execution.get("taskCount", 1)), int(execution.get("succeededCount", 0))
    if succeeded >= wanted:
        return None
    failed, cancelled = int(execution.get("failedCount", 0)), int(execution.get("cancelledCount", 0))
    conditions = execution.get("conditions", ())
    reasons = [each["message"] for each in conditions if each.get("type") == "Completed" and each.get("message")]
    reason = f": {reasons[0]}" if reasons else ""
    logs = f"; its logs are at {execution['logUri']}" if execution.get("logUri") else ""
    return (
        f"of {wanted} tasks of the Cloud Run execution {execution.get('name')} {succeeded} succeeded, {failed} failed "
        f"and {cancelled} were cancelled{reason}{logs}"
    )


def _in_camel_case(value: Any, name: str = "") -> Any:
    """Names as JSON has them, of what may be spelt as in Airflow's examples, and durations as text."""
    if name == "timeout":
        return _duration(value)
    if isinstance(value, Mapping):
        return {camel: _in_camel_case(each, camel) for camel, each in ((_camel(key), v) for key, v in value.items())}
    if isinstance(value, list | tuple):
        return [_in_camel_case(each) for each in value]
    return value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _duration(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("seconds", 0)
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return seconds if isinstance(seconds, str) else f"{seconds:g}s"
