"""Bundles: a folder of DAG files as one object, named by the hash of its content, so that a version never changes."""

import gzip
import hashlib
import io
import os
import secrets
import shutil
import tarfile
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

from sailplane.cloud.wiring import Cloud
from sailplane.model import ids

_LEFT_OUT = frozenset({"__pycache__", ".git", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
_UNPACKING = "unpacking-"
_REMOVING = "removing-"
_ABANDONED = timedelta(hours=1)
"""A folder that was being unpacked, or removed, so long ago belongs to a process that was killed."""
_MOST_UNPACKED = 50
_UNUSED = timedelta(days=1)
"""Only bundles that were not touched for so long are removed."""
_TOUCH = timedelta(hours=1)
"""How often a bundle is touched while it is used: often enough that no other process takes it for unused."""


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
    """The bundles that this worker has unpacked, in a folder that other processes of its machine may share."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._folder = cloud.settings.cache_dir / "bundles"
        self._ready: dict[str, float] = {}
        """Until when, on the monotonic clock, a bundle needs no look at the disk."""
        self._lock = threading.Lock()
        self._is_swept = False

    def path(self, sha256: str) -> Path:
        """The folder with the bundle's files, fetched once. Raises `NotFound` when the bucket does not have it."""
        target = self._folder / sha256
        if self._is_ready(sha256):
            return target
        with self._lock:
            if not self._is_ready(sha256):
                self._sweep_once()
                if not _is_touched(target):
                    self._fetch(sha256, target)
                self._ready[sha256] = time.monotonic() + _TOUCH.total_seconds()
                self._forget_oldest()
        return target

    def _is_ready(self, sha256: str) -> bool:
        until = self._ready.get(sha256)
        return until is not None and time.monotonic() < until

    def _sweep_once(self) -> None:
        """Remove what processes left that were killed while they unpacked, or removed, a bundle."""
        if self._is_swept:
            return
        self._is_swept = True
        for folder in [*self._folder.glob(f"{_UNPACKING}*"), *self._folder.glob(f"{_REMOVING}*")]:
            if _age(folder) > _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)

    def _forget_oldest(self) -> None:
        """Remove bundles that no process has used for long, when there are many; never one that this process used."""
        bundles = [path for path in self._folder.iterdir() if not path.name.startswith((_UNPACKING, _REMOVING))]
        if len(bundles) <= _MOST_UNPACKED:
            return
        unused = [path for path in bundles if path.name not in self._ready and _age(path) > _UNUSED]
        unused.sort(key=_age, reverse=True)
        for path in unused[: len(bundles) - _MOST_UNPACKED]:
            self._remove(path)

    def _remove(self, path: Path) -> None:
        """Remove a bundle whole: nobody may find half of it."""
        grave = self._folder / f"{_REMOVING}{path.name}-{secrets.token_hex(4)}"
        try:
            path.rename(grave)
        except OSError:
            return  # Another process removes it.
        shutil.rmtree(grave, ignore_errors=True)

    def _fetch(self, sha256: str, target: Path) -> None:
        data = self._cloud.blobs.read(ids.bundle_object(sha256))
        self._folder.mkdir(parents=True, exist_ok=True)
        unpacked = Path(tempfile.mkdtemp(dir=self._folder, prefix=_UNPACKING))
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
                archive.extractall(unpacked, filter="data")
            unpacked.rename(target)
        except OSError:
            # Another process of this machine was first; its copy is the same.
            if not target.exists():
                raise
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)


def _is_touched(path: Path) -> bool:
    """Note that a bundle is used from now on; False when it is not there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _age(path: Path) -> timedelta:
    """How long ago the folder was last touched; no time at all when another process has removed it."""
    try:
        return timedelta(seconds=time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return timedelta(0)
