from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from localcloud import LocalCloudConfig, LocalCloudThread


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloudThread]:
    with LocalCloudThread(LocalCloudConfig(data_dir=tmp_path / "data")) as running:
        yield running


@pytest.fixture
def client(cloud: LocalCloudThread) -> Iterator[storage.Client]:
    endpoint = cloud.environment()["STORAGE_EMULATOR_HOST"]
    made = storage.Client(project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})
    yield made
    made.close()


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    return client.create_bucket("flights")
