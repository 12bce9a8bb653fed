"""Spools: logs of tries on the local disk, on their way to the bucket, and those that dead processes left behind."""

import fcntl
import os
import secrets
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

import msgspec


@dataclass(eq=False)
class Spool:
    """The log of one process of a try, on its way to the bucket."""

    path: Path
    object_name: str
    piece: str
    """Object name of this process's share, used when the try has several."""
    sealed_as: str = ""
    """The object that it is sealed as; the piece when nobody came to say."""
    shipped: int = 0
    parts: list[str] = field(default_factory=list)
    is_labelled: bool = False
    is_inherited: bool = False
    """Of a process that is no more: its parts are known to the bucket alone."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_lines(self) -> bool:
        return self.path.exists()

    @property
    def label(self) -> Path:
        """The file that says to a later process where this log belongs; log names are too long for file names."""
        return self.path.with_suffix(".json")

    def write_label(self) -> None:
        self.label.write_bytes(msgspec.json.encode(_Label(self.object_name, self.piece, self.sealed_as)))
        self.is_labelled = True

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        if self.is_labelled:
            self.label.unlink(missing_ok=True)


class _Label(msgspec.Struct, frozen=True):
    object_name: str
    piece: str
    sealed_as: str


class SpoolFolder:
    """The folder with one process's spools, told apart from those that dead processes left by a lock on a file.

    The lock is taken before the folder is made and given up by the system when the process dies, however it does.
    """

    def __init__(self, shared: Path) -> None:
        shared.mkdir(parents=True, exist_ok=True)
        self.path = shared / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = _lock_of(self.path).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path.mkdir()

    def has_neighbours(self) -> bool:
        return any(path != self.path and path.is_dir() for path in self.path.parent.iterdir())

    def inherit(self) -> list[Spool]:
        """Take over the labelled spools of processes that are no more."""
        found: list[Spool] = []
        for folder in sorted(self.path.parent.iterdir()):
            if folder == self.path or not folder.is_dir():
                continue
            with _lock_of(folder).open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                found += self._take(folder)
                shutil.rmtree(folder, ignore_errors=True)
                _lock_of(folder).unlink(missing_ok=True)
        return found

    def close(self) -> None:
        """Leave the folder to whoever comes next, if anything is in it."""
        if self._lock.closed:
            return
        if not any(self.path.iterdir()):
            self.path.rmdir()
            _lock_of(self.path).unlink(missing_ok=True)
        self._lock.close()

    def _take(self, folder: Path) -> list[Spool]:
        taken: list[Spool] = []
        for label in sorted(folder.glob("*.json")):
            log = label.with_suffix(".log")
            try:
                known = msgspec.json.decode(label.read_bytes(), type=_Label)
                log = log.rename(self.path / log.name)
            except (msgspec.DecodeError, FileNotFoundError):
                continue  # Died while it wrote the label, or before it removed it.
            spool = Spool(log, known.object_name, known.piece, known.sealed_as, is_inherited=True)
            spool.write_label()
            taken.append(spool)
        return taken


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
