"""A local cloud in a thread of this process, for tests and in-process use."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from localcloud.cloudrun.spec import FunctionSpec
from localcloud.cloudrun.zygote import ForkedZygote
from localcloud.config import Endpoints, LocalCloudConfig
from localcloud.scheduler import SchedulerJob
from localcloud.server import LocalCloud

T = TypeVar("T")


class LocalCloudThread:
    """`with LocalCloudThread(config) as cloud:` runs a local cloud beside the caller."""

    def __init__(self, config: LocalCloudConfig, zygote: ForkedZygote | None = None) -> None:
        """`zygote`: see `LocalCloud`."""
        self.config = config
        self._zygote = zygote
        self.cloud: LocalCloud
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="localcloud", daemon=True)

    def start(self) -> None:
        """Returns when everything listens; raises what `LocalCloud.start` raises."""
        self._thread.start()
        try:
            self.call(self._start())
        except BaseException:
            self._end_thread()
            raise

    async def _start(self) -> None:
        self.cloud = LocalCloud(self.config, self._zygote)
        await self.cloud.start()

    def stop(self) -> None:
        """Stops functions and servers; returns when nothing of it runs any more."""
        try:
            self.call(self.cloud.stop())
        finally:
            self._end_thread()

    def _end_thread(self) -> None:
        self.call(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the local cloud's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    @property
    def endpoints(self) -> Endpoints:
        return self.cloud.endpoints

    def environment(self) -> dict[str, str]:
        """See `LocalCloud.environment`."""
        return self.cloud.environment()

    def add_function(self, spec: FunctionSpec) -> str:
        """See `LocalCloud.add_function`."""
        return self.call(self.cloud.add_function(spec))

    def add_job(self, job: SchedulerJob) -> None:
        """See `LocalCloud.add_job`."""

        async def add() -> None:
            self.cloud.add_job(job)

        self.call(add())

    def __enter__(self) -> "LocalCloudThread":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
