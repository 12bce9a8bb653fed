"""How this machine serves the queues of a `sailplane.toml`: functions, executions of jobs and pull workers, which are
all processes. Images, memory, GPUs and secrets are Google Cloud's; here a task has what this machine has."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud import JobSpec
from sailplane.deploy.config import REQUIREMENTS_FILE, DeploymentConfig, QueueConfig, QueueKind, load
from sailplane.deploy.settings_file import settings_file
from sailplane.model.dags import DEFAULT_QUEUE
from sailplane.standalone.environments import python_with
from sailplane.standalone.home import Home

REGION = "local"
"""Where the local cloud's jobs are."""


@dataclass(frozen=True, kw_only=True)
class ServedQueue:
    """A queue, and the interpreter that has what its tasks need."""

    config: QueueConfig
    python: Path | None = None
    """None: the one that runs Sailplane."""

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def kind(self) -> QueueKind:
        return self.config.kind

    @property
    def interpreter(self) -> str:
        return str(self.python or sys.executable)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """What its workers see beside `base`, which is every function's."""
        return {**base, **self.config.env, "SAILPLANE_QUEUE": self.name}


def read_config(dags: Path, given: Path | None) -> DeploymentConfig:
    """The file that was named, else the one in the DAG folder or beside it, else the defaults. Raises
    `SettingsError`."""
    return load(settings_file(given, dags))


def served_queues(config: DeploymentConfig, dags: Path, home: Home, say: Callable[[str], None]) -> list[ServedQueue]:
    """All queues, the default first, their environments made. Raises `SettingsError`. May take minutes."""
    beside = dags / REQUIREMENTS_FILE
    shared = beside if beside.is_file() else None
    pythons: dict[Path, Path] = {}
    served = []
    for queue in config.queues.values():
        requirements = queue.requirements or shared
        if requirements is not None and requirements not in pythons:
            pythons[requirements] = python_with(requirements, home.environments, say)
        served.append(ServedQueue(config=queue, python=pythons[requirements] if requirements is not None else None))
    return served


def default_queue(queues: Sequence[ServedQueue]) -> ServedQueue:
    return next(queue for queue in queues if queue.name == DEFAULT_QUEUE)


def job_spec(queue: ServedQueue, name: str, home: Home, base: Mapping[str, str]) -> JobSpec:
    """The job that runs the tasks of a queue of kind job."""
    seconds = queue.config.timeout.total_seconds()
    return JobSpec(
        name=name,
        location=REGION,
        command=(queue.interpreter, "-m", "sailplane.cli", "run-task"),
        env={**queue.environment(base), "SAILPLANE_REQUEST_LIMIT": str(int(seconds))},
        cwd=home.path,
        timeout=queue.config.timeout,
    )


def pull_command(queue: ServedQueue) -> tuple[str, ...]:
    """What works off a queue of kind pull."""
    return (queue.interpreter, "-m", "sailplane.cli", "worker", "--queue", queue.name)


def pull_environment(queue: ServedQueue, base: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of its process, of which `base` is what it shares with others."""
    return {
        **queue.environment(base),
        "SAILPLANE_REQUEST_LIMIT": str(int(queue.config.timeout.total_seconds())),
        "SAILPLANE_WORKER_CONCURRENCY": str(queue.config.concurrency),
    }
