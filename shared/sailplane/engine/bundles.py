"""Bundles: a folder of DAG files as one object, named by the hash of its content, so that a version never changes."""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import threading
from pathlib import Path

from sailplane.cloud.wiring import Cloud
from sailplane.model import ids

_LEFT_OUT = frozenset({"__pycache__", ".git", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


def pack(folder: Path) -> tuple[str, bytes]:
    """The folder's files as a compressed archive, and its sha256. Equal content gives equal bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in files_of(folder):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = path.stat().st_size
            entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
    data = buffer.getvalue()
    return hashlib.sha256(data).hexdigest(), data


def files_of(folder: Path) -> list[Path]:
    """The files of a bundle, sorted: all but caches, environments and version control."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not _LEFT_OUT.intersection(path.relative_to(folder).parts))


class BundleCache:
    """The bundles that this worker has unpacked."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._folder = cloud.settings.cache_dir / "bundles"
        self._ready: set[str] = set()
        self._lock = threading.Lock()

    def path(self, sha256: str) -> Path:
        """The folder with the bundle's files, fetched once. Raises `NotFound` when the bucket does not have it."""
        target = self._folder / sha256
        if sha256 in self._ready:
            return target
        with self._lock:
            if sha256 not in self._ready:
                if not target.exists():
                    self._fetch(sha256, target)
                self._ready.add(sha256)
        return target

    def _fetch(self, sha256: str, target: Path) -> None:
        data = self._cloud.blobs.read(ids.bundle_object(sha256))
        self._folder.mkdir(parents=True, exist_ok=True)
        unpacked = Path(tempfile.mkdtemp(dir=self._folder, prefix="unpacking-"))
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            archive.extractall(unpacked, filter="data")
        try:
            unpacked.rename(target)
        except OSError:
            # Another process of this machine was first; its copy is the same.
            shutil.rmtree(unpacked, ignore_errors=True)
            if not target.exists():
                raise
