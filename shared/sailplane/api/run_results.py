"""What comes of a run, for who waits for it; and the pages elsewhere that its tasks link to."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from sailplane.api.context import Call
from sailplane.api.http import NDJSON, HttpError, Response, json_response
from sailplane.api.routes import Routes
from sailplane.api.task_instances import find
from sailplane.model.ids import UNMAPPED
from sailplane.model.runs import DagRun, TaskInstance

routes = Routes("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", "DagRun")

LONGEST_WAIT = 45.0
"""Seconds after which a request ends though the run does not: whoever waits asks again."""
_RETURNED = "return_value"


class WaitQuery(msgspec.Struct, frozen=True, kw_only=True):
    interval: Annotated[float, msgspec.Meta(gt=0)]
    result: tuple[str, ...] = ()


class DAGRunWaitLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the answer."""

    state: str
    results: dict[str, Any] = {}


@routes.get("/wait")
def wait_dag_run_until_finished(
    call: Call, dag_id: str, dag_run_id: str, query: WaitQuery
) -> DAGRunWaitLine | Response:
    """Wait for a run, looking each `interval` seconds; a line for each look, the last one with the results.

    These are what the tasks under `@result` returned, or those named by `result`. A request ends after 45 seconds; one
    whose last line says that the run is not over is asked again.
    """
    ends_at = time.monotonic() + LONGEST_WAIT
    lines = [_line(call, run := call.run(dag_id, dag_run_id), query)]
    while not run.state.is_terminal and time.monotonic() + query.interval <= ends_at:
        time.sleep(query.interval)
        lines.append(_line(call, run := call.run(dag_id, dag_run_id), query))
    return Response(body=b"".join(line + b"\n" for line in lines), content_type=NDJSON)


def _line(call: Call, run: DagRun, query: WaitQuery) -> bytes:
    results = _results(call, run, query.result) if run.state.is_terminal else {}
    return json_response(DAGRunWaitLine(state=run.state, results=results)).body


def _results(call: Call, run: DagRun, asked: Sequence[str]) -> dict[str, Any]:
    names = asked or [task.task_id for task in call.version_of(run).tasks if task.returns_dag_result]
    if not names:
        return {}
    found: dict[str, list[TaskInstance]] = {}
    for instance in sorted(call.backend.tasks(run.key), key=lambda one: one.key):
        if instance.task_id in names and _RETURNED in instance.xcoms:
            found.setdefault(instance.task_id, []).append(instance)
    return {task_id: _returned(call, instances) for task_id, instances in found.items()}


def _returned(call: Call, instances: Sequence[TaskInstance]) -> Any:
    values = [call.backend.xcom(instance, _RETURNED) for instance in instances]
    return values[0] if instances[0].map_index == UNMAPPED else values


class LinksQuery(msgspec.Struct, frozen=True, kw_only=True):
    map_index: int = UNMAPPED
    try_number: int | None = None


class ExtraLinkCollectionResponse(msgspec.Struct, frozen=True, kw_only=True):
    extra_links: dict[str, str | None]
    total_entries: int


@routes.get("/taskInstances/{task_id}/links")
def get_extra_links(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, query: LinksQuery
) -> ExtraLinkCollectionResponse:
    """The pages elsewhere that a task links to; those of its newest try."""
    run = call.run(dag_id, dag_run_id)
    task = call.version_of(run).task_dict.get(task_id)
    if task is None:
        raise HttpError(404, f"Task with ID = {task_id} not found")
    instance = find(call, run, task_id, query.map_index)
    links = {
        name: call.backend.xcom(instance, key) if key in instance.xcoms else None
        for name, key in sorted(task.extra_links.items())
    }
    return ExtraLinkCollectionResponse(extra_links=links, total_entries=len(links))
