"""`var` and `conn` of the context: Variables and Connections, asked for when a task names one."""

import json
from typing import Any

from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.connection import Connection
from sailplane.authoring.exceptions import AirflowNotFoundException
from sailplane.model.execution import ChildServices


class _Values:
    def __init__(self, services: ChildServices, is_json: bool) -> None:
        self._services = services
        self._is_json = is_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return self.get(key)

    def get(self, key: str, default: Any = NOTSET) -> Any:
        """The Variable; `default` when it is not set; without a default, `KeyError`."""
        text = self._services.variable(key)
        if text is not None:
            return json.loads(text) if self._is_json else text
        if is_arg_set(default):
            return default
        raise KeyError(f"the Variable {key!r} is not set")


class VariableAccessor:
    """`var.value.name` is the text of a Variable, `var.json.name` its value read as JSON."""

    def __init__(self, services: ChildServices) -> None:
        self.value = _Values(services, is_json=False)
        self.json = _Values(services, is_json=True)


class ConnectionAccessor:
    """`conn.name` is the Connection with that id."""

    def __init__(self, services: ChildServices) -> None:
        self._services = services

    def __getattr__(self, conn_id: str) -> Any:
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return self.get(conn_id)

    def get(self, conn_id: str, default: Any = NOTSET) -> Any:
        """The `Connection`; `default` when it is not set; without a default, `AirflowNotFoundException`."""
        text = self._services.connection(conn_id)
        if text is not None:
            return Connection.parse(conn_id, text)
        if is_arg_set(default):
            return default
        raise AirflowNotFoundException(f"the Connection {conn_id!r} is not set")
