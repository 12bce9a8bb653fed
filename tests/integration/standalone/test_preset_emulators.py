"""A standalone on emulators elsewhere: what the variables name is used instead of its own part."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from localcloud import LocalCloudThread
from sailplane.cloud.settings import Settings
from sailplane.cloud.wiring import connect

FILES = {
    "FIRESTORE_EMULATOR_HOST": "firestore.sqlite",
    "PUBSUB_EMULATOR_HOST": "pubsub.sqlite",
    "STORAGE_EMULATOR_HOST": "storage",
}
"""What each part keeps its data in, where it is the standalone's own."""
ALL = tuple(FILES)
SENSOR = """
from sailplane import DAG
from sailplane.sensors.gcs import GCSObjectExistenceSensor

with DAG("waiting", schedule=None):
    GCSObjectExistenceSensor(
        task_id="wait", bucket="BUCKET", object="incoming/file", mode="reschedule", poke_interval=3600
    )
"""


def names(own_cloud: LocalCloudThread, *wanted: str) -> dict[str, str]:
    """Variables that lead to some of another local cloud's parts, and to a project and bucket of this test's own."""
    unique = f"preset-{uuid.uuid4().hex[:12]}"
    named = {name: own_cloud.environment()[name] for name in wanted}
    return {**named, "GOOGLE_CLOUD_PROJECT": unique, "SAILPLANE_BUCKET": unique}


@pytest.mark.parametrize(
    "wanted", [ALL, ("PUBSUB_EMULATOR_HOST",), ("FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")]
)
def test_a_run_goes_through_the_emulators_that_are_named(
    start: Callable[..., Any], dags: Path, own_cloud: LocalCloudThread, wanted: tuple[str, ...]
) -> None:
    variables = {**dict.fromkeys(ALL, ""), **names(own_cloud, *wanted)}
    bucket = variables["SAILPLANE_BUCKET"]
    (dags / "waiting.py").write_text(SENSOR.replace("BUCKET", bucket))
    running = start("--no-tick", **variables)
    hello = running.trigger("hello")
    assert running.wait_for_end("hello", hello) == "success"

    waiting = running.trigger("waiting")
    upload(running.environment["STORAGE_EMULATOR_HOST"], bucket)
    if "STORAGE_EMULATOR_HOST" not in wanted or "PUBSUB_EMULATOR_HOST" in wanted:
        # An emulator of Cloud Storage notifies the Pub/Sub that it knows; the sensor's own look is an hour away.
        assert running.wait_for_end("waiting", waiting) == "success"

    assert {name for name, file in FILES.items() if not (running.home / "cloud" / file).exists()} == set(wanted)
    for name in wanted:
        assert running.environment[name] == variables[name]
        assert variables[name].removeprefix("http://") in running.output.read_text()
    if "FIRESTORE_EMULATOR_HOST" in wanted:
        assert runs_on(own_cloud, variables) == {hello, waiting}
    assert running.stop() == 0


def upload(endpoint: str, bucket: str) -> None:
    client = storage.Client(
        project="tests", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint}
    )
    client.bucket(bucket).blob("incoming/file").upload_from_string(b"here")
    client.close()


def runs_on(emulators: LocalCloudThread, variables: dict[str, str]) -> set[str]:
    """The runs that another client of the emulators sees."""
    cloud = connect(Settings.from_mapping({**emulators.environment(), **variables}))
    try:
        return {run.context.run_id for run in cloud.store.runs()}
    finally:
        cloud.close()


def test_without_emulators_the_project_that_the_shell_names_means_nothing(
    start: Callable[..., Any], dags: Path
) -> None:
    variables = {**dict.fromkeys(ALL, ""), "GOOGLE_CLOUD_PROJECT": "production", "SAILPLANE_BUCKET": "production"}
    running = start("--no-tick", **variables)
    assert running.environment["GOOGLE_CLOUD_PROJECT"] == "sailplane-local"
    assert running.environment["SAILPLANE_BUCKET"] == "sailplane"
