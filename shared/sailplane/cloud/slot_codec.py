"""Pools, and what of a task instance's limits is stored: the one place where these names of stored fields stand."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from sailplane.cloud.documents import (
    Fields,
    flag,
    instant,
    put_flag,
    put_instant,
    put_text,
    put_texts,
    text,
    token_of,
    whole,
)
from sailplane.cloud.value_codec import document_id
from sailplane.model.limits import HOLDING, deferred, pool_of
from sailplane.model.pools import Pool, Turn
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState


def pool_path(name: str) -> str:
    return f"pools/{document_id(name)}"


def turn_path(limit: str) -> str:
    return f"limits/{document_id(limit)}"


def write_limits(record: TaskInstance, fields: Fields) -> None:
    """The limits of a task instance: `wants` while it waits for them, `holds` while it has its places in them."""
    capacities = fields["limits"].map_value.fields
    for name, capacity in record.limits.items():
        capacities[name].integer_value = capacity
    put_text(fields, "rank", record.rank)
    fields["pool_slots"].integer_value = record.pool_slots
    if record.waits_for_slots and record.state is TaskState.SCHEDULED:  # Who ended it need not have thought of that.
        put_texts(fields, "wants", tuple(record.limits))
    elif record.state in HOLDING:
        put_texts(fields, "holds", tuple(record.limits))
    elif record.state is TaskState.DEFERRED:
        put_texts(fields, "holds", [deferred(name) for name in record.limits if pool_of(name) is not None])


def limits(fields: Fields) -> Mapping[str, int]:
    if "limits" not in fields:
        return {}
    return {name: int(value.integer_value) for name, value in fields["limits"].map_value.fields.items()}


def write_pool(record: Pool, fields: Fields, shards: int) -> None:
    fields["slots"].integer_value = record.slots
    put_text(fields, "description", record.description)
    put_flag(fields, "include_deferred", record.include_deferred)
    put_text(fields, "rate", record.rate)
    if record.allowance is not None:
        fields["allowance"].double_value = record.allowance
    put_instant(fields, "counted_at", record.counted_at)
    put_text(fields, "claim", record.claim)


def read_pool(document: Any) -> Pool:
    fields = document.fields
    return Pool(
        name=unquote(str(document.name).rpartition("/")[2]),
        slots=whole(fields, "slots"),
        description=text(fields, "description"),
        include_deferred=flag(fields, "include_deferred"),
        rate=text(fields, "rate"),
        allowance=float(fields["allowance"].double_value) if "allowance" in fields else None,
        counted_at=instant(fields, "counted_at"),
        claim=text(fields, "claim"),
        token=token_of(document.update_time),
    )


def write_turn(record: Turn, fields: Fields, shards: int) -> None:
    put_text(fields, "limit", record.limit)
    put_text(fields, "claim", record.claim)
    put_instant(fields, "expire_at", record.expires_at)


def read_turn(document: Any) -> Turn:
    fields = document.fields
    return Turn(
        limit=text(fields, "limit"),
        claim=text(fields, "claim"),
        expires_at=instant(fields, "expire_at"),
        token=token_of(document.update_time),
    )
