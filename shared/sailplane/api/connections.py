"""Connections of the store, with their secrets masked."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from sailplane.api import bulk
from sailplane.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate
from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response
from sailplane.api.models import Body
from sailplane.api.paging import Page, Sorting, matches, order
from sailplane.api.routes import Routes
from sailplane.api.value_models import (
    ConnectionBody,
    ConnectionCollectionResponse,
    ConnectionResponse,
    ConnectionTestResponse,
)
from sailplane.api.variables import MaskQuery
from sailplane.model.secrets import MASK, redacted_text, unmasked
from sailplane.model.values import CONNECTION_FIELDS, CONNECTION_ID, Connection

routes = Routes("/api/v2/connections", "Connection")

SORTING: Sorting[Connection] = {
    "connection_id": lambda connection: connection.conn_id,
    "conn_id": lambda connection: connection.conn_id,
    "id": lambda connection: connection.conn_id,
    "conn_type": lambda connection: connection.conn_type,
    "description": lambda connection: connection.description,
    "host": lambda connection: connection.host,
    "port": lambda connection: connection.port,
    "team_name": lambda connection: None,
}


class ConnectionsQuery(Page, frozen=True, kw_only=True):
    connection_id_pattern: str | None = None
    connection_id_prefix_pattern: str | None = None


class ConnectionsBulkBody(Body, frozen=True, kw_only=True):
    actions: list[BulkCreate[ConnectionBody] | BulkUpdate[ConnectionBody] | BulkDelete]


def view(connection: Connection) -> ConnectionResponse:
    fields = connection.fields()
    if connection.password is not None:
        fields["password"] = MASK
    if connection.extra:
        fields["extra"] = redacted_text(connection.extra) if connection.extra_dejson else MASK
    return ConnectionResponse(connection_id=connection.conn_id, **fields)


@routes.get("")
def get_connections(call: Call, query: ConnectionsQuery) -> ConnectionCollectionResponse:
    """List the Connections of the store."""
    found = [
        connection
        for connection in order(call.backend.connections(), query.order_by or ("conn_id",), SORTING)
        if matches(query.connection_id_pattern, connection.conn_id)
        and connection.conn_id.startswith(query.connection_id_prefix_pattern or "")
    ]
    return ConnectionCollectionResponse(connections=list(map(view, query.cut(found))), total_entries=len(found))


@routes.post("", status=201)
def post_connection(call: Call, body: ConnectionBody) -> ConnectionResponse:
    """Create a Connection."""
    made = _made(body)
    call.backend.add_value(made)
    return view(made)


def _made(body: ConnectionBody) -> Connection:
    if not CONNECTION_ID.fullmatch(body.connection_id):
        raise _wrong("connection_id", f"String should match pattern '{CONNECTION_ID.pattern}'")
    return Connection(conn_id=body.connection_id, **_given(body))


@routes.patch("")
def bulk_connections(call: Call, body: ConnectionsBulkBody) -> BulkResponse:
    """Create, update and delete many Connections."""
    return bulk.handle(call, body.actions, KIND)


@routes.post("/test")
def test_connection(call: Call, body: ConnectionBody) -> ConnectionTestResponse:
    """Testing a Connection would run its hook here, beside the API: it is off, as it is by default in Airflow."""
    raise HttpError(403, "Testing connections is disabled. Read the Connection in a task to try it.")


@routes.get("/{connection_id}")
def get_connection(call: Call, connection_id: str) -> ConnectionResponse:
    """Show a Connection of the store."""
    return view(_find(call, connection_id))


@routes.patch("/{connection_id}")
def patch_connection(call: Call, connection_id: str, body: ConnectionBody, query: MaskQuery) -> ConnectionResponse:
    """Change a Connection: the fields that the body has, or of those the ones in `update_mask`."""
    if body.connection_id != connection_id:
        raise HttpError(400, "The connection_id in the request body does not match the URL parameter")
    new = _changed(_find(call, connection_id), body, query.update_mask)
    call.backend.put_value(new)
    return view(new)


def _changed(old: Connection, body: ConnectionBody, mask: Sequence[str]) -> Connection:
    changes = _given(body)
    if changes.get("password") == MASK:
        del changes["password"]
    if changes.get("extra") and old.extra:
        changes["extra"] = unmasked(changes["extra"], old.extra)
    return replace(old, **{name: value for name, value in changes.items() if not mask or name in mask})


@routes.add("DELETE", "/{connection_id}", status=204)
def delete_connection(call: Call, connection_id: str) -> Response:
    """Delete a Connection from the store."""
    call.backend.remove_value(_find(call, connection_id))
    return Response(status=204)


def _find(call: Call, conn_id: str) -> Connection:
    connection = call.backend.connection(conn_id)
    if connection is None:
        raise HttpError(404, f"The Connection with connection_id: `{conn_id}` was not found")
    return connection


def _given(body: ConnectionBody) -> dict[str, Any]:
    """The fields that the body has. Raises `HttpError` 422 for an `extra` that is no JSON object."""
    given = {name: value for name in CONNECTION_FIELDS if (value := getattr(body, name)) is not UNSET}
    if "extra" in given and given["extra"] is not None:
        given["extra"] = _object(given["extra"])
    return given


def _object(extra: str) -> str:
    try:
        value = json.loads(extra or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _wrong("extra", "The `extra` field must be a valid JSON object (e.g., {'key': 'value'})")
    return extra or "{}"


def _wrong(name: str, message: str) -> HttpError:
    return HttpError(422, [{"type": "value_error", "loc": ["body", name], "msg": message, "input": None}])


KIND: bulk.Kind[ConnectionBody, Connection] = bulk.Kind(
    name="connections with these connection_ids",
    stored=lambda call: {connection.conn_id: connection for connection in call.backend.connections()},
    name_of=lambda body: body.connection_id,
    made=_made,
    changed=_changed,
    put=lambda call, values: call.backend.put_value(*values),
    remove=lambda call, value: call.backend.remove_value(value),
)
