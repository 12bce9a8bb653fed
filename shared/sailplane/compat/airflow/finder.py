"""Answers `import airflow...` where Airflow itself is not installed.

Until a file says so, this costs nothing but an entry in `sys.meta_path`: the tables of names are read by the first
import of `airflow`, and what a name stands for by the first use of the name.
"""

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

ROOT = "airflow"


def install() -> None:
    """From now on `import airflow` finds Sailplane, unless Airflow is installed. Calling it again is free."""
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)


@cache
def is_airflow_installed() -> bool:
    """True when there is a package `airflow`. A mere folder of that name, without code of its own, is none."""
    spec = PathFinder.find_spec(ROOT)
    return spec is not None and spec.origin is not None


class ShimModule(ModuleType):
    """A module of Airflow's name whose names are Sailplane's objects, looked up when used."""

    def __getattr__(self, name: str) -> Any:
        """Raises `ImportError`, which says what to use instead, for a name that Sailplane does not have."""
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from sailplane.compat.airflow import names

        if names.is_module(f"{self.__name__}.{name}"):
            return import_module(f"{self.__name__}.{name}")
        value = names.load(self.__name__, name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *vars(self)["__all__"]})


class AirflowFinder:
    """Finds `airflow` and what is below it, and loads it; leaves all else to others.

    Not derived from `importlib.abc`, whose import would be the dearest part of this module.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises `ModuleNotFoundError`, which says what to use instead, for a module that Sailplane does not have."""
        if not (fullname == ROOT or fullname.startswith("airflow.")) or is_airflow_installed():
            return None
        from sailplane.compat.airflow import names

        if not names.is_module(fullname):
            raise ModuleNotFoundError(names.refusal(fullname), name=fullname)
        loader: Any = self
        return ModuleSpec(fullname, loader, origin="Sailplane", is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return ShimModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        from sailplane.compat.airflow import names

        vars(module)["__all__"] = list(names.present(module.__name__))
        if module.__name__ in names.VERSIONS:
            vars(module)["__version__"] = names.VERSIONS[module.__name__]


FINDER = AirflowFinder()
