"""A Google Cloud project that lives in memory, and deployments into it."""

from pathlib import Path

import pytest
from deployer import Deployer
from fake_gcloud.cloud import Cloud, empty


@pytest.fixture
def cloud() -> Cloud:
    """A project in which nobody did anything yet."""
    return Cloud(empty())


@pytest.fixture
def deployer(cloud: Cloud, tmp_path: Path) -> Deployer:
    return Deployer(cloud, tmp_path)
