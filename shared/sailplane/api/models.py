"""Answers and bodies of the REST API, field by field as Airflow 3.3 has them (`tests/oracle/api_fields.json`).

A field that Airflow has and Sailplane has no notion of is there with the value that Airflow shows for "none".
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sailplane.model.states import RunState, RunType, TaskState, TriggeredBy

BUNDLE_NAME = "dags-folder"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what the API returns."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what the API takes: an unknown field is refused."""


class DagTagResponse(Answer, frozen=True, kw_only=True):
    name: str
    dag_id: str
    dag_display_name: str


class DagVersionResponse(Answer, frozen=True, kw_only=True):
    id: str
    version_number: int
    dag_id: str
    bundle_name: str | None = BUNDLE_NAME
    bundle_version: str | None
    created_at: datetime
    dag_display_name: str
    bundle_url: str | None = None


class DAGResponse(Answer, frozen=True, kw_only=True):
    dag_id: str
    dag_display_name: str
    is_paused: bool
    is_stale: bool
    last_parsed_time: datetime | None
    last_parse_duration: float | None = None
    last_expired: datetime | None = None
    bundle_name: str | None = BUNDLE_NAME
    bundle_version: str | None
    relative_fileloc: str | None
    fileloc: str
    description: str | None
    timetable_summary: str | None
    timetable_description: str | None
    timetable_partitioned: bool = False
    timetable_periodic: bool
    tags: list[DagTagResponse]
    max_active_tasks: int
    max_active_runs: int | None
    max_consecutive_failed_dag_runs: int = 0
    has_task_concurrency_limits: bool = False
    has_import_errors: bool
    next_dagrun_logical_date: datetime | None = None
    next_dagrun_data_interval_start: datetime | None = None
    next_dagrun_data_interval_end: datetime | None = None
    next_dagrun_run_after: datetime | None = None
    allowed_run_types: list[RunType] | None = None
    owners: list[str]
    is_backfillable: bool
    file_token: str


class DAGDetailsResponse(DAGResponse, frozen=True, kw_only=True):
    catchup: bool
    dag_run_timeout: timedelta | None
    asset_expression: dict[str, Any] | None = None
    doc_md: str | None
    start_date: datetime | None
    end_date: datetime | None
    is_paused_upon_creation: bool | None
    params: Mapping[str, Any] | None
    render_template_as_native_obj: bool
    template_search_path: list[str] | None = None
    timezone: str | None
    last_parsed: datetime | None
    default_args: Mapping[str, Any] | None = None
    rerun_with_latest_version: bool | None = None
    owner_links: dict[str, str] | None = None
    is_favorite: bool = False
    active_runs_count: int
    concurrency: int
    latest_dag_version: DagVersionResponse | None


class DAGCollectionResponse(Answer, frozen=True, kw_only=True):
    dags: list[DAGResponse]
    total_entries: int


class DAGPatchBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    is_paused: bool


class DAGRunResponse(Answer, frozen=True, kw_only=True):
    dag_run_id: str
    dag_id: str
    logical_date: datetime | None
    queued_at: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    last_scheduling_decision: datetime | None = None
    run_type: RunType
    state: RunState
    triggered_by: TriggeredBy | None
    triggering_user_name: str | None
    conf: Mapping[str, Any] | None
    note: str | None
    dag_versions: list[DagVersionResponse]
    bundle_version: str | None
    dag_display_name: str
    partition_key: str | None = None
    partition_date: datetime | None = None


class DAGRunCollectionResponse(Answer, frozen=True, kw_only=True):
    dag_runs: list[DAGRunResponse]
    total_entries: int | None = None
    total_entries_limit: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


class TriggerDAGRunPostBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dag_run_id: str | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    logical_date: datetime | None = None
    run_after: datetime | None = None
    conf: dict[str, Any] | None = None
    note: str | None = None
    partition_key: str | None = None


class TaskInstanceHistoryResponse(Answer, frozen=True, kw_only=True):
    task_id: str
    dag_id: str
    dag_run_id: str
    map_index: int
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    state: TaskState | None
    try_number: int
    max_tries: int
    task_display_name: str
    dag_display_name: str
    hostname: str | None
    unixname: str | None = None
    pool: str
    pool_slots: int
    queue: str | None
    priority_weight: int | None
    operator: str | None
    operator_name: str | None
    queued_when: datetime | None
    scheduled_when: datetime | None
    pid: int | None = None
    executor: str | None = None
    executor_config: str = "{}"
    dag_version: DagVersionResponse | None


class TaskInstanceHistoryCollectionResponse(Answer, frozen=True, kw_only=True):
    task_instances: list[TaskInstanceHistoryResponse]
    total_entries: int


class TaskInstanceResponse(TaskInstanceHistoryResponse, frozen=True, kw_only=True):
    id: str
    logical_date: datetime | None
    run_after: datetime
    note: str | None = None
    rendered_map_index: str | None
    rendered_fields: dict[str, Any] = {}
    trigger: dict[str, Any] | None = None
    triggerer_job: dict[str, Any] | None = None


class TaskInstanceCollectionResponse(Answer, frozen=True, kw_only=True):
    task_instances: list[TaskInstanceResponse]
    total_entries: int | None = None
    total_entries_limit: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


class TimeDelta(Answer, frozen=True, kw_only=True):
    """A duration in the form that Airflow's task answers have."""

    object_type: str = msgspec.field(default="TimeDelta", name="__type")
    days: int
    seconds: int
    microseconds: int


class TaskResponse(Answer, frozen=True, kw_only=True):
    task_id: str | None
    task_display_name: str | None
    owner: str | None
    start_date: datetime | None
    end_date: datetime | None
    trigger_rule: str | None
    depends_on_past: bool
    wait_for_downstream: bool = False
    retries: float | None
    queue: str | None
    pool: str | None
    pool_slots: float | None
    execution_timeout: TimeDelta | None
    retry_delay: TimeDelta | None
    retry_exponential_backoff: float
    priority_weight: float | None
    weight_rule: str | None = "downstream"
    ui_color: str | None
    ui_fgcolor: str | None
    template_fields: list[str] | None
    downstream_task_ids: list[str] | None
    doc_md: str | None
    operator_name: str | None
    params: dict[str, Any] | None = {}
    class_ref: dict[str, Any] | None
    is_mapped: bool | None
    extra_links: list[str] = []


class TaskCollectionResponse(Answer, frozen=True, kw_only=True):
    tasks: list[TaskResponse]
    total_entries: int


class XComResponse(Answer, frozen=True, kw_only=True):
    key: str
    timestamp: datetime
    logical_date: datetime | None
    map_index: int
    task_id: str
    dag_id: str
    run_id: str
    dag_display_name: str
    task_display_name: str
    run_after: datetime


class XComResponseNative(XComResponse, frozen=True, kw_only=True):
    value: Any


class XComResponseString(XComResponse, frozen=True, kw_only=True):
    value: str | None


class XComCollectionResponse(Answer, frozen=True, kw_only=True):
    xcom_entries: list[XComResponse]
    total_entries: int


class ImportErrorResponse(Answer, frozen=True, kw_only=True):
    import_error_id: int
    timestamp: datetime
    filename: str
    bundle_name: str | None = BUNDLE_NAME
    stack_trace: str


class ImportErrorCollectionResponse(Answer, frozen=True, kw_only=True):
    import_errors: list[ImportErrorResponse]
    total_entries: int


class TaskInstancesLogResponse(Answer, frozen=True, kw_only=True):
    content: list[dict[str, Any]]
    continuation_token: str | None


class DAGSourceResponse(Answer, frozen=True, kw_only=True):
    content: str | None
    dag_id: str
    version_number: int | None
    dag_display_name: str


class Health(Answer, frozen=True, kw_only=True):
    status: str | None


class SchedulerHealth(Health, frozen=True, kw_only=True):
    latest_scheduler_heartbeat: str | None = None


class TriggererHealth(Health, frozen=True, kw_only=True):
    latest_triggerer_heartbeat: str | None = None


class DagProcessorHealth(Health, frozen=True, kw_only=True):
    latest_dag_processor_heartbeat: str | None = None


class HealthInfoResponse(Answer, frozen=True, kw_only=True):
    metadatabase: Health
    scheduler: SchedulerHealth
    triggerer: TriggererHealth
    dag_processor: DagProcessorHealth | None = None


class VersionInfo(Answer, frozen=True, kw_only=True):
    version: str
    git_version: str | None = None


class LoginBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    username: str
    password: str


class LoginResponse(Answer, frozen=True, kw_only=True):
    access_token: str
