"""Buckets made like others, and uploads waited for, on a real bucket."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sailplane import DAG, GCSHook, GCSSynchronizeBucketsOperator, GCSUploadSessionCompleteSensor
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.gcs_sync import SyncPlan, plan

HERE, THERE = (f"{name}-{uuid.uuid4().hex[:10]}" for name in ("here", "there"))


@pytest.fixture(autouse=True)
def hook(emulators: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[GCSHook]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulators["STORAGE_EMULATOR_HOST"])
    made = GCSHook()
    for bucket in (HERE, THERE):
        made.delete_bucket(bucket, force=True)
        made.create_bucket(bucket)
    for name in ("in/a", "in/b", "in/deep/c", "other"):
        made.upload(HERE, name, data=name)
    made.upload(THERE, "out/b", data="changed")
    made.upload(THERE, "out/extra", data="extra")
    yield made
    made.client.close()


def synchronize(**arguments: Any) -> None:
    with DAG("x"):
        task = GCSSynchronizeBucketsOperator(
            task_id="t", source_bucket=HERE, destination_bucket=THERE, **{"source_object": "in", **arguments}
        )
    task.execute({})
    task.hook.client.close()


def contents(hook: GCSHook) -> dict[str, bytes]:
    return {name: hook.download_as_byte_array(THERE, name) for name in hook.list(THERE)}


def test_what_is_missing_is_copied_and_all_else_left_alone(hook: GCSHook) -> None:
    synchronize(destination_object="out")
    assert contents(hook) == {
        "out/a": b"in/a",
        "out/b": b"changed",
        "out/deep/c": b"in/deep/c",
        "out/extra": b"extra",
    }


def test_a_folder_is_made_like_another_if_asked_for(hook: GCSHook) -> None:
    synchronize(destination_object="out/", allow_overwrite=True, delete_extra_files=True, recursive=False)
    assert contents(hook) == {"out/a": b"in/a", "out/b": b"in/b"}


def test_whole_buckets_are_made_alike(hook: GCSHook) -> None:
    hook.sync(HERE, THERE, delete_extra_files=True)
    assert hook.list(THERE) == hook.list(HERE)


def test_the_plan_says_what_differs() -> None:
    assert plan({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5}) == SyncPlan(
        to_copy=("a",), to_rewrite=("c",), to_delete=("d",)
    )


def sensor(**arguments: Any) -> GCSUploadSessionCompleteSensor:
    with DAG("x"):
        return GCSUploadSessionCompleteSensor(task_id="s", bucket=HERE, **{"prefix": "in/", **arguments})


def test_an_upload_is_complete_when_nothing_comes_any_more(hook: GCSHook) -> None:
    assert not sensor().poke({})
    assert not sensor(min_objects=4, inactivity_period=0).poke({})
    assert not sensor(prefix="none", inactivity_period=0).poke({})
    done = sensor(inactivity_period=0, min_objects=3).poke({})
    assert (bool(done), done.xcom_value) == (True, ["in/a", "in/b", "in/deep/c"])


def test_an_object_that_is_deleted_meanwhile_is_an_error_if_asked_for(hook: GCSHook) -> None:
    gone = {"previous_objects": {"in/a", "in/gone"}, "inactivity_period": 0}
    assert sensor(**gone).poke({})
    with pytest.raises(AirflowException, match="/in/gone was deleted while its upload was waited for"):
        sensor(**gone, allow_delete=False).poke({})
