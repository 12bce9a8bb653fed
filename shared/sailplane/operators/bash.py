"""Tasks that run a shell command."""

import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, ClassVar

from sailplane.authoring.calling import keywords_for
from sailplane.authoring.context import context_variables
from sailplane.authoring.exceptions import AirflowException, AirflowSkipException
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.taskflow import DecoratedOperator
from sailplane.hooks.subprocess import CommandResult, SubprocessHook


class BashOperator(BaseOperator):
    """Runs `bash_command` in bash; the last line of its output is the task's XCom.

    A non-zero exit code fails the task, one of `skip_on_exit_code` skips it. A `bash_command` that ends in `.sh` or
    `.bash` names a file, whose rendered text is run; a space behind the name runs the file as it is. `env` replaces the
    environment, or with `append_env` adds to it.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"bash_command": "bash", "env": "json"}
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: str,
        env: Mapping[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Collection[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = lambda output: output,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.append_env = append_env
        self.output_encoding = output_encoding
        self.skip_on_exit_code = _codes(skip_on_exit_code)
        self.cwd = cwd
        self.output_processor = output_processor
        self._hook = SubprocessHook()
        self._is_script = isinstance(bash_command, str) and bash_command.endswith(tuple(self.template_ext))

    def execute(self, context: Mapping[str, Any]) -> Any:
        self._check_cwd()
        self._hook = SubprocessHook()
        result = self._run_script(context) if self._is_script else self._run(self.bash_command, context)
        if result.exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"the command exited with code {result.exit_code}, which skips the task")
        if result.exit_code != 0:
            raise AirflowException(f"the command {_exit(result.exit_code)}")
        return self.output_processor(result.last_line)

    def _check_cwd(self) -> None:
        if self.cwd is not None and not Path(self.cwd).is_dir():
            raise AirflowException(f"there is no folder {self.cwd!r}, the cwd of task {self.task_id!r}")

    def _run(self, command: str, context: Mapping[str, Any], *, is_file: bool = False) -> CommandResult:
        self.log.info("Running command: %s", self.bash_command)
        bash = shutil.which("bash") or "bash"
        result = self._hook.run_command(
            [bash, command] if is_file else [bash, "-c", command],
            env=self.get_env(context),
            cwd=self.cwd,
            output_encoding=self.output_encoding,
            on_line=lambda line: self.log.info("%s", line),
        )
        self.log.info("Command exited with return code %s", result.exit_code)
        return result

    def _run_script(self, context: Mapping[str, Any]) -> CommandResult:
        """Run the rendered script as a file, which may be longer than an argument."""
        with NamedTemporaryFile("w", prefix="sailplane", suffix=".sh") as file:
            file.write(self.bash_command)
            file.flush()
            return self._run(file.name, context, is_file=True)

    def get_env(self, context: Mapping[str, Any]) -> dict[str, str]:
        """The command's environment: with Airflow's variables that say which task it runs for."""
        own = dict(self.env) if self.env is not None else None
        base = {**os.environ, **(own or {})} if own is None or self.append_env else own
        return {**base, **context_variables(context)}

    def on_kill(self) -> None:
        self._hook.end()


def _codes(given: int | Collection[int] | None) -> frozenset[int]:
    if given is None:
        return frozenset()
    return frozenset({given} if isinstance(given, int) else given)


def _exit(code: int) -> str:
    return f"exited with code {code}" if code > 0 else f"was ended by signal {-code}"


class BashDecoratedOperator(DecoratedOperator, BashOperator):
    """A `@task.bash`: the function returns the command."""

    template_fields: Sequence[str] = ("op_args", "op_kwargs", "bash_command", "env", "cwd")
    custom_operator_name = "@task.bash"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] = (),
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            upstream_arguments={"bash_command": ""},
            **kwargs,
        )

    def execute(self, context: Mapping[str, Any]) -> Any:
        keywords = keywords_for(self.python_callable, self.op_args, self.op_kwargs, context)
        command = self.python_callable(*self.op_args, **keywords)
        if not isinstance(command, str) or not command.strip():
            raise TypeError(
                f"the function of the @task.bash {self.task_id!r} must return a command, but returned {command!r}"
            )
        self._is_script = command.endswith(tuple(self.template_ext))
        self.bash_command = self.render_template(command, context)
        return super().execute(context)
