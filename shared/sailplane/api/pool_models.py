"""Answers and bodies about pools, as in `models`; `rate` is Sailplane's own."""

import msgspec
from msgspec import UNSET, UnsetType

from sailplane.api.models import Answer, Body


class PoolResponse(Answer, frozen=True, kw_only=True):
    name: str
    slots: int
    description: str | None
    include_deferred: bool
    rate: str | None
    occupied_slots: int
    running_slots: int
    queued_slots: int
    scheduled_slots: int
    open_slots: int
    deferred_slots: int
    team_name: str | None = None


class PoolCollectionResponse(Answer, frozen=True, kw_only=True):
    pools: list[PoolResponse]
    total_entries: int


class PoolBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    slots: int
    description: str | None = None
    include_deferred: bool = False
    rate: str | None = None
    team_name: str | None = None


class PoolPatchBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str | None = msgspec.field(default=None, name="pool")
    slots: int | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    include_deferred: bool | UnsetType | None = UNSET
    rate: str | UnsetType | None = UNSET
    team_name: str | None = None
