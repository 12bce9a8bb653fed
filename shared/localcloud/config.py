"""What a local cloud is made with, and where its parts are once it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.cloudrun.jobs_spec import JobSpec
from localcloud.cloudrun.spec import FunctionSpec
from localcloud.scheduler import SchedulerJob
from localcloud.storage.notifications import BucketNotification

DEFAULT_PROJECT = "local-project"


@dataclass(frozen=True, kw_only=True)
class External:
    """Emulators elsewhere, as `host:port`: each is used instead of the own part, which then is not there."""

    firestore: str | None = None
    pubsub: str | None = None
    """It pushes to functions over HTTP, so it must reach `host`."""
    storage: str | None = None
    """Buckets and notifications of the configuration are not made on it."""


@dataclass(frozen=True, kw_only=True)
class LocalCloudConfig:
    """A port of 0 means: the one used last time with this data directory, if free, else any free one."""

    data_dir: Path
    host: str = "127.0.0.1"
    project: str = DEFAULT_PROJECT
    firestore_port: int = 0
    pubsub_port: int = 0
    storage_port: int = 0
    admin_port: int = 0
    run_port: int = 0
    indexes: Path | None = None
    """A `firestore.indexes.json`: queries that need an index it does not declare are refused."""
    buckets: tuple[str, ...] = ()
    """Made at the start where they do not exist."""
    notifications: tuple[BucketNotification, ...] = ()
    """Bucket notifications made at the start where they do not exist."""
    functions: tuple[FunctionSpec, ...] = ()
    jobs: tuple[SchedulerJob, ...] = ()
    run_jobs: tuple[JobSpec, ...] = ()
    """Cloud Run jobs."""
    external: External = field(default_factory=External)
    max_executions: int = 8
    """Executions of Cloud Run jobs that run side by side; others wait."""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where everything listens: `host:port`, and URLs where it says so."""

    firestore: str
    pubsub: str
    storage: str
    admin: str
    """A URL without a slash at its end."""
    run: str
    """Cloud Run's Admin API, for jobs."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """Function name to URL."""
