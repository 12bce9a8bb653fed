"""What every handler is given besides its arguments."""

from collections.abc import Callable
from dataclasses import dataclass

from sailplane.api.backend import Backend
from sailplane.api.http import HttpError, Request
from sailplane.api.users import User
from sailplane.model.dags import SerializedDag
from sailplane.model.ids import RunKey
from sailplane.model.runs import DagRecord, DagRun

ANY = "~"
"""Stands for all DAGs in a path."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request on its way to its handler."""

    backend: Backend
    request: Request
    user: User
    log_in: Callable[[str, str], str]
    """A name and a password to a bearer token. Raises `HttpError` 401."""

    def dag(self, dag_id: str) -> DagRecord:
        """Raises `HttpError` 404."""
        record = self.backend.dag(dag_id)
        if record is None:
            raise HttpError(404, f"The Dag with ID: `{dag_id}` was not found")
        return record

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Raises `HttpError` 404."""
        run = self.backend.run(RunKey(dag_id, run_id))
        if run is None:
            raise HttpError(404, f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found")
        return run

    def newest(self, record: DagRecord) -> SerializedDag:
        return self.backend.version(record.dag_id, record.version)

    def version_of(self, run: DagRun) -> SerializedDag:
        return self.backend.version(run.context.dag_id, run.context.version)
