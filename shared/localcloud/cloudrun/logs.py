"""The log files of instances: one each, bounded, the oldest dropped."""

import os
import shutil
from pathlib import Path

MAX_BYTES = 8 * 1024 * 1024
"""Size at which a running instance's log is moved aside and begun anew."""
MAX_FILES = 20
"""Log files kept for one function."""


class LogFolder:
    """Where the instances of one function write."""

    def __init__(self, folder: Path, function: str) -> None:
        self._folder = folder
        self._function = function
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, instance: str) -> tuple[Path, int]:
        """The path and an appending descriptor for a new instance's log."""
        self._drop_oldest()
        path = self._folder / f"{self._function}-{instance}.log"
        return path, os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def files(self) -> list[Path]:
        """All log files, oldest first."""
        found = [path for path in self._folder.glob(f"{self._function}-*.log*") if self._is_ours(path)]
        return sorted(found, key=lambda path: path.stat().st_mtime)

    def _is_ours(self, path: Path) -> bool:
        """Another function's name may begin with this one's: an instance's part has no dash."""
        return "-" not in path.name[len(self._function) + 1 :]

    def _drop_oldest(self) -> None:
        for path in self.files()[: -MAX_FILES + 1]:
            path.unlink(missing_ok=True)


def rotate_when_full(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Keep the file under its bound. Its writers append, so it can be emptied under them."""
    try:
        if path.stat().st_size <= max_bytes:
            return
    except FileNotFoundError:
        return
    shutil.copyfile(path, path.with_suffix(".log.1"))
    os.truncate(path, 0)


def tail(path: Path, lines: int = 20, max_bytes: int = 64 * 1024) -> str:
    """The last lines of a log; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - max_bytes))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
