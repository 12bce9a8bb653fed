"""Connections: how to reach a system outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sailplane.authoring import lookups
from sailplane.authoring.exceptions import AirflowException
from sailplane.model import values
from sailplane.model.execution import ChildServices

_HOOKS = "sailplane.hooks.base"
"""Hooks stand above this module: it finds them when one is asked for."""


@dataclass(init=False)
class Connection:
    """Address and credentials of a system, under Airflow's names: given by its fields, or as a `uri`."""

    conn_id: str
    conn_type: str = ""
    description: str | None = None
    host: str | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra: str | None = None
    """JSON text."""

    def __init__(self, conn_id: str, conn_type: str | None = None, *, uri: str | None = None, **fields: Any) -> None:
        if uri is not None and (fields or conn_type):
            raise AirflowException(
                f"the Connection {conn_id!r} is given by its uri and by {', '.join(fields)}: use one"
            )
        try:
            given = {"conn_type": conn_type, **fields}
            record = values.parse_connection(conn_id, uri) if uri else values.connection_from(conn_id, given)
        except values.InvalidConnection as error:
            raise AirflowException(str(error)) from None
        self.conn_id = conn_id
        for name, value in record.fields().items():
            setattr(self, name, value)

    @classmethod
    def parse(cls, conn_id: str, text: str) -> "Connection":
        """The Connection that `text` describes: Airflow's JSON form, or a URI."""
        return cls(conn_id, uri=text)

    @classmethod
    def from_json(cls, value: str, conn_id: str = "") -> "Connection":
        return cls.parse(conn_id, value)

    @classmethod
    def get(cls, conn_id: str) -> "Connection":
        """The Connection with this id. Raises `AirflowNotFoundException` that says where was looked."""
        return read_connection(conn_id)

    @classmethod
    def get_connection_from_secrets(cls, conn_id: str) -> "Connection":
        """`get` under the name of Airflow 2."""
        return read_connection(conn_id)

    @property
    def extra_dejson(self) -> Mapping[str, Any]:
        """`extra` as a dict; empty when it holds none."""
        return self._record().extra_dejson

    def get_password(self) -> str | None:
        return self.password

    def get_extra(self) -> str | None:
        return self.extra

    def get_uri(self) -> str:
        """Airflow's URI form."""
        return self._record().get_uri()

    def as_json(self) -> str:
        """Airflow's JSON form."""
        return self._record().as_json()

    def to_dict(self, *, prune_empty: bool = False, validate: bool = True) -> dict[str, Any]:
        """All fields, `extra` as a dict; without what is not set if asked for."""
        fields = {"conn_id": self.conn_id, **self._record().fields(), "extra": dict(self.extra_dejson)}
        return {name: value for name, value in fields.items() if value not in (None, {})} if prune_empty else fields

    def get_hook(self, *, hook_params: Mapping[str, Any] | None = None) -> Any:
        """The hook for this type of Connection. Raises `AirflowException` when there is none."""
        return import_module(_HOOKS).hook_of(self, dict(hook_params or {}))

    def _record(self) -> values.Connection:
        return values.Connection(
            conn_id=self.conn_id, **{name: getattr(self, name) for name in values.CONNECTION_FIELDS}
        )

    def __repr__(self) -> str:
        return f"Connection({self.conn_id!r}, {self.conn_type!r})"


def read_connection(conn_id: str, services: ChildServices | None = None) -> Connection:
    """The Connection with this id. Raises `AirflowNotFoundException`."""
    text = lookups.connection(conn_id, services)
    if text is None:
        raise lookups.no_connection(conn_id, services)
    return Connection.parse(conn_id, text)
