"""What a folder looks like after the process was killed in the middle of a write."""

from pathlib import Path

from localcloud.storage.notifications import Change
from localcloud.storage.object_storage import ObjectStorage


def _open(root: Path, changes: list[Change] | None = None) -> ObjectStorage:
    return ObjectStorage(root, (changes if changes is not None else []).append)


def _resource(name: str) -> dict[str, str]:
    return {"bucket": "flights", "name": name, "contentType": "text/plain"}


def test_a_write_that_the_index_knows_is_finished(tmp_path: Path) -> None:
    storage = _open(tmp_path)
    storage.create_bucket("flights", {"name": "flights"})
    resource = _resource("a/b")
    storage.create_file("flights", "a/b", b"content", resource)
    storage.close()
    (tmp_path / "flights" / "a" / "b").rename(tmp_path / "_incoming" / resource["generation"])
    again = _open(tmp_path)
    assert again.get_file("flights", "a/b") == b"content"
    again.close()


def test_a_write_that_the_index_does_not_know_never_happened(tmp_path: Path) -> None:
    storage = _open(tmp_path)
    storage.create_bucket("flights", {"name": "flights"})
    storage.create_file("flights", "a", b"old", _resource("a"))
    storage.close()
    (tmp_path / "_incoming" / "9999999999999999").write_bytes(b"half of the new conte")
    again = _open(tmp_path)
    assert again.get_file("flights", "a") == b"old"
    assert list((tmp_path / "_incoming").iterdir()) == []
    later = _resource("a")
    again.create_file("flights", "a", b"new", later)
    assert int(later["generation"]) > 9999999999999999
    again.close()


def test_a_resumable_upload_goes_on_after_a_restart(tmp_path: Path) -> None:
    storage = _open(tmp_path)
    storage.create_bucket("flights", {"name": "flights"})
    upload = storage.create_resumable_upload("flights", "a", _resource("a"))
    assert storage.add_to_resumable_upload(upload, b"first ", expected_start=0) is None
    storage.close()
    again = _open(tmp_path)
    assert again.get_resumable_byte_count(upload) == 6
    assert again.get_resumable_file_obj(upload)["name"] == "a"
    assert again.add_to_resumable_upload(upload, b"second", total_size=12, expected_start=6) == b"first second"
    again.close()
