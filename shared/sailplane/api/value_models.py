"""Answers and bodies about Variables and Connections, as in `models`."""

import msgspec
from msgspec import UNSET, UnsetType

from sailplane.api.models import Answer, Body

Settable = str | UnsetType | None


class VariableResponse(Answer, frozen=True, kw_only=True):
    key: str
    value: str | None
    description: str | None
    is_encrypted: bool = False
    """Sailplane encrypts nothing itself: Firestore encrypts all that it stores."""
    team_name: str | None = None


class VariableCollectionResponse(Answer, frozen=True, kw_only=True):
    variables: list[VariableResponse]
    total_entries: int


class VariableBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str
    value: msgspec.Raw | UnsetType = UNSET
    description: Settable = UNSET
    team_name: str | None = None


class ConnectionResponse(Answer, frozen=True, kw_only=True):
    connection_id: str
    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    schema: str | None
    port: int | None
    password: str | None
    extra: str | None
    team_name: str | None = None


class ConnectionCollectionResponse(Answer, frozen=True, kw_only=True):
    connections: list[ConnectionResponse]
    total_entries: int


class ConnectionBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    connection_id: str
    conn_type: str
    description: Settable = UNSET
    host: Settable = UNSET
    login: Settable = UNSET
    schema: Settable = UNSET
    port: int | UnsetType | None = UNSET
    password: Settable = UNSET
    extra: Settable = UNSET
    team_name: str | None = None


class ConnectionTestResponse(Answer, frozen=True, kw_only=True):
    status: bool
    message: str
