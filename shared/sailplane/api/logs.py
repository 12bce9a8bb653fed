"""The log of a try: as JSON with a token to go on from, as JSON lines, or as text."""

import json
from collections.abc import Mapping
from typing import Any

from sailplane.api import models
from sailplane.api.context import Call
from sailplane.api.http import JSON, NDJSON, TEXT, HttpError, Response, json_response, text_response
from sailplane.api.paging import Page
from sailplane.api.routes import Routes
from sailplane.api.task_instances import find, tries_of
from sailplane.model.ids import UNMAPPED
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import TaskState

routes = Routes("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", "Task Instance")
_TOKEN_HEADER = "Airflow-Continuation-Token"


class LogQuery(Page, frozen=True, kw_only=True):
    map_index: int = UNMAPPED
    full_content: bool = False
    token: str | None = None

    @property
    def start(self) -> int:
        if not self.token:
            return 0
        if not self.token.isdecimal():
            raise HttpError(400, "Bad token. Please use only the tokens provided by the API.")
        return int(self.token)


@routes.get("/{task_id}/logs/{try_number}")
def get_log(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, try_number: int, query: LogQuery
) -> models.TaskInstancesLogResponse | Response:
    """Read the log of a try. A token in the answer says that more may come."""
    run = call.run(dag_id, dag_run_id)
    instance = _find_try(call, run, task_id, query.map_index, try_number)
    chunk = call.backend.read_log(run.key, instance.key, try_number, query.start)
    token = str(chunk.next_offset) if may_grow(instance, try_number) else None
    headers = {_TOKEN_HEADER: token} if token else {}
    match call.request.accepts(JSON, NDJSON, TEXT):
        case media if media == NDJSON:
            return text_response("".join(f"{json.dumps(line)}\n" for line in chunk.lines), NDJSON, headers)
        case media if media == TEXT:
            return text_response("".join(f"{log_line(line)}\n" for line in chunk.lines), TEXT, headers)
    content = [shown(line) for line in chunk.lines]
    return json_response(models.TaskInstancesLogResponse(content=content, continuation_token=token))


def _find_try(call: Call, run: DagRun, task_id: str, map_index: int, try_number: int) -> TaskInstance:
    newest = find(call, run, task_id, map_index)
    if newest.try_number == try_number:
        return newest
    for instance in tries_of(call, run, task_id, map_index):
        if instance.try_number == try_number:
            return instance
    raise HttpError(404, "TaskInstance not found")


def may_grow(instance: TaskInstance, try_number: int) -> bool:
    """Whether this try can still write to its log."""
    return instance.try_number == try_number and (
        instance.state.is_live and instance.state is not TaskState.UP_FOR_RETRY
    )


def shown(line: Mapping[str, Any]) -> dict[str, Any]:
    """The line with the `event` that Airflow's schema asks for."""
    return dict(line) if "event" in line else {**line, "event": str(line.get("message", ""))}


def log_line(line: Mapping[str, Any]) -> str:
    """One line of a log as people read it."""
    rest = dict(shown(line))
    parts = [str(rest.pop("timestamp", "")), str(rest.pop("level", "")).upper(), str(rest.pop("event"))]
    rest.pop("logger", None)
    extra = [str(rest.pop(name)) for name in ("error_detail", "exception", "traceback") if rest.get(name)]
    return " ".join(part for part in parts if part) + "".join(f"\n{text}" for text in extra)
