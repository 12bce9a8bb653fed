"""`ObjectStoragePath` on files and on a real bucket."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sailplane import GCSHook, ObjectStoragePath
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.object_stores import store_for
from sailplane.model import xcom


@pytest.fixture(params=["file", "gs"])
def base(
    request: pytest.FixtureRequest, tmp_path: Path, emulators: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStoragePath]:
    """An empty folder on each kind of store."""
    store_for.cache_clear()
    if request.param == "file":
        yield ObjectStoragePath(f"file://{tmp_path}")
        return
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulators["STORAGE_EMULATOR_HOST"])
    bucket = f"paths-{uuid.uuid4().hex[:12]}"
    hook = GCSHook()
    hook.create_bucket(bucket)
    yield ObjectStoragePath(f"gs://{bucket}/base")
    hook.delete_bucket(bucket, force=True)
    hook.client.close()
    store = store_for("gs", None)
    store.hook.client.close()  # type: ignore[attr-defined]


def fill(base: ObjectStoragePath, *names: str) -> None:
    for name in names:
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(base: ObjectStoragePath, found: Iterator[ObjectStoragePath]) -> list[str]:
    return sorted(str(path.relative_to(base)) for path in found)


def test_what_is_written_is_read(base: ObjectStoragePath) -> None:
    path = base / "flights.txt"
    assert path.write_text("höher\n") == 6
    assert path.read_text() == "höher\n"
    assert path.read_bytes() == "höher\n".encode()
    assert path.read_block(1, 2) == "ö".encode()
    with path.open("w", encoding="latin-1") as file:
        file.write("weit ")
        file.write("ö")
    with path.open(encoding="latin-1") as file:
        assert file.read() == "weit ö"
    assert (path.size(), path.stat().st_size) == (6, 6)
    assert path.stat().st_mtime > 1_700_000_000


def test_what_is_there_is_told_from_what_is_not(base: ObjectStoragePath) -> None:
    fill(base, "a/1", "a/b/2", "c")
    assert [(base / name).is_dir() for name in ("a", "a/b", "c", "d")] == [True, True, False, False]
    assert [(base / name).is_file() for name in ("a", "a/1", "c", "d")] == [False, True, True, False]
    assert [(base / name).exists() for name in ("a", "a/1", "a/9", "c/x")] == [True, True, False, False]
    with pytest.raises(FileNotFoundError, match="/gone"):
        (base / "gone").stat()
    with pytest.raises(FileNotFoundError):
        (base / "gone").read_text()


def test_folders_are_listed_walked_and_searched(base: ObjectStoragePath) -> None:
    fill(base, "a/1.csv", "a/b/2.csv", "a/b/3.txt", "c.csv")
    assert names(base, base.iterdir()) == ["a", "c.csv"]
    walked = [(str(folder.relative_to(base)), folders, files) for folder, folders, files in base.walk()]
    assert walked == [(".", ["a"], ["c.csv"]), ("a", ["b"], ["1.csv"]), ("a/b", [], ["2.csv", "3.txt"])]
    assert names(base, base.glob("*")) == ["a", "c.csv"]
    assert names(base, base.glob("*.csv")) == ["c.csv"]
    assert names(base, base.glob("**/*.csv")) == ["a/1.csv", "a/b/2.csv", "c.csv"]
    assert names(base, base.glob("a/**/[23].*")) == ["a/b/2.csv", "a/b/3.txt"]
    assert names(base, base.rglob("?.[!c]*")) == ["a/b/3.txt"]


def test_copies_and_moves_keep_the_content(base: ObjectStoragePath) -> None:
    fill(base, "a/1", "a/b/2")
    (base / "a/1").copy(base / "x")
    (base / "a/1").copy(base / "a/b")
    (base / "a").copy(base / "all", recursive=True)
    assert (base / "x").read_text() == (base / "a/b/1").read_text() == (base / "all/1").read_text() == "a/1"
    assert names(base, base.rglob("2")) == ["a/b/2", "all/b/2"]
    with pytest.raises(IsADirectoryError, match="copy it with recursive=True"):
        (base / "a").copy(base / "y")
    assert (base / "x").rename("z") == base / "z"
    assert not (base / "x").exists()
    (base / "all").move(base / "moved", recursive=True)
    assert not (base / "all").exists()
    assert (base / "moved/b/2").read_text() == "a/b/2"
    with pytest.raises(NotADirectoryError, match="the destination is no folder"):
        (base / "z").copy_into(base / "gone")
    (base / "z").move_into(base / "moved")
    assert (base / "moved/z").is_file()


def test_a_copy_goes_from_one_store_to_the_other(base: ObjectStoragePath, tmp_path: Path) -> None:
    fill(base, "far/1", "far/2")
    here = ObjectStoragePath(str(tmp_path / "here"))
    (base / "far").copy(here, recursive=True)
    assert (tmp_path / "here" / "1").read_text() == "far/1"
    here.copy(base / "back", recursive=True)
    assert (base / "back/2").read_text() == "far/2"


def test_objects_and_folders_are_removed(base: ObjectStoragePath) -> None:
    fill(base, "a/1", "a/b/2", "c")
    (base / "c").unlink()
    (base / "c").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        (base / "c").unlink()
    with pytest.raises(OSError, match="the folder is not empty"):
        (base / "a").rmdir(recursive=False)
    (base / "a").rmdir()
    assert not (base / "a").exists()
    with pytest.raises(NotADirectoryError):
        (base / "a").rmdir()


def test_a_touched_object_is_there_and_a_new_one_is_not_overwritten(base: ObjectStoragePath) -> None:
    path = base / "new"
    path.touch()
    before = path.ukey()
    path.touch()
    assert (path.read_bytes(), path.ukey()) == (b"", before)
    with pytest.raises(FileExistsError):
        path.touch(exist_ok=False)
    path.write_text("x")
    assert path.ukey() != before
    assert path.samefile(ObjectStoragePath(str(path)))


def test_an_xcom_keeps_a_path(base: ObjectStoragePath) -> None:
    path = ObjectStoragePath("gs://conn@bucket/a/b.txt")
    assert xcom.loads(xcom.dumps({"found": [path, base]})) == {"found": [path, base]}


def test_a_path_has_the_parts_that_pathlib_has() -> None:
    path = ObjectStoragePath("gs://conn@bucket/a/b.tar.gz")
    assert str(path) == "gs://conn@bucket/a/b.tar.gz"
    assert (path.protocol, path.bucket, path.container, path.key, path.conn_id) == (
        "gs",
        "bucket",
        "bucket",
        "a/b.tar.gz",
        "conn",
    )
    assert (path.name, path.stem, path.suffix, path.suffixes) == ("b.tar.gz", "b.tar", ".gz", [".tar", ".gz"])
    assert (path.parts, path.path, path.namespace) == (("bucket/", "a", "b.tar.gz"), "bucket/a/b.tar.gz", "gs://bucket")
    assert str(path.parent) == "gs://conn@bucket/a"
    assert [each.key for each in path.parents] == ["a", ""]
    assert path.with_name("c").key == "a/c"
    assert path.with_suffix(".zip").key == "a/b.tar.zip"
    assert path.with_stem("c").key == "a/c.gz"
    assert path.relative_to("gs://conn@bucket/a") == PurePosixPath("b.tar.gz")
    assert not path.is_relative_to("gs://bucket/a")
    assert path.match("*.gz")
    assert ObjectStoragePath("gs://b", "x", "y") == ObjectStoragePath("gs://b/") / "x" / "y"
    assert ObjectStoragePath("b/x", protocol="gs", conn_id="c") == ObjectStoragePath("gs://c@b/x")
    assert len({ObjectStoragePath("gs://b/x"), ObjectStoragePath("gs://b/x"), ObjectStoragePath("gs://b/y")}) == 2
    assert ObjectStoragePath("/tmp/x") == ObjectStoragePath("file:///tmp/x")


def test_a_store_that_there_is_none_for_is_named_when_it_is_used() -> None:
    path: Any = ObjectStoragePath("s3://aws_default@bucket/") / "x"
    with pytest.raises(AirflowException, match="has gs:// and file://, and no s3://"):
        path.exists()
    with pytest.raises(AirflowException, match="'gs:///x' names no bucket: it must be gs://bucket/key"):
        ObjectStoragePath("gs:///x")


def test_a_bucket_is_made_with_its_first_folder(base: ObjectStoragePath) -> None:
    folder = base / "deep" / "folder"
    folder.mkdir(parents=True, exist_ok=True)
    fill(base, "deep/folder/1")
    assert folder.is_dir()
