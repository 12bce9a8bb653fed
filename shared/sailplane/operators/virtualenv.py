"""Tasks whose function runs in a Python environment of its own."""

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from sailplane.authoring import lookups
from sailplane.authoring.connection import Connection
from sailplane.authoring.exceptions import AirflowException
from sailplane.authoring.taskflow import DecoratedOperator
from sailplane.authoring.variable import Variable
from sailplane.operators import environments
from sailplane.operators.branch import BranchMixIn
from sailplane.operators.environments import EnvironmentSpec
from sailplane.operators.isolated import IsolatedPythonOperator, packages_path
from sailplane.operators.python import PythonOperator
from sailplane.operators.shared_environments import SharedEnvironments

CACHE_KEY_VARIABLE = "python_virtualenv_operator_cache_key"
"""Airflow's Variable by which all environments are made anew."""


class PythonVirtualenvOperator(IsolatedPythonOperator):
    """Calls a function in an environment with `requirements`: a list of them, or the text of a requirements file.

    Environments are kept, by a hash of what they are made of, in the folder `venv_cache_path` or else in the worker's
    cache, and used again by later tasks. With `system_site_packages` the worker's own packages are there too, behind
    those of the environment. `index_urls` name the package indexes; `[]` none at all.
    """

    template_fields: Sequence[str] = (
        "requirements",
        "index_urls",
        "index_urls_from_connection_ids",
        "venv_cache_path",
        *PythonOperator.template_fields,
    )
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: Sequence[str] | None = None,
        index_urls: Collection[str] | str | None = None,
        index_urls_from_connection_ids: Collection[str] | str | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if python_version is not None and not isinstance(python_version, str):
            raise AirflowException("Passing non-string types (e.g. int or float) as python_version not supported")
        super().__init__(**kwargs)
        self.requirements = _texts(requirements) or []
        self.python_version = python_version
        self.system_site_packages = system_site_packages
        self.pip_install_options = list(pip_install_options or ())
        self.index_urls = _texts(index_urls)
        self.index_urls_from_connection_ids = _texts(index_urls_from_connection_ids)
        self.venv_cache_path = os.fspath(venv_cache_path) if venv_cache_path is not None else None

    def find_python(self) -> Path:
        def say(line: str) -> None:
            self.log.info("%s", line)

        if self.venv_cache_path:  # A place of the author's own: whoever else has it there needs no copy.
            return environments.ensure(self.environment(), Path(self.venv_cache_path), self._hook, say)
        shared = SharedEnvironments(lookups.running("A virtual environment"), say)
        return environments.ensure(self.environment(), environments.default_root(), self._hook, say, shared)

    def environment(self) -> EnvironmentSpec:
        """What the environment is made of, once the fields are rendered."""
        return EnvironmentSpec(
            requirements=tuple(sorted([*self.requirements, *self._serializer_requirement()])),
            python_version=self.python_version,
            system_site_packages=self.system_site_packages,
            pip_install_options=tuple(self.pip_install_options),
            index_urls=self._indexes(),
            cache_key=str(Variable.get(CACHE_KEY_VARIABLE, "")),
        )

    def more_path(self) -> list[str]:
        is_shared = self.system_site_packages and EnvironmentSpec(python_version=self.python_version).is_of_this_python
        return packages_path() if is_shared else []

    def _serializer_requirement(self) -> list[str]:
        """`cloudpickle` or `dill`, unless it is asked for already or comes from the worker."""
        name = str(self.serializer)
        is_needed = name in ("cloudpickle", "dill") and not self.system_site_packages
        return [name] if is_needed and not any(each.startswith(name) for each in self.requirements) else []

    def _indexes(self) -> tuple[str, ...] | None:
        if not self.index_urls_from_connection_ids:
            return None if self.index_urls is None else tuple(self.index_urls)
        named = [_index_url(conn_id) for conn_id in self.index_urls_from_connection_ids]
        return (*(self.index_urls or ()), *named)


def _texts(given: Iterable[str] | str | None) -> list[str] | None:
    return None if given is None else [given] if isinstance(given, str) else [str(each) for each in given]


def _index_url(conn_id: str) -> str:
    """The URL of a package index, as Airflow's `PackageIndexHook` makes it of a Connection."""
    from urllib.parse import quote, urlsplit

    connection = Connection.get(conn_id)
    if not connection.host:
        raise AirflowException(f"the Connection {conn_id!r} has no host: put the URL of the package index there")
    parts = urlsplit(connection.host if "://" in connection.host else f"https://{connection.host}")
    if not connection.login:
        return parts.geturl()
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    return parts._replace(netloc=f"{quote(connection.login, safe='')}{password}@{parts.netloc}").geturl()


class ExternalPythonOperator(IsolatedPythonOperator):
    """Calls a function in the Python that `python` is the path of: an environment that is there already."""

    template_fields: Sequence[str] = ("python", *PythonOperator.template_fields)

    def __init__(self, *, python: str, expect_pendulum: bool = False, **kwargs: Any) -> None:
        if not python:
            raise ValueError("Python Path must be defined in ExternalPythonOperator")
        super().__init__(**kwargs)
        self.python = python
        self.expect_pendulum = expect_pendulum

    def find_python(self) -> Path:
        path = Path(self.python)
        if not path.exists():
            raise ValueError(f"Python Path '{path}' must exists")
        if not path.is_file():
            raise ValueError(f"Python Path '{path}' must be a file")
        if shutil.which(path) is None:
            raise ValueError(f"Python Path '{path}' must be an executable file")
        return path


class BranchPythonVirtualenvOperator(BranchMixIn, PythonVirtualenvOperator):
    """Calls a function in an environment of its own; it returns the task_id, or ids, to go on with."""

    def execute(self, context: Mapping[str, Any]) -> Any:
        return self.do_branch(context, super().execute(context))


class BranchExternalPythonOperator(BranchMixIn, ExternalPythonOperator):
    """Calls a function in another Python; it returns the task_id, or ids, to go on with."""

    def execute(self, context: Mapping[str, Any]) -> Any:
        return self.do_branch(context, super().execute(context))


class _Decorated(DecoratedOperator):
    """A function's task; the operator gets the function while it is made, to check it."""

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(
            python_callable=python_callable, upstream_arguments={"python_callable": python_callable}, **kwargs
        )


class PythonVirtualenvDecoratedOperator(_Decorated, PythonVirtualenvOperator):
    """A `@task.virtualenv`."""

    template_fields: Sequence[str] = PythonVirtualenvOperator.template_fields
    custom_operator_name: ClassVar[str] = "@task.virtualenv"


class ExternalPythonDecoratedOperator(_Decorated, ExternalPythonOperator):
    """A `@task.external_python`."""

    template_fields: Sequence[str] = ExternalPythonOperator.template_fields
    custom_operator_name: ClassVar[str] = "@task.external_python"


class BranchVirtualenvDecoratedOperator(_Decorated, BranchPythonVirtualenvOperator):
    """A `@task.branch_virtualenv`."""

    template_fields: Sequence[str] = PythonVirtualenvOperator.template_fields
    custom_operator_name: ClassVar[str] = "@task.branch_virtualenv"


class BranchExternalPythonDecoratedOperator(_Decorated, BranchExternalPythonOperator):
    """A `@task.branch_external_python`."""

    template_fields: Sequence[str] = ExternalPythonOperator.template_fields
    custom_operator_name: ClassVar[str] = "@task.branch_external_python"
