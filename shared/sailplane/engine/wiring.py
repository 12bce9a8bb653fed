"""Makes what the functions need, once per instance, from the environment they run in."""

import os
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from sailplane.cloud.settings import Settings
from sailplane.cloud.wiring import Cloud, connect
from sailplane.model.dags import DEFAULT_QUEUE

if TYPE_CHECKING:
    from sailplane.engine.worker import Worker

Made = TypeVar("Made")


class Once(Generic[Made]):
    """A value made at its first use, once, whichever thread comes first."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[Made] = []

    @property
    def is_wanted(self) -> bool:
        """Whether it was made, or is being made."""
        return bool(self._made) or self._lock.locked()

    def __call__(self) -> Made:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]


def cloud_from(environment: Mapping[str, str]) -> Cloud:
    return connect(Settings.from_mapping(environment))


def worker_from(environment: Mapping[str, str]) -> "Worker":
    """The worker of the queue that `SAILPLANE_QUEUE` names."""
    return make_worker(cloud_from(environment), environment)


def leave(worker: "Once[Worker]", within: timedelta) -> None:
    """Have a worker hand back what it has in hand, and stop what it started, if there is one."""
    if worker.is_wanted:
        worker().hand_back(within)
        worker().close()


def make_worker(cloud: Cloud, environment: Mapping[str, str]) -> "Worker":
    # The other functions come here too, and start sooner without these.
    from sailplane.engine.values import Values, places_of
    from sailplane.engine.worker import Worker
    from sailplane.runner.config import RunnerConfig
    from sailplane.runner.pool import Runner

    settings = cloud.settings
    config = RunnerConfig(
        slots=settings.worker_concurrency,
        fresh_process=settings.fresh_process,
        import_timeout=settings.import_timeout,
        env=settings.environment,
    )
    name = f"{_place(environment)}-{os.getpid()}"
    queue = environment.get("SAILPLANE_QUEUE", DEFAULT_QUEUE)
    values = Values(places_of(settings, cloud.store), cloud.store)
    return Worker(cloud, Runner(config, values), cloud.clock, name=name, queue=queue)


def _place(environment: Mapping[str, str]) -> str:
    """Where a worker runs: a revision of a function, an execution of a job, a pod or machine that says its name."""
    return next(filter(None, map(environment.get, ("K_REVISION", "CLOUD_RUN_EXECUTION", "HOSTNAME"))), "worker")
