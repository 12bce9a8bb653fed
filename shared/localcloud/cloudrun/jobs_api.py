"""Jobs over Cloud Run's Admin API, version 2: `run`, and get, list, cancel and delete of executions."""

import asyncio
import json
import socket
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from localcloud.cloudrun.jobs import Jobs, TooManyError
from localcloud.cloudrun.jobs_spec import Execution, ExecutionState, JobSpec, Overrides
from localcloud.faults import FaultKind, Faults

RUN_POINT = "cloudrun.jobs.run"
"""Where faults strike the call that starts an execution."""
LONGEST_VALUE = 32 * 1024
"""Bytes of one environment variable."""
_JOBS = "/v2/projects/{project}/locations/{location}/jobs"
_JOB = f"{_JOBS}/{{job:[^/:]+}}"
_EXECUTION = f"{_JOB}/executions/{{execution:[^/:]+}}"
_OPERATION = "/v2/projects/{project}/locations/{location}/operations/{operation}"
_TYPE = "type.googleapis.com/google.cloud.run.v2.Execution"
_CONDITIONS = {
    ExecutionState.PENDING: "CONDITION_PENDING",
    ExecutionState.RUNNING: "CONDITION_RECONCILING",
    ExecutionState.SUCCEEDED: "CONDITION_SUCCEEDED",
    ExecutionState.FAILED: "CONDITION_FAILED",
    ExecutionState.CANCELLED: "CONDITION_FAILED",
}


class ApiError(Exception):
    """An answer that is an error, in the form of Google's APIs."""

    def __init__(self, status: HTTPStatus, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name

    def response(self) -> web.Response:
        error = {"code": int(self.status), "message": str(self), "status": self.name}
        return web.json_response({"error": error}, status=self.status)


class JobsApi:
    """Serves the jobs of one local cloud, whatever project a request names."""

    def __init__(self, jobs: Jobs, faults: Faults) -> None:
        self._jobs = jobs
        self._faults = faults
        self._runner: web.AppRunner | None = None

    async def start(self, sock: socket.socket) -> None:
        app = web.Application(middlewares=[_answer_errors])
        app.add_routes(
            [
                web.get(_JOBS, self._list_jobs),
                web.get(_JOB, self._get_job),
                web.post(f"{_JOB}:run", self._run),
                web.get(f"{_JOB}/executions", self._list_executions),
                web.get(_EXECUTION, self._get_execution),
                web.post(f"{_EXECUTION}:cancel", self._cancel),
                web.delete(_EXECUTION, self._delete),
                web.get(_OPERATION, self._get_operation),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _run(self, request: web.Request) -> web.Response:
        fault = self._faults.take(RUN_POINT) if self._faults.pending else None
        if fault is not None and fault.kind is FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind is FaultKind.ERROR:
            raise _faulty(fault.status)
        spec = self._spec(request)
        content = await _content(request)
        overrides = _overrides(content)
        if content.get("validateOnly"):
            return web.json_response({"done": True})
        try:
            execution = self._jobs.run(spec.name, overrides)
        except TooManyError as error:
            raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", str(error)) from error
        if fault is not None and fault.kind is FaultKind.LOST_ANSWER:
            raise _faulty(fault.status)
        return web.json_response(_operation(request, spec, execution))

    async def _list_jobs(self, request: web.Request) -> web.Response:
        found = [spec for spec in self._jobs.jobs.values() if spec.location == request.match_info["location"]]
        return web.json_response({"jobs": [_job(request, spec) for spec in found]})

    async def _get_job(self, request: web.Request) -> web.Response:
        return web.json_response(_job(request, self._spec(request)))

    async def _list_executions(self, request: web.Request) -> web.Response:
        spec = self._spec(request)
        begin, size = int(request.query.get("pageToken") or 0), int(request.query.get("pageSize") or 100)
        found = self._jobs.executions(spec.name)
        page: dict[str, Any] = {"executions": [_execution(request, spec, each) for each in found[begin : begin + size]]}
        if begin + size < len(found):
            page["nextPageToken"] = str(begin + size)
        return web.json_response(page)

    async def _get_execution(self, request: web.Request) -> web.Response:
        spec, execution = self._found(request)
        return web.json_response(_execution(request, spec, execution))

    async def _cancel(self, request: web.Request) -> web.Response:
        spec, execution = self._found(request)
        self._jobs.cancel(execution.id)
        return web.json_response(_operation(request, spec, execution))

    async def _delete(self, request: web.Request) -> web.Response:
        spec, execution = self._found(request)
        self._jobs.delete(execution.id)
        return web.json_response(_operation(request, spec, execution))

    async def _get_operation(self, request: web.Request) -> web.Response:
        execution = self._jobs.execution(request.match_info["operation"])
        spec = self._jobs.jobs.get(execution.job) if execution is not None else None
        if execution is None or spec is None:
            raise _missing(f"Operation '{request.match_info['operation']}' does not exist.")
        return web.json_response(_operation(request, spec, execution))

    def _spec(self, request: web.Request) -> JobSpec:
        name, location = request.match_info["job"], request.match_info["location"]
        spec = self._jobs.jobs.get(name)
        if spec is None or spec.location != location:
            project = request.match_info["project"]
            raise _missing(
                f"Resource '{name}' of kind 'JOB' in region '{location}' in project '{project}' does not exist."
            )
        return spec

    def _found(self, request: web.Request) -> tuple[JobSpec, Execution]:
        spec, execution = self._spec(request), self._jobs.execution(request.match_info["execution"])
        if execution is None or execution.job != spec.name:
            raise _missing(f"Resource '{request.match_info['execution']}' of kind 'EXECUTION' does not exist.")
        return spec, execution


@web.middleware
async def _answer_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except ApiError as error:
        return error.response()
    return response


async def _content(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    try:
        content = json.loads(text) if text else {}
    except ValueError as error:
        raise _invalid(f"Invalid JSON payload received. {error}") from error
    return _only(content, {"validateOnly", "etag", "overrides"}, "")


def _overrides(content: Mapping[str, Any]) -> Overrides:
    known = _only(content.get("overrides", {}), {"containerOverrides", "taskCount", "timeout"}, "overrides")
    if known.get("taskCount", 1) != 1:
        raise _invalid("overrides.taskCount: one task is all that the local cloud runs in an execution")
    containers = known.get("containerOverrides", [])
    if len(containers) > 1:
        raise _invalid("overrides.containerOverrides: the job has one container")
    container = _only(containers[0] if containers else {}, {"name", "args", "env", "clearArgs"}, "containerOverrides")
    args = tuple(container["args"]) if container.get("args") else None
    timeout = known.get("timeout")
    return Overrides(
        env=dict(_variable(each) for each in container.get("env", [])),
        args=() if container.get("clearArgs") else args,
        timeout_seconds=float(timeout.removesuffix("s")) if timeout else None,
    )


def _variable(entry: Any) -> tuple[str, str]:
    known = _only(entry, {"name", "value"}, "env")
    value = known.get("value", "")
    if not known.get("name") or len(value.encode()) > LONGEST_VALUE:
        raise _invalid(f"env: a variable needs a name and a value of at most {LONGEST_VALUE} bytes")
    return known["name"], value


def _only(content: Any, names: set[str], where: str) -> dict[str, Any]:
    unknown = set(content) - names if isinstance(content, dict) else {type(content).__name__}
    if unknown:
        raise _invalid(f"Invalid JSON payload received. Unknown name {sorted(unknown)[0]!r} at '{where}'")
    known: dict[str, Any] = content
    return known


def _job(request: web.Request, spec: JobSpec) -> dict[str, Any]:
    template = {"taskCount": 1, "parallelism": 1, "template": _template(spec, Overrides())}
    return {"name": _job_name(request, spec), "template": template, "reconciling": False}


def _execution(request: web.Request, spec: JobSpec, execution: Execution) -> dict[str, Any]:
    state = execution.state
    fields = {
        "name": f"{_job_name(request, spec)}/executions/{execution.id}",
        "job": spec.name,
        "createTime": _instant(execution.created_at),
        "startTime": _instant(execution.started_at),
        "completionTime": _instant(execution.ended_at),
        "taskCount": 1,
        "parallelism": 1,
        "template": _template(spec, execution.overrides),
        "reconciling": not state.is_over,
        "runningCount": int(state is ExecutionState.RUNNING),
        "succeededCount": int(state is ExecutionState.SUCCEEDED),
        "failedCount": int(state is ExecutionState.FAILED),
        "cancelledCount": int(state is ExecutionState.CANCELLED),
        "retriedCount": execution.attempt,
        "logUri": execution.log,
        "conditions": [{"type": "Completed", "state": _CONDITIONS[state], "message": execution.message}],
    }
    return {name: value for name, value in fields.items() if value not in (None, 0, "")}


def _template(spec: JobSpec, overrides: Overrides) -> dict[str, Any]:
    env = {**spec.env, **overrides.env}
    container = {
        "command": list(spec.command),
        "args": list(spec.args if overrides.args is None else overrides.args),
        "env": [{"name": name, "value": value} for name, value in env.items()],
    }
    seconds = overrides.timeout_seconds or spec.timeout.total_seconds()
    return {"containers": [container], "maxRetries": spec.max_retries, "timeout": f"{seconds:.0f}s"}


def _operation(request: web.Request, spec: JobSpec, execution: Execution) -> dict[str, Any]:
    project = request.match_info["project"]
    shown = {"@type": _TYPE, **_execution(request, spec, execution)}
    operation = {
        "name": f"projects/{project}/locations/{spec.location}/operations/{execution.id}",
        "metadata": shown,
        "done": execution.state.is_over,
    }
    if execution.state is ExecutionState.SUCCEEDED:
        operation["response"] = shown
    elif execution.state.is_over:
        operation["error"] = {"code": 2, "message": execution.message}
    return operation


def _job_name(request: web.Request, spec: JobSpec) -> str:
    return f"projects/{request.match_info['project']}/locations/{spec.location}/jobs/{spec.name}"


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


def _invalid(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", message)


def _missing(message: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "NOT_FOUND", message)


def _faulty(status: str) -> ApiError:
    return ApiError(HTTPStatus(int(status) if status.isdigit() else 503), "UNAVAILABLE", "a fault was asked for")
