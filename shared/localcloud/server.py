"""The local cloud: all parts in one process, on one event loop."""

import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from http import HTTPStatus

import grpc.aio

from localcloud.admin import Admin
from localcloud.cloudrun.cloudrun import CloudRun
from localcloud.cloudrun.jobs import Jobs
from localcloud.cloudrun.jobs_api import JobsApi
from localcloud.cloudrun.jobs_spec import JobSpec
from localcloud.cloudrun.spec import FunctionSpec
from localcloud.cloudrun.zygote import ForkedZygote
from localcloud.config import Endpoints, External, LocalCloudConfig
from localcloud.counters import Counters
from localcloud.data_dir import locked
from localcloud.external_pubsub import ExternalPubSub
from localcloud.faults import Faults
from localcloud.firestore import SERVER_OPTIONS, FirestoreService
from localcloud.ports import PortBook
from localcloud.pubsub import PubSubError, PubSubService
from localcloud.scheduler import Scheduler, SchedulerJob
from localcloud.storage.notifications import Notice
from localcloud.storage.service import StorageService

_GRPC_GRACE_SECONDS = 1.0
_GRPC_OPTIONS = (
    *SERVER_OPTIONS,
    # Without it a second process could share a port unnoticed and take half of the connections.
    ("grpc.so_reuseport", 0),
)
log = logging.getLogger(__name__)


class LocalCloud:
    """Firestore, Pub/Sub, Cloud Storage, Scheduler and Cloud Run. Make it, `start` it and `stop` it on one loop."""

    endpoints: Endpoints
    """Set by `start`."""
    cloud_run: CloudRun
    run_jobs: Jobs
    scheduler: Scheduler
    firestore: FirestoreService
    """Like the next two, not there when an emulator elsewhere is used instead."""
    pubsub: PubSubService
    storage: StorageService

    def __init__(self, config: LocalCloudConfig, zygote: ForkedZygote | None = None) -> None:
        """`zygote`: one that the program has forked off itself, see `fork_zygote`; it is taken over."""
        self.config = config
        self._zygote = zygote
        self.counters = Counters()
        self.faults = Faults()
        self._ports: PortBook
        self._stopping = AsyncExitStack()

    async def start(self) -> None:
        """Open the data and listen. Raises OSError when a port that was asked for is taken."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        config = self.config
        config.data_dir.mkdir(parents=True, exist_ok=True)
        self._stopping.enter_context(locked(config.data_dir))
        self._ports = PortBook(config.data_dir / "ports.json")
        sockets = self._listen()
        self._make_parts()
        admin, jobs_api = Admin(self), JobsApi(self.run_jobs, self.faults)
        self._stop_in_reverse(admin.close)
        if "storage" in sockets:
            self._stop_in_reverse(self.storage.close)
        if config.external.firestore is None:
            self._stop_in_reverse(self.firestore.close)
        # Filled last, because pushes left over from the last time need the functions; left after the functions.
        grpc_stopping = await self._stopping.enter_async_context(AsyncExitStack())
        self._stop_in_reverse(self.run_jobs.close)
        self._stop_in_reverse(self.cloud_run.close)
        self._stop_in_reverse(self.scheduler.close)
        self._stop_in_reverse(jobs_api.close)
        if "storage" in sockets:
            await self.storage.start(sockets["storage"])
        await self._deploy()
        await self._start_grpc(grpc_stopping)
        await jobs_api.start(sockets["run"])
        self.run_jobs.start()
        await admin.start(sockets["admin"])

    def _listen(self) -> dict[str, socket.socket]:
        """Sets `endpoints`; the sockets of the own parts that take one, by name."""
        config, external = self.config, self.config.external
        wanted = {"admin": config.admin_port, "run": config.run_port}
        if external.storage is None:
            wanted["storage"] = config.storage_port
        sockets = {
            name: self._stopping.enter_context(self._ports.bind(name, config.host, port))
            for name, port in wanted.items()
        }
        addresses = {name: f"{config.host}:{sock.getsockname()[1]}" for name, sock in sockets.items()}
        self.endpoints = Endpoints(
            firestore=external.firestore or self._grpc_address("firestore", config.firestore_port),
            pubsub=external.pubsub or self._grpc_address("pubsub", config.pubsub_port),
            storage=external.storage or addresses["storage"],
            admin=f"http://{addresses['admin']}",
            run=addresses["run"],
        )
        return sockets

    def _grpc_address(self, name: str, port: int) -> str:
        return f"{self.config.host}:{self._ports.pick(name, self.config.host, port)}"

    def _make_parts(self) -> None:
        data_dir = self.config.data_dir
        counters, faults = self.counters, self.faults
        self.cloud_run = CloudRun(
            host=self.config.host,
            data_dir=data_dir,
            env={**os.environ, **self.environment()},
            ports=self._ports,
            zygote=self._zygote,
            counters=counters,
            faults=faults,
        )
        self.run_jobs = Jobs(
            data_dir=data_dir,
            env={**os.environ, **self.environment()},
            counters=counters,
            most_running=self.config.max_executions,
        )
        self._make_google_parts(self.config.external)
        self.scheduler = Scheduler(self._send, data_dir / "scheduler.json", self.counters)

    def _make_google_parts(self, external: External) -> None:
        data_dir = self.config.data_dir
        counters, faults = self.counters, self.faults
        if external.firestore is None:
            self.firestore = FirestoreService(
                data_dir / "firestore.sqlite", indexes=self.config.indexes, counters=counters, faults=faults
            )
        publish = self._publish
        if external.pubsub is None:
            self.pubsub = PubSubService(
                data_dir / "pubsub.sqlite", push=self.cloud_run.push, counters=counters, faults=faults
            )
        else:
            elsewhere = ExternalPubSub(external.pubsub)
            self._stop_in_reverse(elsewhere.close)
            publish = elsewhere.publish
        if external.storage is None:
            self.storage = StorageService(data_dir / "storage", publish=publish, counters=counters, faults=faults)

    async def _start_grpc(self, stopping: AsyncExitStack) -> None:
        external = self.config.external
        server = grpc.aio.server(options=_GRPC_OPTIONS)
        stopping.push_async_callback(server.stop, _GRPC_GRACE_SECONDS)
        if external.firestore is None:
            self.firestore.register(server)
            server.add_insecure_port(self.endpoints.firestore)
        if external.pubsub is None:
            self.pubsub.register(server)
            server.add_insecure_port(self.endpoints.pubsub)
            await self.pubsub.start()
            # Before the server, which waits for the streams that this ends.
            stopping.push_async_callback(self.pubsub.close)
        await server.start()

    async def _deploy(self) -> None:
        if self.config.external.storage is None:
            for bucket in self.config.buckets:
                self.storage.ensure_bucket(bucket)
            for notification in self.config.notifications:
                self.storage.ensure_notification(notification)
        for spec in self.config.functions:
            await self.add_function(spec)
        for job in self.config.jobs:
            self.add_job(job)
        for run_job in self.config.run_jobs:
            self.add_run_job(run_job)

    async def add_function(self, spec: FunctionSpec) -> str:
        """Deploy a function, in place of one of the same name; its URL."""
        url = await self.cloud_run.add(spec)
        self.endpoints = replace(self.endpoints, functions=self.cloud_run.urls)
        return url

    async def remove_function(self, name: str) -> None:
        """Stop serving a function. Unknown names are ignored."""
        await self.cloud_run.remove(name)
        self.endpoints = replace(self.endpoints, functions=self.cloud_run.urls)

    def add_run_job(self, spec: JobSpec) -> None:
        """Add a Cloud Run job, in place of one of the same name."""
        self.run_jobs.add(spec)

    def add_job(self, job: SchedulerJob) -> None:
        """Add a scheduler job, in place of one of the same name."""
        self.scheduler.add(job)

    def environment(self) -> dict[str, str]:
        """The variables by which Google's clients find the local cloud."""
        return {
            "FIRESTORE_EMULATOR_HOST": self.endpoints.firestore,
            "PUBSUB_EMULATOR_HOST": self.endpoints.pubsub,
            "STORAGE_EMULATOR_HOST": f"http://{self.endpoints.storage}",
            "GOOGLE_CLOUD_PROJECT": self.config.project,
            "CLOUD_RUN_EMULATOR_HOST": self.endpoints.run,
            "LOCALCLOUD_ADMIN_URL": self.endpoints.admin,
        }

    async def stop(self) -> None:
        """Stop clock, functions and servers, in this order: a function may use the others to its end."""
        await self._stopping.aclose()

    def _stop_in_reverse(self, close: Callable[[], Awaitable[object]]) -> None:
        self._stopping.push_async_callback(close)

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> int:
        """For the scheduler."""
        try:
            answer = await self.cloud_run.request(method, url, headers=headers, body=body, timeout=timeout)
        except TimeoutError:
            return HTTPStatus.GATEWAY_TIMEOUT
        return answer[0]

    def _publish(self, notice: Notice) -> None:
        try:
            self.pubsub.publish(notice.topic, [notice])
        except PubSubError as error:
            # As in the cloud: a notification whose topic is gone is dropped, and the write it tells of stands.
            log.warning("notification to %s dropped: %s", notice.topic, error)
