"""Starts everything, serves until told to stop, and stops everything."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sailplane.api.users import Credentials
from sailplane.model.errors import SettingsError
from sailplane.standalone.folder import DagFolder
from sailplane.standalone.home import Home
from sailplane.standalone.preset import Preset
from sailplane.standalone.queues import ServedQueue, default_queue, read_config, served_queues

if TYPE_CHECKING:
    from localcloud import LocalCloud, LocalCloudConfig
    from sailplane.standalone.queue_service import QueueService

Say = Callable[[str], None]
HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to start."""

    home: Path
    dags: Path
    config: Path | None = None
    """None: `sailplane.toml` in the DAG folder, if there is one."""
    port: int = 8080
    tick: bool = True


class Standalone:
    """Everything on one machine, on the running event loop. Use as `async with`."""

    def __init__(self, plan: Plan, environment: Mapping[str, str], say: Say) -> None:
        self.plan = plan
        self.home = Home(plan.home)
        self._outer = environment
        self._say = say
        self._stack = AsyncExitStack()
        self.cloud: LocalCloud
        self._service: QueueService
        self.environment: Mapping[str, str]
        """What leads to this standalone; set once it runs."""

    @property
    def url(self) -> str:
        return self.cloud.endpoints.functions["web"]

    @property
    def credentials(self) -> Credentials:
        return self.home.credentials()

    async def __aenter__(self) -> "Standalone":
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        self._stack.enter_context(self.home.locked())
        self.home.credentials()
        self.plan.dags.mkdir(parents=True, exist_ok=True)
        queues = await self._queues()
        folder = DagFolder(
            self.plan.dags, self._outer, self._say, default_queue(queues).interpreter, on_change=self._follow_config
        )
        self._stack.push_async_callback(folder.stop)
        await folder.prepare()
        await self._start_cloud(queues)
        self.home.note_environment(self.environment)
        await folder.start(self.environment)
        if self.plan.tick:
            self._start_clock()

    def _start_clock(self) -> None:
        """The first tick comes at once: what was under way when this home was last stopped goes on without a wait."""
        from sailplane.standalone import deployment

        job = deployment.clock(self.cloud.endpoints.functions["tick"])
        self.cloud.add_job(job)
        first = asyncio.get_running_loop().create_task(self.cloud.scheduler.run_now(job.name))
        self._stack.callback(first.cancel)

    async def _queues(self) -> list[ServedQueue]:
        """What `sailplane.toml` asks for; packages are installed without holding up the loop."""
        config = read_config(self.plan.dags, self.plan.config)
        return await asyncio.to_thread(served_queues, config, self.plan.dags, self.home, self._say)

    async def _start_cloud(self, queues: Sequence[ServedQueue]) -> None:
        # Imported here: it takes a second, in which the folder's process does its own imports beside it.
        from localcloud import LocalCloud
        from sailplane.standalone import deployment
        from sailplane.standalone.emulators import Emulators, make_bucket
        from sailplane.standalone.queue_service import QueueService

        _check_port(self.plan.port)
        config = self._config(queues)
        self.cloud = LocalCloud(config)
        await self.cloud.start()
        self._stack.push_async_callback(self.cloud.stop)
        preset = Preset.from_mapping(self._outer)
        self.environment = {
            **self.cloud.environment(),
            **deployment.function_environment(self.home, self._outer),
            "SAILPLANE_URL": self.url,
        }
        if preset.external.storage:
            await asyncio.to_thread(make_bucket, Emulators.named_in(self.environment), self._say)
        logs = self.home.function_logs
        self._service = QueueService(self.cloud, config, preset.topology, logs, self._say)
        self._stack.push_async_callback(self._service.stop)
        await self._service.connect(queues, {**self._outer, **self.environment})

    def _config(self, queues: Sequence[ServedQueue]) -> "LocalCloudConfig":
        from sailplane.standalone import deployment

        return deployment.config(self.home, port=self.plan.port, environment=self._outer, queues=queues)

    async def _follow_config(self) -> str | None:
        """Serve the queues as `sailplane.toml` and requirements say now; the interpreter that DAG files need then."""
        try:
            queues = await self._queues()
        except SettingsError as error:
            self._say(f"The queues stay as they were: {error}")
            return None
        if not self._service.is_served(queues):
            await self._service.change(self._config(queues))
            await self._service.connect(queues, {**self._outer, **self.environment})
            self._say("The queues and their packages are as the files say now")
        return default_queue(queues).interpreter

    def introduce(self) -> None:
        """Say where everything is."""
        credentials = self.credentials
        for line in Preset.from_mapping(self._outer).lines():
            self._say(line)
        self._say(f"Sailplane runs at {self.url}")
        self._say(f"  login    {credentials.username} / {credentials.password}")
        self._say(f"  DAGs     {self.plan.dags}")
        self._say(f"  logs     gs://{self.environment['SAILPLANE_BUCKET']}/logs (of tasks)")
        self._say(f"           {self.home.function_logs} (of functions)")
        self._say("Stop it with Ctrl-C.")


def _check_port(port: int) -> None:
    """Raises `SettingsError` when the port is taken, before anything is started that would have to be stopped again."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {HOST}:{port}: {error.strerror}; choose another port with --port"
            ) from error


async def run(standalone: Standalone, then: Callable[[Standalone], Awaitable[bool]]) -> bool:
    """Start it, do `then`, and go on until SIGINT or SIGTERM when that says so; whether `then` was cut short."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    work = loop.create_task(_work(standalone, then, told))
    waiting = loop.create_task(told.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        work.cancel()
    waiting.cancel()
    (result, _told) = await asyncio.gather(work, waiting, return_exceptions=True)
    if isinstance(result, asyncio.CancelledError):
        return True
    if isinstance(result, BaseException):
        raise result
    return False


async def _work(standalone: Standalone, then: Callable[[Standalone], Awaitable[bool]], told: asyncio.Event) -> None:
    async with standalone:
        if await then(standalone):
            await told.wait()


def serve(plan: Plan, environment: Mapping[str, str], say: Say) -> None:
    """Serve until SIGINT or SIGTERM. Raises `SettingsError` when it cannot start."""

    async def introduce(standalone: Standalone) -> bool:
        standalone.introduce()
        return True

    asyncio.run(run(Standalone(plan, environment, say), introduce))
