"""Sensors that ask a shell command."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.authoring.exceptions import AirflowFailException
from sailplane.hooks.subprocess import SubprocessHook
from sailplane.sensors.base import BaseSensorOperator


class BashSensor(BaseSensorOperator):
    """Waits until `bash_command` exits with code 0.

    With `retry_exit_code` only that code means "not yet", and any other fails the task for good.
    """

    template_fields: Sequence[str] = ("bash_command", "env")

    def __init__(
        self,
        *,
        bash_command: str,
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.output_encoding = output_encoding
        self.retry_exit_code = retry_exit_code
        self._hook = SubprocessHook()

    def poke(self, context: Mapping[str, Any]) -> bool:
        self._hook = SubprocessHook()
        self.log.info("Running command: %s", self.bash_command)
        result = self._hook.run_command(
            [shutil.which("bash") or "bash", "-c", self.bash_command],
            env=self.env,
            output_encoding=self.output_encoding,
            on_line=lambda line: self.log.info("%s", line),
        )
        if result.exit_code and self.retry_exit_code not in (None, result.exit_code):
            raise AirflowFailException(
                f"the command exited with code {result.exit_code}, which is neither 0 nor retry_exit_code "
                f"{self.retry_exit_code}"
            )
        self.log.info("Command exited with return code %s", result.exit_code)
        return result.exit_code == 0

    def on_kill(self) -> None:
        self._hook.end()
