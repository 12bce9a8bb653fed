"""Operators and sensors on buckets and objects, against a real bucket."""

import gzip
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sailplane import (
    DAG,
    GCSCreateBucketOperator,
    GCSDeleteBucketOperator,
    GCSDeleteObjectsOperator,
    GCSFileTransformOperator,
    GCSHook,
    GCSListObjectsOperator,
    GCSObjectExistenceSensor,
    GCSObjectsWithPrefixExistenceSensor,
    GCSObjectUpdateSensor,
    GCSToGCSOperator,
    GCSToLocalFilesystemOperator,
    LocalFilesystemToGCSOperator,
)
from sailplane.authoring.exceptions import AirflowException

UNIQUE = uuid.uuid4().hex[:12]
FROM, TO, CREATED = f"transfer-from-{UNIQUE}", f"transfer-to-{UNIQUE}", f"created-{UNIQUE}"


@pytest.fixture
def hook(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[GCSHook]:
    """On any emulator of Cloud Storage, or on the local cloud's where the test is marked to need it."""
    if request.node.get_closest_marker("localcloud"):
        variables = request.getfixturevalue("own_cloud").environment()
    else:
        variables = request.getfixturevalue("emulators")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", variables["STORAGE_EMULATOR_HOST"])
    made = GCSHook()
    for bucket in (FROM, TO):
        made.delete_bucket(bucket, force=True)
        made.create_bucket(bucket)
    for name in ("a/1.csv", "a/2.csv", "a/b/3.txt", "c"):
        made.upload(FROM, name, data=name)
    yield made
    made.client.close()


def run(kind: Any, context: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    with DAG("x"):
        return kind(task_id="t", **arguments).execute(context or {})


def test_buckets_are_created_and_deleted_twice_without_harm(hook: GCSHook) -> None:
    for _ in range(2):
        run(GCSCreateBucketOperator, bucket_name=CREATED, location="EU", storage_class="STANDARD", labels={"a": "b"})
    assert hook.client.lookup_bucket(CREATED) is not None
    hook.upload(CREATED, "x", data="x")
    for _ in range(2):
        run(GCSDeleteBucketOperator, bucket_name=CREATED)
    assert hook.client.lookup_bucket(CREATED) is None


@pytest.mark.localcloud  # fake-gcs-server answers 412 to what Google answers 409.
def test_a_bucket_with_objects_is_only_deleted_by_force(hook: GCSHook) -> None:
    with pytest.raises(AirflowException, match=f"{FROM} is not empty; use force=True"):
        run(GCSDeleteBucketOperator, bucket_name=FROM, force=False)


def test_objects_are_listed(hook: GCSHook) -> None:
    assert run(GCSListObjectsOperator, bucket=FROM) == ["a/1.csv", "a/2.csv", "a/b/3.txt", "c"]
    assert run(GCSListObjectsOperator, bucket=FROM, prefix=["c", "a/b"]) == ["c", "a/b/3.txt"]
    assert run(GCSListObjectsOperator, bucket=FROM, delimiter=".csv") == ["a/1.csv", "a/2.csv"]


def test_a_bucket_that_is_not_there_is_named(hook: GCSHook) -> None:
    with pytest.raises(AirflowException, match="there is no bucket gone"):
        run(GCSListObjectsOperator, bucket="gone")


def test_objects_are_deleted_by_name_and_prefix(hook: GCSHook) -> None:
    run(GCSDeleteObjectsOperator, bucket_name=FROM, objects=["c", "not there"])
    run(GCSDeleteObjectsOperator, bucket_name=FROM, prefix="a/b")
    assert hook.list(FROM) == ["a/1.csv", "a/2.csv"]
    with pytest.raises(ValueError, match="needs objects or prefix"):
        run(GCSDeleteObjectsOperator, bucket_name=FROM)


COPIES: list[tuple[dict[str, Any], list[str]]] = [
    ({"source_object": "c"}, ["c"]),
    ({"source_object": "c", "destination_object": "d/e"}, ["d/e"]),
    ({"source_objects": ["c", "a/1.csv"]}, ["a/1.csv", "c"]),
    ({"source_object": "a/*.csv", "destination_object": "z/"}, ["z/1.csv", "z/2.csv"]),
    ({"source_object": "a/", "destination_object": "z/"}, ["z/1.csv", "z/2.csv", "z/b/3.txt"]),
    ({"source_object": "a/", "exact_match": True}, []),
    ({}, ["a/1.csv", "a/2.csv", "a/b/3.txt", "c"]),
    ({"last_modified_time": datetime(2200, 1, 1, tzinfo=UTC)}, []),
    ({"maximum_modified_time": datetime(2200, 1, 1, tzinfo=UTC), "source_object": "c"}, ["c"]),
]


@pytest.mark.parametrize(("arguments", "names"), COPIES, ids=[str(row[0]) for row in COPIES])
@pytest.mark.parametrize("move", [False, True])
def test_objects_are_copied_and_moved(hook: GCSHook, arguments: dict[str, Any], names: list[str], move: bool) -> None:
    run(GCSToGCSOperator, source_bucket=FROM, destination_bucket=TO, move_object=move, **arguments)
    assert hook.list(TO) == names
    assert len(hook.list(FROM)) == 4 - (len(names) if move else 0)
    for name in names:
        assert name.endswith(hook.download(TO, name).decode()[-1:]) or name == "d/e"


def test_a_copy_may_spare_what_is_there_and_ask_for_what_is_not(hook: GCSHook) -> None:
    hook.upload(TO, "c", data="older")
    assert run(GCSToGCSOperator, source_bucket=FROM, source_object="c", destination_bucket=TO, replace=False) == []
    assert hook.download(TO, "c") == b"older"
    with pytest.raises(AirflowException, match=f"there is no object gs://{FROM}/gone"):
        run(GCSToGCSOperator, source_bucket=FROM, source_object="gone", source_object_required=True)


def test_a_copy_to_itself_is_refused(hook: GCSHook) -> None:
    with pytest.raises(ValueError, match=f"gs://{FROM}/c cannot be copied to itself"):
        run(GCSToGCSOperator, source_bucket=FROM, source_object="c")


def test_files_go_up_and_down(hook: GCSHook, tmp_path: Path) -> None:
    for name in ("1.txt", "2.txt"):
        (tmp_path / name).write_text(name)
    many = run(LocalFilesystemToGCSOperator, src=str(tmp_path / "*.txt"), dst="up/", bucket=TO)
    assert many == ["up/1.txt", "up/2.txt"]
    run(LocalFilesystemToGCSOperator, src=str(tmp_path / "1.txt"), dst="one", bucket=TO, gzip=True)
    stored = hook.client.bucket(TO).get_blob("one")
    assert stored.content_encoding == "gzip"
    assert gzip.decompress(stored.download_as_bytes(raw_download=True)) == b"1.txt"
    run(GCSToLocalFilesystemOperator, bucket=TO, object_name="up/2.txt", filename=str(tmp_path / "down"))
    assert (tmp_path / "down").read_text() == "2.txt"


def test_files_that_cannot_go_up_are_named(hook: GCSHook, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file '.*none' to upload"):
        run(LocalFilesystemToGCSOperator, src=str(tmp_path / "none"), dst="x", bucket=TO)
    for name in ("1", "2"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="2 files cannot go to one object 'x'; let dst end in '/'"):
        run(LocalFilesystemToGCSOperator, src=f"{tmp_path}/*", dst="x", bucket=TO)


def test_an_object_is_transformed_by_a_script(hook: GCSHook, tmp_path: Path) -> None:
    script = tmp_path / "upper.py"
    script.write_text("import sys\nopen(sys.argv[2], 'w').write(open(sys.argv[1]).read().upper())\n")
    common = {"source_bucket": FROM, "source_object": "c"}
    run(GCSFileTransformOperator, transform_script=["python", str(script)], destination_object="C", **common)
    assert hook.download(FROM, "C") == b"C"
    with pytest.raises(AirflowException, match="the transform script 'false' exited with code 1"):
        run(GCSFileTransformOperator, transform_script="false", **common)
    with pytest.raises(AirflowException, match="the transform script 'true' wrote nothing"):
        run(GCSFileTransformOperator, transform_script="true", **common)


def test_sensors_see_prefixes_patterns_and_updates(hook: GCSHook) -> None:
    with DAG("x"):
        prefix = GCSObjectsWithPrefixExistenceSensor(task_id="p", bucket=FROM, prefix="a/b")
        none = GCSObjectsWithPrefixExistenceSensor(task_id="n", bucket=FROM, prefix="z")
        update = GCSObjectUpdateSensor(task_id="u", bucket=FROM, object="c")
        late = GCSObjectUpdateSensor(task_id="l", bucket=FROM, object="c", ts_func=lambda _: datetime.now(UTC) + HOUR)
        glob = GCSObjectExistenceSensor(task_id="g", bucket=FROM, object="**/*.csv", use_glob=True)
    found = prefix.poke({})
    assert (bool(found), found.xcom_value) == (True, ["a/b/3.txt"])
    assert not none.poke({})
    assert update.poke({"data_interval_end": datetime(2024, 1, 1, tzinfo=UTC)})
    assert not late.poke({})
    assert update.waits_for == (f"gs://{FROM}/c",)
    assert glob.waits_for == (f"gs://{FROM}/*",)
    assert prefix.waits_for == (f"gs://{FROM}/a/*",)


HOUR = timedelta(hours=1)
