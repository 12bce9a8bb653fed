"""Sensors on files."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.filesystem import DEFAULT, FSHook
from sailplane.sensors.deferrable import DeferrableSensor
from sailplane.triggers.file import FileTrigger, holds_a_file


class FileSensor(DeferrableSensor):
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
        return holds_a_file(path, recursive=self.recursive)

    def trigger(self, context: Mapping[str, Any]) -> FileTrigger:
        return FileTrigger(self.path, recursive=self.recursive, poke_interval=self.poke_interval)

    def execute_complete(self, context: Mapping[str, Any], event: bool | None = None) -> None:
        if not event:
            raise AirflowException(f"{self.task_id} task failed as {self.filepath} not found.")
        self.log.info("%s completed successfully as %s found.", self.task_id, self.filepath)
