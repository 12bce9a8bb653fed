"""Answers and bodies about assets, as in `models`."""

from datetime import datetime
from typing import Any

import msgspec

from sailplane.api.models import Answer, Body
from sailplane.model.states import RunState


class DagScheduleAssetReference(Answer, frozen=True, kw_only=True):
    dag_id: str
    created_at: datetime
    updated_at: datetime


class TaskOutletAssetReference(Answer, frozen=True, kw_only=True):
    dag_id: str
    task_id: str
    created_at: datetime
    updated_at: datetime


class TaskInletAssetReference(Answer, frozen=True, kw_only=True):
    dag_id: str
    task_id: str
    created_at: datetime
    updated_at: datetime


class LastAssetEventResponse(Answer, frozen=True, kw_only=True):
    id: int | None = None
    timestamp: datetime | None = None


class AssetWatcherResponse(Answer, frozen=True, kw_only=True):
    name: str
    trigger_id: int
    created_date: datetime


class AssetAliasResponse(Answer, frozen=True, kw_only=True):
    id: int
    name: str
    group: str


class AssetAliasCollectionResponse(Answer, frozen=True, kw_only=True):
    asset_aliases: list[AssetAliasResponse]
    total_entries: int


class AssetResponse(Answer, frozen=True, kw_only=True):
    id: int
    name: str
    uri: str
    group: str
    extra: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    scheduled_dags: list[DagScheduleAssetReference]
    producing_tasks: list[TaskOutletAssetReference]
    consuming_tasks: list[TaskInletAssetReference]
    aliases: list[AssetAliasResponse]
    watchers: list[AssetWatcherResponse] = msgspec.field(default_factory=list)
    last_asset_event: LastAssetEventResponse | None = None


class AssetCollectionResponse(Answer, frozen=True, kw_only=True):
    assets: list[AssetResponse]
    total_entries: int


class DagRunAssetReference(Answer, frozen=True, kw_only=True):
    run_id: str
    dag_id: str
    logical_date: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    state: RunState
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    partition_key: str | None = None
    triggering: bool


class AssetEventResponse(Answer, frozen=True, kw_only=True):
    id: int
    asset_id: int
    uri: str | None
    name: str | None
    group: str | None
    extra: dict[str, Any] | None
    source_task_id: str | None
    source_dag_id: str | None
    source_run_id: str | None
    source_map_index: int
    created_dagruns: list[DagRunAssetReference]
    timestamp: datetime
    partition_key: str | None = None


class AssetEventCollectionResponse(Answer, frozen=True, kw_only=True):
    asset_events: list[AssetEventResponse]
    total_entries: int


class QueuedEventResponse(Answer, frozen=True, kw_only=True):
    dag_id: str
    asset_id: int
    created_at: datetime
    dag_display_name: str


class QueuedEventCollectionResponse(Answer, frozen=True, kw_only=True):
    queued_events: list[QueuedEventResponse]
    total_entries: int


class AssetEventAccessControl(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    consumer_teams: list[str] | None = None
    allow_global: bool = True


class CreateAssetEventsBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    asset_id: int
    partition_key: str | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    access_control: AssetEventAccessControl | None = None
