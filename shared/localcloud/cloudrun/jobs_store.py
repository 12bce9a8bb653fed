"""The executions of all jobs, on disk."""

import sqlite3
from pathlib import Path

from localcloud.cloudrun.jobs_spec import Execution

MOST_KEPT = 1000
"""Executions that are over and kept for each job, as on Cloud Run."""


class ExecutionStore:
    """Every change is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS executions"
            " (number INTEGER PRIMARY KEY, id TEXT UNIQUE, job TEXT, is_over INTEGER, record TEXT)"
        )

    def put(self, execution: Execution) -> None:
        """Write `execution` in place of an earlier state of it."""
        fields = (execution.id, execution.job, execution.state.is_over, execution.encoded())
        self._database.execute(
            "INSERT INTO executions (id, job, is_over, record) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET is_over = excluded.is_over, record = excluded.record",
            fields,
        )
        if execution.state.is_over:
            self._drop_oldest(execution.job)

    def get(self, execution_id: str) -> Execution | None:
        row = self._database.execute("SELECT record FROM executions WHERE id = ?", (execution_id,)).fetchone()
        return Execution.decoded(row[0]) if row else None

    def delete(self, execution_id: str) -> None:
        self._database.execute("DELETE FROM executions WHERE id = ?", (execution_id,))

    def of(self, job: str) -> list[Execution]:
        """Newest first."""
        rows = self._database.execute("SELECT record FROM executions WHERE job = ? ORDER BY number DESC", (job,))
        return [Execution.decoded(record) for (record,) in rows]

    def unfinished(self) -> list[Execution]:
        """Oldest first."""
        rows = self._database.execute("SELECT record FROM executions WHERE is_over = 0 ORDER BY number")
        return [Execution.decoded(record) for (record,) in rows]

    def close(self) -> None:
        self._database.close()

    def _drop_oldest(self, job: str) -> None:
        self._database.execute(
            "DELETE FROM executions WHERE number IN (SELECT number FROM executions WHERE job = ? AND is_over = 1"
            " ORDER BY number DESC LIMIT -1 OFFSET ?)",
            (job, MOST_KEPT),
        )
