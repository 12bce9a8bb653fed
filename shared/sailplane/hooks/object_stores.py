"""Where objects are: in Cloud Storage, or in files of this machine. What `ObjectStoragePath` stands on."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any, Protocol

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.gcs import GCSHook
from sailplane.hooks.google import DEFAULT_CONNECTION, google_errors

GCS_PROTOCOLS = ("gs", "gcs")
FILE_PROTOCOL = "file"


@dataclass(frozen=True, kw_only=True)
class ObjectStat:
    """What is known of an object or folder, under `os.stat`'s names too."""

    size: int
    is_folder: bool
    modified_at: datetime | None = None
    version: str = ""
    """Changes when the content does."""

    @property
    def st_size(self) -> int:
        return self.size

    @property
    def st_mtime(self) -> float:
        return self.modified_at.timestamp() if self.modified_at else 0.0


class ObjectStore(Protocol):
    """Objects by bucket and key. A folder is what keys go through: `a/b` is in the folder `a`."""

    def stat(self, bucket: str, key: str) -> ObjectStat | None:
        """None when there is neither an object nor a folder."""

    def children(self, bucket: str, key: str) -> Iterator[str]:
        """Keys of what is right in the folder."""

    def below(self, bucket: str, key: str) -> Iterator[str]:
        """Keys of all objects in the folder and its folders."""

    def open(self, bucket: str, key: str, mode: str, **options: Any) -> IO[Any]: ...

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        """One object, within this store."""

    def remove(self, bucket: str, key: str) -> None:
        """One object. Raises `FileNotFoundError`."""

    def make_folder(self, bucket: str, key: str, *, exist_ok: bool, parents: bool) -> None: ...

    def remove_folder(self, bucket: str, key: str) -> None:
        """The folder with all that is in it."""

    def sign(self, bucket: str, key: str, seconds: int) -> str:
        """A URL by which anybody may read the object for a while."""


@lru_cache(maxsize=32)
def store_for(protocol: str, conn_id: str | None) -> ObjectStore:
    """The store that `protocol` means. Raises `AirflowException` for one that there is none for."""
    if protocol == FILE_PROTOCOL:
        return FileStore()
    if protocol in GCS_PROTOCOLS:
        return GCSStore(conn_id)
    raise AirflowException(
        f"ObjectStoragePath has gs:// and file://, and no {protocol}://; use that store's own client in a @task"
    )


class FileStore:
    """Files of this machine. Their bucket is empty, and a key is a path without its first slash."""

    def stat(self, bucket: str, key: str) -> ObjectStat | None:
        try:
            found = _file(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return ObjectStat(
            size=found.st_size,
            is_folder=_file(key).is_dir(),
            modified_at=datetime.fromtimestamp(found.st_mtime, UTC),
            version=f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}",
        )

    def children(self, bucket: str, key: str) -> Iterator[str]:
        yield from (_key(path) for path in sorted(_file(key).iterdir()))

    def below(self, bucket: str, key: str) -> Iterator[str]:
        for folder, _, names in sorted(os.walk(_file(key))):
            yield from (_key(Path(folder, name)) for name in sorted(names))

    def open(self, bucket: str, key: str, mode: str, **options: Any) -> IO[Any]:
        found: IO[Any] = _file(key).open(mode, **options)
        return found

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        shutil.copyfile(_file(key), _file(to_key))

    def remove(self, bucket: str, key: str) -> None:
        _file(key).unlink()

    def make_folder(self, bucket: str, key: str, *, exist_ok: bool, parents: bool) -> None:
        _file(key).mkdir(exist_ok=exist_ok, parents=parents)

    def remove_folder(self, bucket: str, key: str) -> None:
        shutil.rmtree(_file(key))

    def sign(self, bucket: str, key: str, seconds: int) -> str:
        raise AirflowException(f"a file has no signed URL: {_file(key)}")


class GCSStore:
    """Cloud Storage, by a Connection or with the process's own credentials."""

    def __init__(self, conn_id: str | None) -> None:
        self._conn_id = conn_id

    @cached_property
    def hook(self) -> GCSHook:
        return GCSHook(self._conn_id or DEFAULT_CONNECTION)

    def stat(self, bucket: str, key: str) -> ObjectStat | None:
        folder = ObjectStat(size=0, is_folder=True)
        if not key:
            return folder if self.hook.client.lookup_bucket(bucket) is not None else None
        blob = None if key.endswith("/") else self._bucket(bucket).get_blob(key)
        if blob is None:
            return folder if next(iter(self._blobs(bucket, _prefix(key), max_results=1)), None) else None
        return ObjectStat(size=blob.size, is_folder=False, modified_at=blob.updated, version=str(blob.generation))

    def children(self, bucket: str, key: str) -> Iterator[str]:
        prefix = _prefix(key)
        found = self.hook.client.list_blobs(bucket, prefix=prefix, delimiter="/")
        names = [blob.name for blob in found if blob.name != prefix]
        yield from sorted([*names, *(each.rstrip("/") for each in found.prefixes)])

    def below(self, bucket: str, key: str) -> Iterator[str]:
        yield from (blob.name for blob in self._blobs(bucket, _prefix(key)) if not blob.name.endswith("/"))

    def open(self, bucket: str, key: str, mode: str, **options: Any) -> IO[Any]:
        if mode.startswith("x"):
            mode, options["if_generation_match"] = mode.replace("x", "w"), 0
        if mode.rstrip("bt") not in ("r", "w"):
            raise ValueError(
                f"objects are opened to be read or written, not with the mode {mode!r}: gs://{bucket}/{key}"
            )
        if mode.startswith("r") and self._bucket(bucket).get_blob(key) is None:
            raise FileNotFoundError(f"gs://{bucket}/{key}")
        found: IO[Any] = self._bucket(bucket).blob(key).open(mode, **options)
        return found

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        if (bucket, key) != (to_bucket, to_key):
            self.hook.rewrite(bucket, key, to_bucket, to_key)

    def remove(self, bucket: str, key: str) -> None:
        try:
            self._bucket(bucket).blob(key).delete()
        except google_errors().NotFound:
            raise FileNotFoundError(f"gs://{bucket}/{key}") from None

    def make_folder(self, bucket: str, key: str, *, exist_ok: bool, parents: bool) -> None:
        """Only buckets are made: the folders of a bucket are there when something is in them."""
        if key and not parents:
            return
        if self.hook.client.lookup_bucket(bucket) is None:
            self.hook.create_bucket(bucket)
        elif not key and not exist_ok:
            raise FileExistsError(f"gs://{bucket}")

    def remove_folder(self, bucket: str, key: str) -> None:
        for blob in self._blobs(bucket, _prefix(key)):
            self.hook.delete(bucket, blob.name)
        if not key:
            self.hook.delete_bucket(bucket)

    def sign(self, bucket: str, key: str, seconds: int) -> str:
        url: str = self._bucket(bucket).blob(key).generate_signed_url(expiration=seconds, version="v4")
        return url

    def _bucket(self, bucket: str) -> Any:
        return self.hook.get_bucket(bucket)

    def _blobs(self, bucket: str, prefix: str, **options: Any) -> Iterator[Any]:
        yield from self.hook.client.list_blobs(bucket, prefix=prefix, **options)


def _file(key: str) -> Path:
    return Path("/", key)


def _key(path: Path) -> str:
    return str(path).lstrip("/")


def _prefix(key: str) -> str:
    return f"{key.rstrip('/')}/" if key.strip("/") else ""
