"""Triggers that wait for a file which workers can see."""

from collections.abc import AsyncIterator
from glob import glob
from pathlib import Path
from typing import Any

from sailplane.authoring.trigger import BaseEventTrigger, BaseTrigger, TriggerEvent


def holds_a_file(pattern: str, *, recursive: bool = False) -> bool:
    """Whether `pattern` names a file, or a folder with a file somewhere inside."""
    return any(_is_or_has_a_file(Path(found)) for found in glob(pattern, recursive=recursive))


def _is_or_has_a_file(path: Path) -> bool:
    return path.is_file() or any(inside.is_file() for inside in path.rglob("*"))


class FileTrigger(BaseTrigger):
    """Fires when `filepath`, which may have wildcards, names a file or a folder that has one."""

    looks_first = True

    def __init__(self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.recursive, self.poke_interval = filepath, recursive, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"filepath": self.filepath, "recursive": self.recursive, "poke_interval": self.poke_interval}
        return f"{__name__}.FileTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        while not holds_a_file(self.filepath, recursive=self.recursive):
            await sleep(self.poke_interval)
        yield TriggerEvent(True)


class FileDeleteTrigger(BaseEventTrigger):
    """Fires when the file `filepath` is there, and deletes it."""

    looks_first = True

    def __init__(self, filepath: str, poke_interval: float = 5.0, **kwargs: Any) -> None:
        super().__init__()
        self.filepath, self.poke_interval = filepath, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.FileDeleteTrigger", {"filepath": self.filepath, "poke_interval": self.poke_interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        while not _deleted(Path(self.filepath)):
            await sleep(self.poke_interval)
        self.log.info("File %s has been deleted", self.filepath)
        yield TriggerEvent(True)


class DirectoryFileDeleteTrigger(BaseEventTrigger):
    """Fires when `filename` is in `directory`, and deletes it."""

    looks_first = True

    def __init__(self, *, directory: str, filename: str, poke_interval: float = 5.0) -> None:
        super().__init__()
        self.directory, self.filename, self.poke_interval = directory, filename, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"directory": self.directory, "filename": self.filename, "poke_interval": self.poke_interval}
        return f"{__name__}.DirectoryFileDeleteTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        path = Path(self.directory) / self.filename
        while not _deleted(path):
            await sleep(self.poke_interval)
        self.log.info("File %s has been deleted", path)
        yield TriggerEvent({"filepath": str(path)})


def _deleted(path: Path) -> bool:
    """Delete the file; False when there is none."""
    if not path.is_file():
        return False
    path.unlink(missing_ok=True)
    return True
