"""Variables and Connections to stored fields and back."""

from typing import Any
from urllib.parse import quote, unquote

from sailplane.cloud.documents import Fields, optional_text, put_text, put_whole, text, token_of, whole
from sailplane.model.values import Connection, Variable


def variable_path(key: str) -> str:
    return f"variables/{document_id(key)}"


def connection_path(conn_id: str) -> str:
    return f"connections/{document_id(conn_id)}"


def document_id(name: str) -> str:
    """`name` as an id that Firestore allows: it has no slash, is no `.` or `..`, and is not `__so__`."""
    quoted = quote(name, safe="")
    if set(quoted) == {"."} or quoted.startswith("__"):
        return f"%{ord(quoted[0]):02X}{quoted[1:]}"
    return quoted


def _name(document: Any) -> str:
    return unquote(str(document.name).rpartition("/")[2])


def write_variable(record: Variable, fields: Fields, shards: int) -> None:
    fields["value"].string_value = record.value
    put_text(fields, "description", record.description)


def read_variable(document: Any) -> Variable:
    fields = document.fields
    return Variable(
        key=_name(document),
        value=text(fields, "value"),
        description=optional_text(fields, "description"),
        token=token_of(document.update_time),
    )


def write_connection(record: Connection, fields: Fields, shards: int) -> None:
    fields["conn_type"].string_value = record.conn_type
    for name in ("description", "host", "login", "password", "schema", "extra"):
        put_text(fields, name, getattr(record, name))
    put_whole(fields, "port", record.port or 0)


def read_connection(document: Any) -> Connection:
    fields = document.fields
    names = ("description", "host", "login", "password", "schema", "extra")
    return Connection(
        conn_id=_name(document),
        conn_type=text(fields, "conn_type"),
        port=whole(fields, "port") or None,
        token=token_of(document.update_time),
        **{name: optional_text(fields, name) for name in names},
    )
