from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from localcloud import FunctionSpec, LocalCloudConfig, LocalCloudThread
from localcloud.cloudrun.service import Service

SOURCE = Path(__file__).parent / "function_under_test.py"
PRELOAD = ("flask",)
_names = (f"function-{number}" for number in count())


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudThread]:
    with LocalCloudThread(LocalCloudConfig(data_dir=tmp_path_factory.mktemp("data"))) as running:
        yield running


class Deployed:
    """A function of one test."""

    def __init__(self, cloud: LocalCloudThread, spec: FunctionSpec) -> None:
        self.cloud = cloud
        self.name = spec.name
        self.url = cloud.add_function(spec)

    @property
    def service(self) -> Service:
        return self.cloud.cloud.cloud_run.services[self.name]

    def pids(self) -> list[int]:
        return [instance.pid for instance in self.service.instances if instance.pid is not None]


@pytest.fixture
def deploy(cloud: LocalCloudThread) -> Iterator[Callable[..., Deployed]]:
    made = []

    def deploy_one(target: str, **fields: Any) -> Deployed:
        fields = {"name": next(_names), "source": SOURCE, "preload": PRELOAD, **fields}
        function = Deployed(cloud, FunctionSpec(target=target, **fields))
        made.append(function)
        return function

    yield deploy_one
    for function in made:
        cloud.call(cloud.cloud.cloud_run.remove(function.name))
