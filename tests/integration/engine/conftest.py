"""The local cloud for the engine's tests, and a stage of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_stage import INDEXES, Stage

from localcloud import LocalCloudConfig, LocalCloudThread


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudThread]:
    config = LocalCloudConfig(
        data_dir=tmp_path_factory.mktemp("localcloud"), buckets=("engine-tests",), indexes=INDEXES
    )
    with LocalCloudThread(config) as thread:
        yield thread


@pytest.fixture
def stage(local: LocalCloudThread, tmp_path: Path) -> Iterator[Stage]:
    local.cloud.faults.clear()
    made = Stage(local, tmp_path)
    yield made
    local.cloud.faults.clear()
    made.close()
