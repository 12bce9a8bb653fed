"""Answers and bodies about the state of task instances and assets, as in `models`."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from sailplane.api.http import HttpError
from sailplane.api.models import Answer, Body
from sailplane.model.state_store import LARGE_VALUE, RETENTION, InvalidEntry, encode_value

DEFAULT = "default"


class TaskStateStoreResponse(Answer, frozen=True, kw_only=True):
    key: str
    value: Any
    updated_at: datetime
    expires_at: datetime | None


class TaskStateStoreCollectionResponse(Answer, frozen=True, kw_only=True):
    task_state_store: list[TaskStateStoreResponse]
    total_entries: int


class TaskStateStoreBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    value: Any
    expires_at: str | None = DEFAULT
    """`default`: 30 days from now; null: never."""


class StateValueBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    value: Any


class AssetStateStoreLastUpdatedBy(Answer, frozen=True, kw_only=True):
    kind: str
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None


class AssetStateStoreResponse(Answer, frozen=True, kw_only=True):
    key: str
    value: Any
    updated_at: datetime
    last_updated_by: AssetStateStoreLastUpdatedBy | None


class AssetStateStoreCollectionResponse(Answer, frozen=True, kw_only=True):
    asset_state_store: list[AssetStateStoreResponse]
    total_entries: int


def text_of(key: str, value: Any) -> str:
    """The value's JSON. Raises `HttpError` 422 for what Airflow's API refuses too."""
    if value is None:
        raise _refused("value", "value cannot be null", value)
    try:
        text = encode_value(key, value)
    except InvalidEntry as error:
        raise _refused("value", str(error), None) from None
    if len(text) > LARGE_VALUE:
        raise _refused("value", f"value exceeds max_value_storage_bytes ({LARGE_VALUE})", None)
    return text


def expiry_of(body: TaskStateStoreBody) -> datetime | None:
    """When the entry expires. Raises `HttpError` 422."""
    if body.expires_at is None:
        return None
    if body.expires_at == DEFAULT:
        return datetime.now(UTC) + RETENTION
    try:
        moment = msgspec.convert(body.expires_at, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = "expires_at must be null, 'default' or a time with its zone, such as 2026-03-01T12:00:00Z"
        raise _refused("expires_at", message, body.expires_at)
    return moment.astimezone(UTC)


def value_of(text: str) -> Any:
    return json.loads(text)


def _refused(field: str, message: str, given: Any) -> HttpError:
    detail = {"type": "value_error", "loc": ["body", field], "msg": f"Value error, {message}", "input": given}
    return HttpError(422, [detail])
