"""What a run in this process is given instead of a deployment."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sailplane.authoring.connection import Connection
from sailplane.authoring.xcom_arg import XCOM_RETURN_KEY
from sailplane.model import xcom
from sailplane.model.ids import UNMAPPED, TaskKey

XComs = Mapping[str | tuple[str, str], Any]
"""task_id, or (task_id, key), -> value; of a mapped task, the list of what its instances pushed."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the tasks of one run find there."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    """key -> text; any other value is given to the tasks as JSON."""
    connections: Mapping[str, Any] = field(default_factory=dict)
    """conn_id -> URI, JSON text, dict of the Connection's fields, or a `Connection`."""
    xcoms: XComs = field(default_factory=dict)
    """Results of tasks that do not run: they end with success and these values."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """task_id -> what a person answers: an option, several, or a dict with `chosen_options` and `params_input`."""
    asset_events: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Name of an asset -> the `extra` of each event of it that started the run."""
    conf: Mapping[str, Any] = field(default_factory=dict)
    logical_date: datetime | None = None
    run_after: datetime | None = None
    run_id: str | None = None
    mark_success: re.Pattern[str] | None = None
    """Tasks whose whole task_id matches do not run and end with success."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where Variables and Connections are looked for that are not given: `AIRFLOW_VAR_...`, `AIRFLOW_CONN_...`."""

    def spares(self, task_id: str) -> bool:
        """True when the task does not run, because its end is given."""
        if self.mark_success is not None and self.mark_success.fullmatch(task_id):
            return True
        return any(_task_of(name) == task_id for name in self.xcoms)

    def xcoms_of(self, key: TaskKey) -> dict[str, str]:
        """key -> envelope: what the task instance has pushed, of one that does not run."""
        found: dict[str, str] = {}
        for name, value in self.xcoms.items():
            if _task_of(name) == key.task_id:
                found.update(_instance_value(name, value, key))
        return found

    def items_of(self, task_id: str, key: str) -> list[str]:
        """Envelopes of what the instances of a mapped task pushed under `key`."""
        given = self.xcoms.get(task_id if key == XCOM_RETURN_KEY else (task_id, key), ())
        return [xcom.dumps(item) for item in given]

    def variable(self, key: str) -> str | None:
        if key in self.variables:
            value = self.variables[key]
            return value if isinstance(value, str) else json.dumps(value)
        return self.environment.get(f"AIRFLOW_VAR_{key.upper()}")

    def connection(self, conn_id: str) -> str | None:
        if conn_id in self.connections:
            return _connection_text(conn_id, self.connections[conn_id])
        return self.environment.get(f"AIRFLOW_CONN_{conn_id.upper()}")


def moment(value: datetime | str | None) -> datetime | None:
    """A date as tests write it: a datetime, or ISO text; UTC when it names no zone. Raises `ValueError`."""
    if value is None:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _task_of(name: str | tuple[str, str]) -> str:
    return name if isinstance(name, str) else name[0]


def _instance_value(name: str | tuple[str, str], value: Any, key: TaskKey) -> dict[str, str]:
    xcom_key = XCOM_RETURN_KEY if isinstance(name, str) else name[1]
    if key.map_index == UNMAPPED:
        return {} if value is None else {xcom_key: xcom.dumps(value, key=xcom_key, where=f"task {key}")}
    if key.map_index >= len(value):
        return {}
    return {xcom_key: xcom.dumps(value[key.map_index], key=xcom_key, where=f"task {key}")}


def _connection_text(conn_id: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    if isinstance(value, Connection):
        return value.get_uri()
    raise TypeError(
        f"the Connection {conn_id!r} must be given as URI, JSON text, dict or Connection, not a {type(value).__name__}"
    )
