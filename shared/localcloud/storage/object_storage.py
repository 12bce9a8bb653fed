"""The emulator's storage, made durable: contents by rename, metadata by the index, changes told to a listener."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gcp_storage_emulator.exceptions import BadRequest, Conflict, NotFound
from gcp_storage_emulator.storage import RESUMABLE_DIR, Storage, _FileStore

from localcloud.storage.index import AllObjects, ObjectIndex, Resource
from localcloud.storage.notifications import Change, EventType

_INCOMING_DIR = "_incoming"
_ODD_DIR = "_odd"
"""Contents of objects whose names are no file names: too long, `a` beside `a/b`, a slash at the end..."""
_LONGEST_COMPONENT = 200


class AtomicFileStore(_FileStore):  # type: ignore[misc]
    """Files that hold either the old content or the new one, whenever the process is killed."""

    def write_bytes(self, rel: str, content: bytes) -> None:
        path: Path = self._disk_path(rel)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.writing")
        temporary.write_bytes(content)
        temporary.replace(path)


class ObjectStorage(Storage):  # type: ignore[misc]
    """What the emulator's handlers work on. `changed` hears of every change after it is durable."""

    def __init__(self, root: Path, changed: Callable[[Change], None]) -> None:
        # The parent's own __init__ would place everything in a folder named by the process's environment.
        root.mkdir(parents=True, exist_ok=True)
        self._data_dir = str(root)
        self._use_memory_fs = False
        self.project_number = "1234"
        self._root = root
        self._store = AtomicFileStore(use_memory=False, root=root)
        self.index = ObjectIndex(root / "index.sqlite")
        self._changed = changed
        self._last_generation = 0
        self._read_config_from_file()
        self.objects: Any = AllObjects(self.index)
        self._incoming = root / _INCOMING_DIR
        self._incoming.mkdir(exist_ok=True)
        self._finish_interrupted_writes()

    def close(self) -> None:
        self.index.close()

    def _write_config_to_file(self) -> None:
        """The parent rewrites one file for every change; here that file holds only the few things besides objects."""
        objects, self.objects = self.objects, {}
        state = self._config_state()
        if state != getattr(self, "_written_config", None):
            super()._write_config_to_file()
            self._written_config = state
        self.objects = objects

    def _config_state(self) -> int:
        return hash(repr((self.buckets, self.resumable, self.bucket_iam_policies, self.soft_deleted)))

    # Writing

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: Resource, file_id: str | None = None
    ) -> None:
        """Store a new generation: content aside, metadata into the index, content into place."""
        if bucket_name not in self.buckets:
            raise NotFound
        if not _is_allowed(file_name):
            # The emulator's handlers answer a Conflict with 400, which is what Cloud Storage says here.
            raise Conflict(f"Invalid object name: {file_name[:100]!r}")
        before = self.index.get(bucket_name, file_name)
        self._complete(file_obj, len(content))
        path = self._place(bucket_name, file_name)
        incoming = self._incoming / file_obj["generation"]
        incoming.write_bytes(content)
        self.index.put(bucket_name, file_name, file_obj, path)
        incoming.replace(self._root / path)
        if file_id:
            self.delete_resumable_file_obj(file_id)
            self._delete_file(RESUMABLE_DIR, self.safe_id(file_id))
            self._write_config_to_file()
        self._tell_created(file_obj, before)

    def _complete(self, resource: Resource, size: int) -> None:
        """Set what the emulator leaves out or gets wrong in a new generation's metadata."""
        generation = max(int(datetime.now(UTC).timestamp() * 1_000_000), self._last_generation + 1)
        self._last_generation = generation
        now = _now()
        resource["id"] = f"{resource['bucket']}/{resource['name']}/{generation}"
        resource.update(generation=str(generation), metageneration="1", size=str(size))
        resource.update(timeCreated=now, updated=now, timeStorageClassUpdated=now, timeFinalized=now)
        origin = str(resource.get("mediaLink", "")).split("/download/", maxsplit=1)[0]
        place = f"b/{resource['bucket']}/o/{quote(resource['name'], safe='')}"
        resource["selfLink"] = f"{origin}/storage/v1/{place}"
        resource["mediaLink"] = f"{origin}/download/storage/v1/{place}?generation={generation}&alt=media"
        resource["etag"] = etag(resource)

    def _tell_created(self, resource: Resource, before: Resource | None) -> None:
        overwrote = before["generation"] if before is not None else None
        if before is not None:
            self._changed(Change(kind=EventType.DELETE, resource=before, overwritten_by=resource["generation"]))
        self._changed(Change(kind=EventType.FINALIZE, resource=resource, overwrote=overwrote))

    def _place(self, bucket: str, name: str) -> str:
        """Where an object's content goes: under its own name where the file system can, else under a hash."""
        known = self.index.path(bucket, name)
        if known is not None:
            return known
        plain = f"{bucket}/{name}"
        if not _is_file_name(name) or not self._make_room(self._root / plain):
            digest = hashlib.sha256(plain.encode()).hexdigest()
            plain = f"{_ODD_DIR}/{digest}"
            self._make_room(self._root / plain)
        return plain

    def _make_room(self, path: Path) -> bool:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return False
        return not path.is_dir()

    def _finish_interrupted_writes(self) -> None:
        """After a crash: what the index knows was as good as done, everything else never happened."""
        for incoming in self._incoming.iterdir():
            self._last_generation = max(self._last_generation, int(incoming.name))
            path = self.index.path_of_generation(incoming.name)
            if path is None:
                incoming.unlink()
            else:
                self._make_room(self._root / path)
                incoming.replace(self._root / path)

    def patch_object(self, bucket_name: str, file_name: str, file_obj: Resource) -> None:
        file_obj["updated"] = _now()
        file_obj["etag"] = etag(file_obj)
        self.index.update(bucket_name, file_name, file_obj)
        self._changed(Change(kind=EventType.METADATA_UPDATE, resource=file_obj))

    def delete_file(self, bucket_name: str, file_name: str) -> None:
        before = self.index.get(bucket_name, file_name)
        path = self.index.path(bucket_name, file_name)
        super().delete_file(bucket_name, file_name)
        if path is not None:
            self._remove(path)
        if before is not None:
            self._changed(Change(kind=EventType.DELETE, resource=before))

    def _delete_file(self, bucket_name: str, file_name: str) -> None:
        if bucket_name == RESUMABLE_DIR:
            (self._root / RESUMABLE_DIR / file_name).unlink(missing_ok=True)
        # An object's content is removed by delete_file, which knows where it lies.

    def _remove(self, path: str) -> None:
        """Remove a content file and the folders that are empty then."""
        file = self._root / path
        file.unlink(missing_ok=True)
        folder = file.parent
        while self._root not in (folder.parent, folder):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def delete_bucket(self, bucket_name: str) -> None:
        super().delete_bucket(bucket_name)
        self.index.delete_bucket(bucket_name)

    # Reading

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        if bucket_name == RESUMABLE_DIR:
            return f"{RESUMABLE_DIR}/{file_name}"
        return self.index.path(bucket_name, file_name) or f"{_ODD_DIR}/absent"

    def content_path(self, bucket: str, name: str) -> Path:
        """The file that holds a live object's content."""
        return self._root / self._object_path(bucket, name)

    def _list_live_candidates(self, bucket_name: str, prefix: str | None = None) -> list[tuple[str, Resource]]:
        if not prefix:
            return list(self.index.scan(bucket_name))
        return [item for item in self.index.scan(bucket_name, prefix, _after(prefix)) if item[0].startswith(prefix)]

    # Resumable uploads

    def add_to_resumable_upload(
        self, file_id: str, content: bytes, total_size: int | None = None, expected_start: int | None = None
    ) -> bytes | None:
        """Append a chunk; the whole content once it is complete. The parent would rewrite the file for each chunk."""
        path = self._root / RESUMABLE_DIR / self.safe_id(file_id)
        path.parent.mkdir(exist_ok=True)
        received = path.stat().st_size if path.exists() else 0
        if expected_start is not None and expected_start > received:
            raise BadRequest(f"Invalid Content-Range start: expected {received}, got {expected_start}")
        start = received if expected_start is None else expected_start
        with open(path, "r+b" if path.exists() else "w+b") as file:
            file.seek(start)
            file.write(content or b"")
        size = max(received, start + len(content or b""))
        if total_size is None or size < total_size:
            return None
        whole: bytes = path.read_bytes()
        return whole[:total_size]

    def get_resumable_byte_count(self, file_id: str) -> int:
        path = self._root / RESUMABLE_DIR / self.safe_id(file_id)
        return path.stat().st_size if path.exists() else 0


def etag(resource: Resource) -> str:
    """Differs for every version of the content and of the metadata."""
    return base64.b64encode(f"{resource['generation']}.{resource['metageneration']}".encode()).decode()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _is_allowed(name: str) -> bool:
    """Cloud Storage's rules for object names."""
    return name not in (".", "..") and 0 < len(name.encode()) <= 1024 and "\r" not in name and "\n" not in name


def _is_file_name(name: str) -> bool:
    parts: Iterable[str] = name.split("/")
    return "\x00" not in name and all(
        part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_COMPONENT for part in parts
    )


def _after(prefix: str) -> str:
    """A string behind all that begin with `prefix`."""
    return prefix + "\U0010ffff"
