"""`Design`: what the resources of a deployment are decided from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sailplane.deploy.config import DeploymentConfig, Function, QueueConfig, QueueKind, secret_name
from sailplane.deploy.resource import Place
from sailplane.deploy.runtimes import Runtime
from sailplane.deploy.topology import Topology


@dataclass(frozen=True, kw_only=True)
class Design:
    """A configuration, and the place it is for."""

    config: DeploymentConfig
    place: Place
    indexes: Mapping[str, Sequence[Mapping[str, Any]]]
    """The content of `infra/firestore.indexes.json`."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The files of `infra/monitoring`, by name."""
    runtime: Runtime = Runtime.PYTHON313
    sources: Mapping[str, str] = field(default_factory=dict)
    """Hash of the staged source of each function and image, by name: a change of it is a change of the resource."""

    @property
    def topology(self) -> Topology:
        return Topology(project=self.place.project, name=self.config.name)

    @property
    def bucket(self) -> str:
        return self.config.bucket_of(self.place.project)

    def queues(self, kind: QueueKind) -> tuple[QueueConfig, ...]:
        return tuple(queue for queue in self.config.queues.values() if queue.kind is kind)

    def worker_email(self, queue: QueueConfig) -> str:
        """Whom the tasks of a queue run as."""
        return queue.service_account or self.topology.account_email("worker")

    def function_email(self, function: Function) -> str:
        return self.topology.account_email(function)

    def secret_readers(self) -> Mapping[str, tuple[str, ...]]:
        """Which members read each secret, both sorted."""
        readers: dict[str, set[str]] = {}
        worker = self.config.functions[Function.WORKER]
        owners = [
            *((one.secrets, self.function_email(function)) for function, one in self.config.functions.items()),
            *((queue.secrets, self.worker_email(queue)) for queue in self.config.queues.values()),
            # The function of a queue is given the worker's secrets too, and acts as the queue's account.
            *((worker.secrets, self.worker_email(queue)) for queue in self.queues(QueueKind.FUNCTION)),
        ]
        for secrets, email in owners:
            for reference in secrets.values():
                readers.setdefault(secret_name(reference), set()).add(f"serviceAccount:{email}")
        return {secret: tuple(sorted(readers[secret])) for secret in sorted(readers)}
