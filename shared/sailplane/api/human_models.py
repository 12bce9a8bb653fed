"""Questions to people in the REST API, field by field as Airflow 3.3 has them (`tests/oracle/api_fields.json`)."""

from datetime import datetime
from typing import Any

import msgspec

from sailplane.api.models import Answer, Body, TaskInstanceHistoryResponse, TaskInstanceResponse


class HITLUser(Answer, frozen=True, kw_only=True):
    id: str
    name: str


class BaseHITLDetail(Answer, frozen=True, kw_only=True):
    options: list[str]
    subject: str
    body: str | None
    defaults: list[str] | None
    multiple: bool
    params: dict[str, Any]
    assigned_users: list[HITLUser]
    created_at: datetime
    responded_by_user: HITLUser | None
    responded_at: datetime | None
    chosen_options: list[str] | None
    params_input: dict[str, Any]
    response_received: bool


class HITLDetail(BaseHITLDetail, frozen=True, kw_only=True):
    task_instance: TaskInstanceResponse


class HITLDetailHistory(BaseHITLDetail, frozen=True, kw_only=True):
    task_instance: TaskInstanceHistoryResponse


class HITLDetailCollection(Answer, frozen=True, kw_only=True):
    hitl_details: list[HITLDetail]
    total_entries: int


class UpdateHITLDetailPayload(Body, frozen=True, kw_only=True):
    chosen_options: list[str]
    params_input: dict[str, Any] = msgspec.field(default_factory=dict)


class HITLDetailResponse(Answer, frozen=True, kw_only=True):
    responded_by: HITLUser
    responded_at: datetime
    chosen_options: list[str]
    params_input: dict[str, Any]
