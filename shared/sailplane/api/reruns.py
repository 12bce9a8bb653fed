"""Running again, marking and holding: what people do with runs that exist."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from sailplane.api import models, views
from sailplane.api import rerun_models as bodies
from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response, json_response
from sailplane.api.routes import Routes
from sailplane.model.dags import SerializedDag
from sailplane.model.errors import TaskIsRunning
from sailplane.model.ids import TaskKey
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunState

if TYPE_CHECKING:
    from sailplane.engine.clearing import Clear
    from sailplane.engine.marking import Mark

routes = Routes("/api/v2/dags/{dag_id}", "DagRun")


@routes.post("/clearTaskInstances")
def post_clear_task_instances(
    call: Call, dag_id: str, body: bodies.ClearTaskInstancesBody
) -> models.TaskInstanceCollectionResponse:
    """Clear task instances."""
    dag = call.newest(call.dag(dag_id))
    _check_clear(body)
    found: list[models.TaskInstanceResponse] = []
    for run in _runs_to_clear(call, dag_id, body):
        what = _clear_of(body, dag)
        try:
            cleared = call.backend.changes.would_clear(run, what) if body.dry_run else _clear(call, run, what)
        except TaskIsRunning as error:
            raise HttpError(409, str(error)) from error
        found += _views(call, run, cleared)
    return models.TaskInstanceCollectionResponse(task_instances=found, total_entries=len(found))


def _clear(call: Call, run: DagRun, what: "Clear") -> Sequence[TaskInstance]:
    """Clear, and show what was cleared as it is now."""
    cleared = call.backend.changes.clear(run.key, what)
    return call.backend.tasks(run.key, [each.key for each in cleared])


def _check_clear(body: bodies.ClearTaskInstancesBody) -> None:
    if body.only_failed and body.only_running:
        raise _invalid("only_failed and only_running both are set to True")
    if body.start_date and body.end_date and body.start_date > body.end_date:
        raise _invalid("end_date is sooner than start_date")
    for name in ("start_date", "end_date"):
        moment: datetime | None = getattr(body, name)
        if moment is not None and body.dag_run_id is not None:
            raise _invalid(f"Exactly one of dag_run_id or {name} must be provided")
        if moment is not None and moment.tzinfo is None:
            raise _invalid(f"{name} should have timezone info")
    if body.task_ids is not None and not body.task_ids:
        raise _invalid("task_ids list should have at least 1 element.")
    _refuse_note(body.note)


def _refuse_note(note: str | None) -> None:
    if note is not None:
        raise HttpError(400, "a note on task instances is not supported; PATCH the run to set one on that")


def _invalid(message: str) -> HttpError:
    return HttpError(422, [{"type": "value_error", "loc": ["body"], "msg": f"Value error, {message}", "input": None}])


def _clear_of(body: bodies.ClearTaskInstancesBody, dag: SerializedDag) -> "Clear":
    from sailplane.engine.clearing import Clear

    named = None if body.task_ids is None else tuple(map(_named, body.task_ids))
    return Clear(
        named=named,
        upstream=body.include_upstream,
        downstream=body.include_downstream,
        only_failed=body.only_failed,
        only_running=body.only_running,
        reset_dag_run=body.reset_dag_runs,
        on_latest_version=_on_latest(body.run_on_latest_version, dag),
        prevent_running=body.prevent_running_task,
    )


def _on_latest(asked: bool | None, dag: SerializedDag) -> bool:
    return dag.rerun_with_latest_version if asked is None else asked


def _named(task: str | tuple[str, int]) -> str | TaskKey:
    return task if isinstance(task, str) else TaskKey(*task)


def _runs_to_clear(call: Call, dag_id: str, body: bodies.ClearTaskInstancesBody) -> Sequence[DagRun]:
    if body.dag_run_id is None:
        start = None if body.include_past else body.start_date
        end = None if body.include_future else body.end_date
        return call.backend.changes.runs_between(dag_id, start, end)
    run = call.backend.run(_key(dag_id, body.dag_run_id))
    if run is None:
        raise HttpError(404, f"Dag Run id {body.dag_run_id} not found in dag {dag_id}")
    return _with_others(call, run, past=body.include_past, future=body.include_future)


def _key(dag_id: str, run_id: str) -> Any:
    from sailplane.model.ids import RunKey

    return RunKey(dag_id, run_id)


def _with_others(call: Call, run: DagRun, *, past: bool, future: bool) -> Sequence[DagRun]:
    """`run`, and those before and after it that are asked for."""
    if not past and not future:
        return [run]
    date = run.context.logical_date
    if date is None:
        raise HttpError(
            400,
            "Cannot use include_past or include_future with no logical_date(e.g. manually or asset-triggered).",
        )
    return call.backend.changes.runs_between(run.context.dag_id, None if past else date, None if future else date)


def _views(call: Call, run: DagRun, instances: Iterable[TaskInstance]) -> list[models.TaskInstanceResponse]:
    stored = call.backend.run(run.key) or run
    dag = call.version_of(stored)
    return [views.task_instance_view(each, stored, dag) for each in instances]


@routes.post("/dagRuns/{dag_run_id}/clear")
def clear_dag_run(
    call: Call, dag_id: str, dag_run_id: str, body: bodies.DAGRunClearBody
) -> models.DAGRunResponse | Response:
    """Clear a run: all of it, what failed in it, or add the tasks that its DAG has got since.

    Answers with the run, or with what would be cleared (`ClearTaskInstanceCollectionResponse`) of a dry run.
    """
    from sailplane.engine.clearing import Clear

    run = call.run(dag_id, dag_run_id)
    if body.only_new and body.only_failed:
        raise _invalid("only_new and only_failed are mutually exclusive")
    newest = call.newest(call.dag(dag_id))
    what = Clear(
        only_failed=body.only_failed,
        on_latest_version=_on_latest(body.run_on_latest_version, newest),
        note=body.note,
    )
    changes = call.backend.changes
    if body.dry_run:
        affected: list[Any] = []
        if body.only_new:
            names = changes.new_tasks(run.key)
            affected += [bodies.NewTaskResponse(task_id=name, task_display_name=name) for name in names]
        else:
            affected += _views(call, run, changes.would_clear(run, what))
        shown = bodies.ClearTaskInstanceCollectionResponse(task_instances=affected, total_entries=len(affected))
        return json_response(shown)
    if body.only_new:
        changes.add_new_tasks(run.key, body.note)
    else:
        changes.clear(run.key, what)
    return _run_view(call, call.run(dag_id, dag_run_id))


def _run_view(call: Call, run: DagRun) -> models.DAGRunResponse:
    return views.run_view(run, call.version_of(run))


class MaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    update_mask: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        return not self.update_mask or name in self.update_mask


@routes.patch("/dagRuns/{dag_run_id}")
def patch_dag_run(
    call: Call, dag_id: str, dag_run_id: str, query: MaskQuery, body: bodies.DAGRunPatchBody
) -> models.DAGRunResponse:
    """Set the note of a run, or end it as success or failed."""
    run = call.run(dag_id, dag_run_id)
    if body.state is RunState.RUNNING:
        raise _invalid("state can be 'queued', 'success' or 'failed'")
    if body.note is not None and query.allows("note"):
        run = call.backend.changes.change_note(run.key, body.note)
    if body.state is not None and query.allows("state"):
        run = call.backend.changes.mark_run(run.key, body.state)
    return _run_view(call, run)


# Marking


@routes.patch("/dagRuns/{dag_run_id}/taskInstances/{task_id}")
def patch_task_instance(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, body: bodies.PatchTaskInstanceBody
) -> models.TaskInstanceCollectionResponse:
    """Mark a task instance; of a mapped task all."""
    return _mark(call, _run_with(call, dag_id, dag_run_id, task_id), (task_id,), body, is_dry=False)


@routes.patch("/dagRuns/{dag_run_id}/taskInstances/{task_id}/dry_run")
def patch_task_instance_dry_run(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, body: bodies.PatchTaskInstanceBody
) -> models.TaskInstanceCollectionResponse:
    """What marking a task instance would change."""
    return _mark(call, _run_with(call, dag_id, dag_run_id, task_id), (task_id,), body, is_dry=True)


@routes.patch("/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}")
def patch_mapped_task_instance(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, map_index: int, body: bodies.PatchTaskInstanceBody
) -> models.TaskInstanceCollectionResponse:
    """Mark an instance of a mapped task."""
    run = _run_with(call, dag_id, dag_run_id, task_id)
    return _mark(call, run, (TaskKey(task_id, map_index),), body, is_dry=False)


@routes.patch("/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dry_run")
def patch_mapped_task_instance_dry_run(
    call: Call, *, dag_id: str, dag_run_id: str, task_id: str, map_index: int, body: bodies.PatchTaskInstanceBody
) -> models.TaskInstanceCollectionResponse:
    """What marking an instance of a mapped task would change."""
    run = _run_with(call, dag_id, dag_run_id, task_id)
    return _mark(call, run, (TaskKey(task_id, map_index),), body, is_dry=True)


@routes.patch("/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}")
def patch_task_group_instances(
    call: Call, dag_id: str, dag_run_id: str, group_id: str, body: bodies.PatchTaskInstanceBody
) -> models.TaskInstanceCollectionResponse:
    """Mark all task instances of a task group."""
    run = call.run(dag_id, dag_run_id)
    return _mark(call, run, _tasks_of(call, run, group_id), body, is_dry=False)


@routes.patch("/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}/dry_run")
def patch_task_group_instances_dry_run(
    call: Call, dag_id: str, dag_run_id: str, group_id: str, body: bodies.PatchTaskInstanceBody
) -> models.TaskInstanceCollectionResponse:
    """What marking all task instances of a task group would change."""
    run = call.run(dag_id, dag_run_id)
    return _mark(call, run, _tasks_of(call, run, group_id), body, is_dry=True)


def _run_with(call: Call, dag_id: str, run_id: str, task_id: str) -> DagRun:
    run = call.run(dag_id, run_id)
    if task_id not in call.version_of(run).task_dict:
        raise HttpError(404, f"Task '{task_id}' not found in DAG '{dag_id}'")
    return run


def _tasks_of(call: Call, run: DagRun, group_id: str) -> tuple[str, ...]:
    from sailplane.planner.selection import group_tasks

    dag = call.version_of(run)
    if group_id not in {group.group_id for group in dag.groups}:
        raise HttpError(404, f"Task group '{group_id}' not found in DAG '{dag.dag_id}'")
    return group_tasks(dag, group_id)


def _mark(
    call: Call, run: DagRun, named: tuple[str | TaskKey, ...], body: bodies.PatchTaskInstanceBody, *, is_dry: bool
) -> models.TaskInstanceCollectionResponse:
    _refuse_note(body.note)
    what = _mark_of(named, body)
    changes = call.backend.changes
    found: list[models.TaskInstanceResponse] = []
    for each in _with_others(call, run, past=body.include_past, future=body.include_future):
        keys = changes.would_mark(each, what) if is_dry else changes.mark(each.key, what)
        found += _views(call, each, call.backend.tasks(each.key, keys))
    return models.TaskInstanceCollectionResponse(task_instances=found, total_entries=len(found))


def _mark_of(named: tuple[str | TaskKey, ...], body: bodies.PatchTaskInstanceBody) -> "Mark":
    from sailplane.engine.marking import MARKABLE, Mark

    if body.new_state is None:
        raise _invalid("'new_state' should not be empty")
    if body.new_state not in MARKABLE:
        raise _invalid(f"'{body.new_state}' is not one of {[str(state) for state in MARKABLE]}")
    return Mark(named=named, state=body.new_state, upstream=body.include_upstream, downstream=body.include_downstream)


# Holding: Sailplane's own


@routes.get("/dagRuns/{dag_run_id}/hold")
def get_hold(call: Call, dag_id: str, dag_run_id: str) -> bodies.HoldResponse:
    """Whether a run is held, why, and until when."""
    return _hold_view(call.run(dag_id, dag_run_id))


@routes.post("/dagRuns/{dag_run_id}/hold")
def hold_dag_run(call: Call, dag_id: str, dag_run_id: str, body: bodies.HoldBody) -> bodies.HoldResponse:
    """Hold a run: what runs may end, nothing of it starts until it is resumed."""
    if body.resume_at is not None and body.resume_at.tzinfo is None:
        raise _invalid("resume_at should have timezone info")
    run = call.run(dag_id, dag_run_id)
    held = call.backend.changes.hold(run.key, reason=body.reason, resume_at=body.resume_at, by=call.user.name)
    return _hold_view(held)


@routes.post("/dagRuns/{dag_run_id}/resume")
def resume_dag_run(call: Call, dag_id: str, dag_run_id: str) -> bodies.HoldResponse:
    """Let a run that is held go on."""
    return _hold_view(call.backend.changes.resume(call.run(dag_id, dag_run_id).key))


def _hold_view(run: DagRun) -> bodies.HoldResponse:
    hold = run.hold
    return bodies.HoldResponse(
        dag_id=run.context.dag_id,
        dag_run_id=run.context.run_id,
        is_held=hold is not None,
        reason=hold.reason if hold else None,
        since=hold.since if hold else None,
        resume_at=hold.resume_at if hold else None,
        held_by=(hold.by or None) if hold else None,
    )
