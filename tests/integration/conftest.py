"""The emulators that tests run against: those that the variables name, or a local cloud of the session's own."""

import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from localcloud import LocalCloudConfig, LocalCloudThread

INDEXES = Path(__file__).parents[2] / "infra" / "firestore.indexes.json"
VARIABLES = ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")


@pytest.fixture(scope="session")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudThread]:
    """A local cloud in this process, for tests of what only it has: faults on demand, and counters."""
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("localcloud"), indexes=INDEXES)
    with LocalCloudThread(config) as thread:
        yield thread


@pytest.fixture(scope="session")
def emulators(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """The variables that lead to the emulators. What none of them names is the local cloud's."""
    named = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    if len(named) == len(VARIABLES):
        return named
    own: LocalCloudThread = request.getfixturevalue("own_cloud")
    return {name: own.environment()[name] for name in VARIABLES} | named


@pytest.fixture(scope="session")
def bucket_name(emulators: Mapping[str, str]) -> str:
    """The name of a bucket on the emulators that no other session uses."""
    return make_bucket(emulators)


@pytest.fixture(scope="session")
def own_bucket_name(own_cloud: LocalCloudThread) -> str:
    """The same on the session's own local cloud."""
    return make_bucket(own_cloud.environment())


def make_bucket(environment: Mapping[str, str]) -> str:
    endpoint = environment["STORAGE_EMULATOR_HOST"]
    client = storage.Client(
        project="tests", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint}
    )
    try:
        name: str = client.create_bucket(f"sailplane-{uuid.uuid4().hex[:12]}").name
    finally:
        client.close()
    return name
