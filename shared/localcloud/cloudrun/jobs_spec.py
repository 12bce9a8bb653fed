"""What a job is, and what is known of its executions. A job's execution has one task here."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """One Cloud Run job, as `gcloud run jobs create` would be told, with a command in place of an image."""

    name: str
    location: str
    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path()
    timeout: timedelta = timedelta(minutes=10)
    """How long one attempt may take before it gets SIGTERM, and SIGKILL ten seconds later."""
    max_retries: int = 0


class ExecutionState(StrEnum):
    PENDING = "pending"
    """Waits for room. The jobs' own loop starts it."""
    RUNNING = "running"
    """The end of its process ends it."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in (ExecutionState.SUCCEEDED, ExecutionState.FAILED, ExecutionState.CANCELLED)


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What one execution has otherwise than its job."""

    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One execution, as it is kept over restarts."""

    id: str
    job: str
    location: str
    overrides: Overrides
    state: ExecutionState = ExecutionState.PENDING
    attempt: int = 0
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    message: str = ""
    log: str = ""
    """The file that its process writes to."""

    def encoded(self) -> str:
        return json.dumps(asdict(self), default=lambda instant: instant.isoformat())

    @classmethod
    def decoded(cls, text: str) -> "Execution":
        fields = json.loads(text)
        for name in ("created_at", "started_at", "ended_at"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        args = fields["overrides"]["args"]
        overrides = Overrides(**{**fields["overrides"], "args": None if args is None else tuple(args)})
        return cls(**{**fields, "state": ExecutionState(fields["state"]), "overrides": overrides})
