"""Calling a function in another Python: its source, its arguments and its result go through files."""

import ast
import inspect
import json
import os
import re
import shutil
import sys
import textwrap
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sailplane.authoring.calling import CONTEXT_KEYS, keywords_for
from sailplane.authoring.exceptions import AirflowException, AirflowSkipException
from sailplane.authoring.lazy_value import LazyValue
from sailplane.authoring.lazy_xcom import LazyXComSequence
from sailplane.hooks.subprocess import SubprocessHook
from sailplane.model import xcom
from sailplane.operators import guest
from sailplane.operators.python import PythonOperator

PASSED_ON = frozenset(
    {
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "logical_date",
        "params",
        "partition_date",
        "partition_key",
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "prev_end_date_success",
        "prev_start_date_success",
        "run_id",
        "task_instance_key_str",
        "task_reschedule_count",
        "templates_dict",
        "test_mode",
        "try_number",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
    }
)
"""Names of the context that are values, which can go to another process; the others stay here."""


class Serializer(StrEnum):
    """How arguments and result are written."""

    JSON = "json"
    """As XComs are: nothing is pickled."""
    PICKLE = "pickle"
    CLOUDPICKLE = "cloudpickle"
    DILL = "dill"


class IsolatedPythonOperator(PythonOperator):
    """Calls `python_callable` in the Python that a subclass finds.

    The function must be a `def` that imports what it uses; of its module it has nothing. The global
    `virtualenv_string_args` has `string_args`. Without a `serializer`, arguments and result may be all that XComs may
    be; with `pickle`, `cloudpickle` or `dill` they are pickled. `expect_airflow` is accepted, without effect.
    """

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        string_args: Iterable[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Collection[int] | None = None,
        env_vars: Mapping[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        _check_function(type(self).__name__, python_callable)
        super().__init__(python_callable=python_callable, **kwargs)
        known = ", ".join(repr(str(each)) for each in Serializer if each is not Serializer.JSON)
        if serializer is not None and serializer not in tuple(Serializer):
            raise AirflowException(f"Unsupported serializer {serializer!r}. Expected one of {known}")
        self.serializer = Serializer(serializer or Serializer.JSON)
        self.string_args = list(string_args or ())
        self.expect_airflow = expect_airflow
        codes = skip_on_exit_code
        self.skip_on_exit_code = frozenset(() if codes is None else {codes} if isinstance(codes, int) else codes)
        self.env_vars = env_vars
        self.inherit_env = inherit_env
        self._hook = SubprocessHook()

    def find_python(self) -> Path:
        """The Python to use."""
        raise NotImplementedError(f"{type(self).__name__} has no find_python()")

    def more_path(self) -> list[str]:
        """Folders of packages that the other Python sees behind its own."""
        return []

    def call(self, context: Mapping[str, Any]) -> Any:
        self._hook = SubprocessHook()
        arguments = self._arguments(context)
        python = self.find_python()
        with TemporaryDirectory(prefix="sailplane") as name:
            folder = Path(name)
            self._write(folder, arguments)
            self._run(python, folder)
            return self._read(folder / "result")

    def on_kill(self) -> None:
        self._hook.end()

    def _arguments(self, context: Mapping[str, Any]) -> dict[str, Any]:
        asked = inspect.signature(self.python_callable).parameters
        offered = {
            name: value
            for name, value in context.items()
            if name in PASSED_ON and not (type(value) is LazyValue and name not in asked) and value is not None
        }
        offered["templates_dict"] = self.templates_dict
        if "params" in offered:
            offered["params"] = dict(offered["params"])
        keywords = keywords_for(self.python_callable, self.op_args, self.op_kwargs, offered)
        self._check_asked(keywords)
        return {
            "args": [_plain(value) for value in self.op_args],
            "kwargs": {name: _plain(value) for name, value in keywords.items()},
        }

    def _check_asked(self, keywords: Mapping[str, Any]) -> None:
        parameters = list(inspect.signature(self.python_callable).parameters.values())[len(self.op_args) :]
        for each in parameters:
            is_asked = each.name in CONTEXT_KEYS - PASSED_ON and each.name not in keywords
            if is_asked and each.default is each.empty and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
                raise AirflowException(
                    f"task {self.task_id!r}: {self.python_callable.__name__}() asks for {each.name!r} of the context, "
                    f"which cannot go to another Python; pass what it needs of it as a templated argument, such as "
                    "'{{ ti.task_id }}'"
                )

    def _write(self, folder: Path, arguments: Mapping[str, Any]) -> None:
        file, line, source = source_of(self.python_callable)
        call = {
            "name": self.python_callable.__name__,
            "file": file,
            "line": line,
            "source": source,
            "serializer": self.serializer,
            "string_args": [str(each) for each in self.string_args],
            "path": [self._bundle()],
            "more_path": self.more_path(),
        }
        (folder / "call.json").write_text(json.dumps(call))
        (folder / "arguments").write_bytes(self._dumps(arguments))
        shutil.copy(guest.__file__, folder / "guest.py")
        if self.serializer is Serializer.JSON:
            _copy_values(folder / guest.VALUES)

    def _bundle(self) -> str:
        """The folder of the DAG files: their own modules can be imported, as in any task."""
        file = self.dag.fileloc
        relative = self.dag.relative_fileloc
        return file.removesuffix(relative).rstrip("/") if relative else str(Path(file).parent)

    def _run(self, python: Path, folder: Path) -> None:
        command = [str(python), str(folder / "guest.py"), str(folder)]
        result = self._hook.run_command(
            command, env=self._environment(), on_line=lambda line: self.log.info("%s", line)
        )
        code = result.exit_code
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Process exited with code {code}. Skipping.")
        if code != 0:
            raise AirflowException(f"Process returned non-zero exit status {code}.{error_in(folder / 'error.json')}")

    def _environment(self) -> dict[str, str]:
        """`PYTHONPATH` and `PYTHONHOME` are those of this Python, not of the other."""
        inherited = os.environ if self.inherit_env else {}
        own = {name: value for name, value in inherited.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        return {**own, **(self.env_vars or {})}

    def _dumps(self, arguments: Mapping[str, Any]) -> bytes:
        if self.serializer is Serializer.JSON:
            return xcom.dumps(dict(arguments), key="arguments", where=f"task {self.task_id!r}").encode()
        data: bytes = self._pickler().dumps(arguments)
        return data

    def _read(self, path: Path) -> Any:
        if not path.exists():
            return None
        data = path.read_bytes()
        return xcom.loads(data.decode()) if self.serializer is Serializer.JSON else self._pickler().loads(data)

    def _pickler(self) -> Any:
        try:
            return import_module(self.serializer)
        except ModuleNotFoundError:
            raise AirflowException(
                f"task {self.task_id!r} has serializer={str(self.serializer)!r}, which is not installed here: add "
                f"{self.serializer} to the requirements of the deployment"
            ) from None


def _check_function(operator: str, function: Any) -> None:
    if not isinstance(function, types.FunctionType) or function.__name__ == "<lambda>":
        raise ValueError(f"{operator} only supports functions for python_callable arg, made with def; not {function!r}")
    if inspect.isgeneratorfunction(function):
        raise ValueError(f"{operator} does not support using 'yield' in python_callable")


def source_of(function: Callable[..., Any]) -> tuple[str, int, str]:
    """The file, the line of the `def` in it, and the source from there on without indentation and decorators."""
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError as error:
        raise AirflowException(f"the source of {function.__name__}() cannot be read: {error}") from error
    source = textwrap.dedent("".join(lines))
    # Texts of several lines may stand further left than the function: then it stays indented, in a block.
    is_indented = source[:1].isspace()
    tree = ast.parse(f"if True:\n{source}" if is_indented else source)
    definition = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    skipped = definition.lineno - 1 - is_indented
    body = "".join(source.splitlines(keepends=True)[skipped:])
    line = first + skipped
    file = inspect.getsourcefile(function) or "<unknown>"
    return (file, line - 1, f"if True:\n{body}") if is_indented else (file, line, body)


_IMPORT = re.compile(r"^from sailplane\.model(?:\.(\w+) import|\s+import ([\w, ]+)$)", re.MULTILINE)


def _copy_values(package: Path) -> None:
    """The reader and writer of values as a package of another name, with the modules of `sailplane.model` it needs."""
    package.mkdir()
    (package / "__init__.py").touch()
    model = Path(str(xcom.__file__)).parent
    wanted, copied = ["xcom"], set()
    while wanted:
        name = wanted.pop()
        if name not in copied:
            copied.add(name)
            text = (model / f"{name}.py").read_text()
            (package / f"{name}.py").write_text(text.replace("sailplane.model", guest.VALUES))
            for module, names in _IMPORT.findall(text):
                wanted += [module] if module else names.replace(" ", "").split(",")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, LazyXComSequence) else value


def error_in(path: Path) -> str:
    """What the other Python said went wrong, for an error's message; empty when it said nothing."""
    if not path.exists():
        return ""
    error = json.loads(path.read_text())
    return f"\n{error['kind']}: {error['message']}"


def packages_path() -> list[str]:
    """Where this Python finds its installed packages."""
    return [folder for folder in sys.path if "site-packages" in folder or "dist-packages" in folder]
