"""Bodies and answers about running again, marking and holding; those that Airflow has with its fields."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from sailplane.api.models import Answer, Body
from sailplane.model.states import RunState, TaskState

Note = Annotated[str, msgspec.Meta(max_length=1000)]


class ClearTaskInstancesBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dry_run: bool = True
    start_date: datetime | None = None
    end_date: datetime | None = None
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    task_ids: list[str | tuple[str, int]] | None = None
    dag_run_id: str | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool | None = None
    prevent_running_task: bool = False
    note: Note | None = None


class DAGRunClearBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dry_run: bool = True
    only_failed: bool = False
    only_new: bool = False
    run_on_latest_version: bool | None = None
    note: Note | None = None


class DAGRunPatchBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: RunState | None = None
    note: Note | None = None


class PatchTaskInstanceBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    new_state: TaskState | None = None
    note: Note | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False


class NewTaskResponse(Answer, frozen=True, kw_only=True):
    """A task that a run does not have yet."""

    task_id: str
    task_display_name: str


class ClearTaskInstanceCollectionResponse(Answer, frozen=True, kw_only=True):
    task_instances: list[Any]
    """`TaskInstanceResponse`, or `NewTaskResponse` of tasks that the run does not have yet."""
    total_entries: int


class HoldBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sailplane's own: why a run is held, and until when."""

    reason: str = ""
    resume_at: datetime | None = None


class HoldResponse(Answer, frozen=True, kw_only=True):
    """Sailplane's own: whether a run is held."""

    dag_id: str
    dag_run_id: str
    is_held: bool
    reason: str | None
    since: datetime | None
    resume_at: datetime | None
    held_by: str | None
