"""Processes that die at a chosen moment."""

from dataclasses import replace

from sailplane.cloud.wiring import Cloud
from sailplane.engine.worker import Worker


class Died(BaseException):
    """The process is gone."""


def dying(cloud: Cloud, commits: int) -> Cloud:
    """The cloud of a process that makes `commits` commits and dies before the next."""
    store, left = cloud.store, [commits]

    class Dying:
        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def commit(self, *unit: object) -> object:
            if left[0] == 0:
                raise Died
            left[0] -= 1
            return store.commit(*unit)  # type: ignore[arg-type]

    return replace(cloud, store=Dying())  # type: ignore[arg-type]


def die_after(worker: Worker, commits: int) -> None:
    worker.cloud = dying(worker.cloud, commits)
