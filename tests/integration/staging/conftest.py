"""Staged functions, built and running as on Google Cloud, over a local cloud that knows nothing of them."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from function_container import PATIENCE_SECONDS, Container, build
from staged_deployment import DAGS, DESIGN, FUNCTIONS, INDEXES, PROJECT, QUEUES, Deployment, Staged

from localcloud import BucketNotification, EventType, LocalCloudConfig, LocalCloudThread
from sailplane.deploy import compute
from sailplane.deploy.requirements_file import read_requirements
from sailplane.deploy.resource import Resource
from sailplane.deploy.staging import IMAGE, stage
from sailplane.standalone import messaging


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any], str], Any]:
    """The first true answer of a probe."""

    def wait(probe: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = probe()
            if answer:
                return answer
            time.sleep(0.1)
        raise AssertionError(f"gave up waiting until {what}")

    return wait


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """Two environments are built: the worker has the packages of the DAGs, the others are built from equal files."""
    root = tmp_path_factory.mktemp("staged")
    extra = {"worker": read_requirements(DAGS / "requirements.txt")}
    folders = {function: root / function for function in FUNCTIONS}
    for function, folder in folders.items():
        stage(function, folder, extra_requirements=extra.get(function, ()))
    plain = build(folders["tick"], root / "venv")
    worker = build(folders["worker"], root / "venv-worker")
    return Staged(folders=folders, commands=dict.fromkeys(FUNCTIONS, plain) | {"worker": worker})


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Where the commands are in an image of a job queue or a pull queue: it is built from the like of a function."""
    stage(IMAGE, tmp_path / "image", extra_requirements=read_requirements(DAGS / "requirements.txt"))
    return build(tmp_path / "image", tmp_path / "venv")


def _container(staged: Staged, resource: Resource, cloud: Mapping[str, str]) -> Container:
    """An instance of a function of the deployment."""
    function = str(resource.settings["entry_point"])
    told: Any = resource.settings["env"]
    source = staged.folders[function]
    return Container(resource.name, source, staged.commands[function], target=function, environment={**told, **cloud})


@pytest.fixture(scope="session")
def deployment(staged: Staged, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    config = LocalCloudConfig(
        data_dir=tmp_path_factory.mktemp("cloud"),
        project=PROJECT,
        indexes=INDEXES,
        buckets=(DESIGN.bucket,),
        notifications=(
            BucketNotification(
                bucket=DESIGN.bucket,
                topic=DESIGN.topology.topic_path(DESIGN.topology.events_topic),
                event_types=(EventType.FINALIZE,),
            ),
        ),
    )
    containers: dict[str, Container] = {}
    with LocalCloudThread(config) as cloud:
        try:
            for resource in (*compute.receivers(DESIGN), *compute.faces(DESIGN)):
                containers[resource.name] = _container(staged, resource, cloud.environment())
            for container in containers.values():
                container.wait_until_it_listens()
            urls = {name: container.url for name, container in containers.items()}
            asyncio.run(messaging.deploy(cloud.endpoints.pubsub, DESIGN.topology, QUEUES, urls))
            known = {"SAILPLANE_BUCKET": DESIGN.bucket, "SAILPLANE_TOPIC_PREFIX": DESIGN.config.name}
            yield Deployment(cloud=cloud, containers=containers, environment={**known, **cloud.environment()})
        finally:
            for container in containers.values():
                container.kill()
