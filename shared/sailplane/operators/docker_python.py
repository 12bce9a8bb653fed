"""Functions that run in a container: their source, arguments and result are copied in and out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from sailplane.authoring.taskflow import DecoratedOperator
from sailplane.operators.docker import DockerOperator
from sailplane.operators.isolated import IsolatedPythonOperator, error_in

PLACE = "/tmp/sailplane"
"""Where function, arguments and result are."""


class DockerPythonOperator(IsolatedPythonOperator, DockerOperator):
    """Calls a function with the Python of an image, `python_command`. Nothing is mounted for it: any engine will do."""

    template_fields: Sequence[str] = (*IsolatedPythonOperator.template_fields, *DockerOperator.template_fields)

    def __init__(self, *, python_command: str = "python3", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.python_command = python_command
        self._files = Path()

    def call(self, context: Mapping[str, Any]) -> Any:
        arguments = self._arguments(context)
        with TemporaryDirectory(prefix="sailplane") as name:
            self._files = Path(name)
            self._write(self._files, arguments)
            self.run_container([self.python_command, f"{PLACE}/guest.py", PLACE])
            return self._read(self._files / "result")

    def prepare(self, container: str) -> None:
        self.hook.put_folder(container, self._files, PLACE)

    def finish(self, container: str) -> None:
        self._take(container, "result")

    def reason(self, container: str, code: int) -> str:
        self._take(container, "error.json")
        return super().reason(container, code) + error_in(self._files / "error.json")

    def on_kill(self) -> None:
        DockerOperator.on_kill(self)

    def _take(self, container: str, name: str) -> None:
        data = self.hook.get_file(container, f"{PLACE}/{name}")
        if data is not None:
            (self._files / name).write_bytes(data)


class DockerDecoratedOperator(DecoratedOperator, DockerPythonOperator):
    """A `@task.docker`."""

    template_fields: Sequence[str] = DockerPythonOperator.template_fields
    custom_operator_name: ClassVar[str] = "@task.docker"

    def __init__(self, *, python_callable: Any, **kwargs: Any) -> None:
        super().__init__(
            python_callable=python_callable, upstream_arguments={"python_callable": python_callable}, **kwargs
        )
