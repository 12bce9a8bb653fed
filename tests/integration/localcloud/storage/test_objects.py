"""Objects, through Google's own client."""

import io
import os
from pathlib import Path

import pytest
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.cloud import storage

from localcloud import LocalCloudThread

AWKWARD_CONTENTS = [b"", b"plain", b"\r\n--\r\n", b"ends\r", b"ends\n", b"\r\nstarts", bytes(range(256)) * 40]


@pytest.mark.parametrize("content", AWKWARD_CONTENTS)
def test_what_was_uploaded_comes_back_byte_for_byte(bucket: storage.Bucket, content: bytes) -> None:
    bucket.blob("folder/name with space.bin").upload_from_string(content, content_type="text/csv")
    blob = bucket.get_blob("folder/name with space.bin")
    assert blob is not None
    assert blob.download_as_bytes() == content
    assert (blob.size, blob.content_type, blob.metageneration) == (len(content), "text/csv", 1)


def test_a_resumable_upload_in_chunks_arrives_whole(bucket: storage.Bucket) -> None:
    content = os.urandom(1_300_000)
    blob = bucket.blob("large", chunk_size=256 * 1024)
    blob.upload_from_file(io.BytesIO(content))
    assert bucket.blob("large").download_as_bytes() == content
    assert bucket.get_blob("large").size == len(content)


def test_a_blob_opened_as_a_file_is_written_and_read(bucket: storage.Bucket) -> None:
    with bucket.blob("log").open("wt") as file:
        file.writelines(f"line {number}\n" for number in range(20_000))
    with bucket.blob("log").open("rt") as file:
        assert sum(1 for _ in file) == 20_000


def test_a_range_of_an_object_is_read_alone(cloud: LocalCloudThread, bucket: storage.Bucket) -> None:
    blob = bucket.blob("digits")
    blob.upload_from_string(b"0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    assert blob.download_as_bytes(start=7, end=1000) == b"789"


def test_a_download_tells_the_generation_it_read(bucket: storage.Bucket) -> None:
    written = bucket.blob("a")
    written.upload_from_string(b"one")
    read = bucket.blob("a")
    read.download_as_bytes()
    assert read.generation == written.generation


def test_an_object_that_is_not_there_is_not_found(bucket: storage.Bucket) -> None:
    with pytest.raises(NotFound):
        bucket.blob("nothing").download_as_bytes()
    assert bucket.get_blob("nothing") is None
    assert not bucket.blob("nothing").exists()
    with pytest.raises(NotFound):
        bucket.blob("nothing").delete()


def test_listing_goes_by_prefix_delimiter_offset_and_page(client: storage.Client, bucket: storage.Bucket) -> None:
    for name in ("a/1", "a/2", "a/b/3", "b", "c/4", "ä"):
        bucket.blob(name).upload_from_string(name)
    assert [blob.name for blob in client.list_blobs("flights")] == ["a/1", "a/2", "a/b/3", "b", "c/4", "ä"]
    listing = client.list_blobs("flights", prefix="a/", delimiter="/")
    assert [blob.name for blob in listing] == ["a/1", "a/2"]
    assert listing.prefixes == {"a/b/"}
    assert [blob.name for blob in client.list_blobs("flights", start_offset="a/2", end_offset="c")] == [
        "a/2",
        "a/b/3",
        "b",
    ]
    pages = client.list_blobs("flights", page_size=2).pages
    assert [[blob.name for blob in page] for page in pages] == [["a/1", "a/2"], ["a/b/3", "b"], ["c/4", "ä"]]
    assert [blob.name for blob in client.list_blobs("flights", match_glob="*/[0-9]")] == ["a/1", "a/2", "c/4"]


def test_names_that_are_no_file_names_live_beside_each_other(
    cloud: LocalCloudThread, client: storage.Client, bucket: storage.Bucket
) -> None:
    names = ["x", "x/y", "x/y/z", "dir/", "../up", "a//b", "n" * 900, "x/y/" + "ü" * 200]
    for name in names:
        bucket.blob(name).upload_from_string(name)
    assert {blob.name: blob.download_as_text() for blob in client.list_blobs("flights")} == {n: n for n in names}
    for name in names:
        bucket.blob(name).delete()
    assert list(client.list_blobs("flights")) == []
    bucket.delete()


@pytest.mark.parametrize("name", [".", "..", "n" * 1025, "line\nbreak"])
def test_names_that_cloud_storage_forbids_are_refused(bucket: storage.Bucket, name: str) -> None:
    with pytest.raises(BadRequest):
        bucket.blob(name).upload_from_string(b"x")


def test_create_once_succeeds_for_one_writer_only(bucket: storage.Bucket) -> None:
    bucket.blob("lock").upload_from_string(b"first", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("lock").upload_from_string(b"second", if_generation_match=0)
    assert bucket.blob("lock").download_as_bytes() == b"first"


def test_create_once_holds_for_a_resumable_upload_too(bucket: storage.Bucket) -> None:
    bucket.blob("lock").upload_from_string(b"first")
    with pytest.raises(PreconditionFailed):
        bucket.blob("lock", chunk_size=256 * 1024).upload_from_file(io.BytesIO(b"s" * 300_000), if_generation_match=0)
    assert bucket.blob("lock").download_as_bytes() == b"first"


def test_an_overwrite_guarded_by_generation_fails_when_another_came_first(bucket: storage.Bucket) -> None:
    mine = bucket.blob("shared")
    mine.upload_from_string(b"1")
    seen = mine.generation
    bucket.blob("shared").upload_from_string(b"2")
    with pytest.raises(PreconditionFailed):
        bucket.blob("shared").upload_from_string(b"3", if_generation_match=seen)
    with pytest.raises(PreconditionFailed):
        bucket.blob("shared").delete(if_generation_match=seen)
    with pytest.raises(NotFound):
        bucket.blob("shared", generation=seen).download_as_bytes()
    assert bucket.blob("shared").download_as_bytes() == b"2"


def test_generations_rise_with_every_write(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    generations = []
    for _ in range(5):
        blob.upload_from_string(b"x")
        generations.append(blob.generation)
    assert generations == sorted(set(generations))


def test_metadata_is_merged_guarded_and_cleared(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.metadata = {"one": "1", "two": "2"}
    blob.upload_from_string(b"x")
    blob.metadata = {"two": None, "three": "3"}
    blob.content_type = "image/png"
    blob.patch(if_metageneration_match=1)
    read = bucket.get_blob("a")
    assert (read.metadata, read.content_type) == ({"one": "1", "three": "3"}, "image/png")
    assert (read.metageneration, read.generation) == (2, blob.generation)
    with pytest.raises(PreconditionFailed):
        blob.patch(if_metageneration_match=1)


def test_copy_rewrite_and_compose_make_new_objects(client: storage.Client, bucket: storage.Bucket) -> None:
    other = client.create_bucket("elsewhere")
    source = bucket.blob("source")
    source.metadata = {"k": "v"}
    source.upload_from_string(b"content", content_type="text/plain")
    copied = bucket.copy_blob(source, other, "copied")
    assert (copied.download_as_bytes(), copied.metadata, copied.metageneration) == (b"content", {"k": "v"}, 1)
    rewritten = other.blob("rewritten")
    token, written, total = rewritten.rewrite(source)
    assert (token, written, total) == (None, 7, 7)
    with pytest.raises(PreconditionFailed):
        other.blob("rewritten").rewrite(source, if_generation_match=0)
    composed = bucket.blob("composed")
    bucket.blob("second").upload_from_string(b" and more")
    composed.compose([source, bucket.blob("second")], if_generation_match=0)
    assert composed.download_as_bytes() == b"content and more"
    with pytest.raises(PreconditionFailed):
        composed.compose([source], if_generation_match=0)
    moved = bucket.rename_blob(source, "moved")
    assert moved.download_as_bytes() == b"content"
    assert not source.exists()


def test_a_batch_deletes_what_is_there_and_reports_what_is_not(client: storage.Client, bucket: storage.Bucket) -> None:
    for number in range(5):
        bucket.blob(f"old/{number}").upload_from_string(b"x")
    missing = []
    bucket.delete_blobs(
        [*client.list_blobs("flights", prefix="old/"), bucket.blob("old/missing")],
        on_error=lambda blob: missing.append(blob.name),
    )
    assert missing == ["old/missing"]
    assert list(client.list_blobs("flights")) == []


def test_requests_in_one_batch_are_answered_one_by_one(client: storage.Client, bucket: storage.Bucket) -> None:
    blobs = [bucket.blob(f"{number}") for number in range(3)]
    for blob in blobs:
        blob.upload_from_string(b"x")
    with client.batch():
        for blob in blobs:
            blob.delete()
    assert list(client.list_blobs("flights")) == []


def test_a_bucket_with_objects_is_not_deleted(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string(b"x")
    with pytest.raises(Exception, match="409"):
        bucket.delete()
    bucket.delete(force=True)
    assert client.lookup_bucket("flights") is None


def test_objects_outlive_a_restart(tmp_path: Path, cloud: LocalCloudThread, bucket: storage.Bucket) -> None:
    bucket.blob("kept/a").upload_from_string(b"1")
    bucket.blob("kept/a").upload_from_string(b"2")
    assert (tmp_path / "data" / "storage" / "flights" / "kept" / "a").read_bytes() == b"2"


def test_operations_are_counted_as_google_bills_them(cloud: LocalCloudThread, bucket: storage.Bucket) -> None:
    cloud.cloud.counters.reset()
    blob = bucket.blob("a")
    blob.upload_from_string(b"12345")
    blob.download_as_bytes()
    list(bucket.list_blobs())
    blob.delete()
    counts = cloud.cloud.counters.snapshot()
    assert (counts["storage.class_a"], counts["storage.class_b"]) == (2, 1)
    assert counts["storage.bytes_in"] > 5
