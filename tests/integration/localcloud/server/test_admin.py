"""The admin endpoint."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from google.api_core.exceptions import ServiceUnavailable
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from localcloud import LocalCloudConfig, LocalCloudThread


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloudThread]:
    with LocalCloudThread(LocalCloudConfig(data_dir=tmp_path / "data", buckets=("flights",))) as running:
        yield running


@pytest.fixture
def bucket(cloud: LocalCloudThread) -> Iterator[storage.Bucket]:
    options = {"api_endpoint": cloud.environment()["STORAGE_EMULATOR_HOST"]}
    client = storage.Client(project="airport", credentials=AnonymousCredentials(), client_options=options)
    yield client.bucket("flights")
    client.close()


def test_health_tells_where_everything_is(cloud: LocalCloudThread) -> None:
    told = httpx.get(f"{cloud.endpoints.admin}/health").json()
    assert told["status"] == "ok"
    assert told["endpoints"]["firestore"] == cloud.endpoints.firestore


def test_operations_are_counted_until_the_counters_are_reset(cloud: LocalCloudThread, bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string(b"x")
    assert httpx.get(f"{cloud.endpoints.admin}/counters").json()["storage.class_a"] == 1
    httpx.post(f"{cloud.endpoints.admin}/counters/reset")
    assert httpx.get(f"{cloud.endpoints.admin}/counters").json() == {}


def test_a_fault_happens_once_and_is_gone(cloud: LocalCloudThread, bucket: storage.Bucket) -> None:
    fault = {"point": "storage.insert", "kind": "error", "status": "503"}
    assert httpx.post(f"{cloud.endpoints.admin}/faults", json=fault).status_code == 201
    assert [each["point"] for each in httpx.get(f"{cloud.endpoints.admin}/faults").json()] == ["storage.insert"]
    with pytest.raises(ServiceUnavailable):
        bucket.blob("a").upload_from_string(b"x", retry=None)
    bucket.blob("a").upload_from_string(b"x", retry=None)


def test_a_lost_answer_leaves_the_work_done(cloud: LocalCloudThread, bucket: storage.Bucket) -> None:
    httpx.post(
        f"{cloud.endpoints.admin}/faults", json={"point": "storage.insert*", "kind": "lost_answer", "status": "503"}
    )
    with pytest.raises(ServiceUnavailable):
        bucket.blob("a").upload_from_string(b"x", retry=None)
    assert bucket.blob("a").download_as_bytes() == b"x"


def test_faults_are_refused_when_they_make_no_sense_and_cleared_on_request(cloud: LocalCloudThread) -> None:
    address = f"{cloud.endpoints.admin}/faults"
    assert httpx.post(address, json={"point": "storage.insert", "kind": "no such kind"}).status_code == 400
    httpx.post(address, json={"point": "storage.insert", "kind": "error"})
    httpx.delete(address)
    assert httpx.get(address).json() == []


def test_unknown_functions_are_not_found(cloud: LocalCloudThread) -> None:
    assert httpx.get(f"{cloud.endpoints.admin}/functions/nothing/logs").status_code == 404
    assert httpx.get(f"{cloud.endpoints.admin}/functions").json()["functions"] == {}
