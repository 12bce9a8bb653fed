"""`var` and `conn` of the context: Variables and Connections, asked for when a task names one."""

from typing import Any

from sailplane.authoring import lookups
from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.connection import read_connection
from sailplane.authoring.variable import read_variable
from sailplane.model.execution import ChildServices


class _Values:
    def __init__(self, services: ChildServices, is_json: bool) -> None:
        self._services = services
        self._is_json = is_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return self.get(key)

    def get(self, key: str, default: Any = NOTSET, default_var: Any = NOTSET) -> Any:
        """The Variable; `default` when it is not set; without a default, `VariableNotFound`."""
        return read_variable(key, default if is_arg_set(default) else default_var, self._is_json, self._services)


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

    def get(self, conn_id: str, default: Any = NOTSET, default_conn: Any = NOTSET) -> Any:
        """The `Connection`; `default` when it is not set; without a default, `AirflowNotFoundException`."""
        default = default if is_arg_set(default) else default_conn
        if is_arg_set(default) and lookups.connection(conn_id, self._services) is None:
            return default
        return read_connection(conn_id, self._services)
