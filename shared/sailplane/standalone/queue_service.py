"""Serving queues on the local cloud, and serving them otherwise when `sailplane.toml` or its packages change."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localcloud import FunctionSpec, JobSpec, LocalCloud, LocalCloudConfig
from sailplane.deploy.config import QueueKind
from sailplane.deploy.topology import Topology
from sailplane.standalone import deployment, messaging
from sailplane.standalone.pull_workers import PullWorker, PullWorkers
from sailplane.standalone.queues import ServedQueue, pull_command, pull_environment


class QueueService:
    """What serves the queues beside the functions that always run. Use it on the event loop."""

    def __init__(
        self, cloud: LocalCloud, deployed: LocalCloudConfig, topology: Topology, logs: Path, say: Callable[[str], None]
    ) -> None:
        """`deployed`: what `cloud` was made with."""
        self._cloud = cloud
        self._topology = topology
        self._functions = {spec.name: spec for spec in deployed.functions}
        self._jobs = {spec.name: spec for spec in deployed.run_jobs}
        self._workers = PullWorkers(logs, say)
        self._queues: list[ServedQueue] = []

    def is_served(self, queues: Sequence[ServedQueue]) -> bool:
        """Whether `queues` are what is served already."""
        return self._queues == list(queues)

    async def connect(self, queues: Sequence[ServedQueue], environment: Mapping[str, str]) -> None:
        """Set up topics and subscriptions, and keep pull workers running; `environment` is every worker's."""
        urls = deployment.function_urls(self._cloud.endpoints.functions)
        served = [(queue.name, queue.kind) for queue in queues]
        await messaging.deploy(self._cloud.endpoints.pubsub, self._topology, served, urls)
        await self._workers.keep(
            PullWorker(queue=queue.name, command=pull_command(queue), environment=pull_environment(queue, environment))
            for queue in queues
            if queue.kind is QueueKind.PULL
        )
        self._queues = list(queues)

    async def change(self, wanted: LocalCloudConfig) -> None:
        """Deploy the functions and jobs of `wanted`, and remove others. What is as it was goes on undisturbed."""
        await self._change_functions({spec.name: spec for spec in wanted.functions})
        self._change_jobs({spec.name: spec for spec in wanted.run_jobs})

    async def stop(self) -> None:
        """Stop the pull workers; all else is the local cloud's."""
        await self._workers.keep(())

    async def _change_functions(self, wanted: dict[str, FunctionSpec]) -> None:
        for name in self._functions.keys() - wanted.keys():
            await self._cloud.remove_function(name)
        for name, spec in wanted.items():
            if self._functions.get(name) != spec:
                await self._cloud.add_function(spec)
        self._functions = wanted

    def _change_jobs(self, wanted: dict[str, JobSpec]) -> None:
        for name in self._jobs.keys() - wanted.keys():
            self._cloud.run_jobs.remove(name)
        for spec in wanted.values():
            self._cloud.add_run_job(spec)
        self._jobs = wanted
