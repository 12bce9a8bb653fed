"""The GCS hook and sensor against a real bucket."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sailplane.authoring.dag import DAG
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.gcs import GCSHook
from sailplane.sensors.gcs import GCSObjectExistenceSensor


@pytest.fixture
def hook(emulators: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[GCSHook]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulators["STORAGE_EMULATOR_HOST"])
    made = GCSHook()
    if not made.client.lookup_bucket("flights"):
        made.client.create_bucket("flights")
    for name in made.list("flights"):
        made.delete("flights", name)
    yield made
    made.client.close()


@pytest.mark.parametrize("data", [b"\x00\xff", b"", "héllo"])
def test_what_is_uploaded_comes_back(hook: GCSHook, data: str | bytes) -> None:
    hook.upload("flights", "a/b.txt", data=data)
    assert hook.download("flights", "a/b.txt") == (data.encode() if isinstance(data, str) else data)


def test_files_go_up_and_down(hook: GCSHook, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(b"content")
    hook.upload("flights", "file", filename=tmp_path / "up")
    assert hook.download("flights", "file", str(tmp_path / "down")) == str(tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"content"


def test_objects_are_listed_by_prefix_and_deleted_twice_without_harm(hook: GCSHook) -> None:
    for name in ("a/1", "a/2", "b/1"):
        hook.upload("flights", name, data="x")
    assert hook.list("flights", "a/") == ["a/1", "a/2"]
    hook.delete("flights", "a/1")
    hook.delete("flights", "a/1")
    assert hook.list("flights") == ["a/2", "b/1"]


def test_an_object_that_is_not_there_is_named(hook: GCSHook) -> None:
    assert hook.exists("flights", "none") is False
    with pytest.raises(AirflowException, match="there is no object gs://flights/none"):
        hook.download("flights", "none")


def test_an_upload_needs_exactly_one_source(hook: GCSHook) -> None:
    with pytest.raises(ValueError, match="needs either filename or data"):
        hook.upload("flights", "x")


def test_a_sensor_sees_an_object_once_it_is_there(hook: GCSHook) -> None:
    sensor = GCSObjectExistenceSensor(task_id="s", bucket="flights", object="late", dag=DAG("x"))
    assert sensor.poke({}) is False
    hook.upload("flights", "late", data="x")
    assert sensor.poke({}) is True
