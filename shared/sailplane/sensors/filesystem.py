"""Sensors on files."""

from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from sailplane.hooks.filesystem import DEFAULT, FSHook
from sailplane.sensors.base import BaseSensorOperator


class FileSensor(BaseSensorOperator):
    """Waits until `filepath`, which may have wildcards, names a file, or a folder with a file somewhere inside.

    It is read below the path of the Connection `fs_conn_id`. `recursive` lets `**` reach into folders.
    """

    template_fields: Sequence[str] = ("filepath", "fs_conn_id")
    ui_color = "#91818a"

    def __init__(
        self,
        *,
        filepath: str,
        fs_conn_id: str = DEFAULT,
        recursive: bool = False,
        start_from_trigger: bool = False,
        trigger_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath = filepath
        self.fs_conn_id = fs_conn_id
        self.recursive = recursive

    @property
    def path(self) -> str:
        return FSHook(self.fs_conn_id).full_path(self.filepath)

    def poke(self, context: Mapping[str, Any]) -> bool:
        path = self.path
        self.log.info("Poking for file %s", path)
        return any(_holds_a_file(Path(found)) for found in glob(path, recursive=self.recursive))


def _holds_a_file(path: Path) -> bool:
    return path.is_file() or any(inside.is_file() for inside in path.rglob("*"))
