"""Watches a folder of DAG files and tells when it has come to rest after a change."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

QUIET_SECONDS = 0.4
"""Editors and `git` write a file in several steps: wait for the last one."""
_CHANGES = frozenset({"created", "modified", "deleted", "moved", "closed"})
_PASSED_OVER = frozenset({"__pycache__", ".git", ".venv"})


class Watch:
    """Calls `changed` on the event loop once the folder has been quiet for a moment after a change."""

    def __init__(self, folder: Path, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._observer = Observer()

    def start(self) -> None:
        self._observer.schedule(_Handler(self._notice), str(self._folder), recursive=True)
        self._observer.start()

    def stop(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()
        if self._timer is not None:
            self._timer.cancel()

    def _notice(self) -> None:
        self._loop.call_soon_threadsafe(self._restart_timer)

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(QUIET_SECONDS, self._changed)


class _Handler(FileSystemEventHandler):
    def __init__(self, notice: Callable[[], None]) -> None:
        self._notice = notice

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in _CHANGES and matters(str(event.src_path), is_directory=event.is_directory):
            self._notice()


def matters(path: str, *, is_directory: bool) -> bool:
    """Whether a change of `path` may change a DAG. A folder's own change says nothing that its files do not."""
    return (
        not is_directory
        and not _PASSED_OVER.intersection(Path(path).parts)
        and not path.endswith((".pyc", "~", ".swp"))
    )
