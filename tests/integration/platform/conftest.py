"""A local cloud with Sailplane's functions, for tests that do to them what a platform does."""

from collections.abc import Iterator

import pytest
from platform_stage import BUCKET, PROJECT, ROOT, Stage

from localcloud import LocalCloudConfig, LocalCloudThread


@pytest.fixture(scope="session")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("platform")
    config = LocalCloudConfig(
        data_dir=folder / "cloud",
        project=PROJECT,
        buckets=(BUCKET,),
        indexes=ROOT / "infra" / "firestore.indexes.json",
    )
    with LocalCloudThread(config) as local:
        made = Stage(local, folder)
        yield made
        made.close()


@pytest.fixture
def stage(shared_stage: Stage) -> Stage:
    """The functions as every test finds them; one that needs other settings deploys anew."""
    shared_stage.deploy("worker")
    return shared_stage
