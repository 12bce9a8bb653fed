"""What each of Airflow's names stands for in Sailplane. Looking a name up imports nothing; loading it does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from sailplane.compat.airflow import advice, classic_paths, sdk_paths, standard_paths, versions

VERSIONS: Mapping[str, str] = {"airflow": versions.AIRFLOW, "airflow.sdk": versions.TASK_SDK}
"""What `__version__` says."""

_PUBLIC = "sailplane"
"""The package that exports what DAG files import."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where an object is: `module:attribute`, and whether it is called to get the name's value."""

    module: str
    attribute: str
    is_called: bool = False

    @classmethod
    def parse(cls, text: str) -> "Target":
        module, _, attribute = text.partition(":")
        return cls(module=module, attribute=attribute.removesuffix("()"), is_called=attribute.endswith("()"))

    def load(self) -> Any:
        found: Any = import_module(self.module)
        if self.attribute:
            found = getattr(found, self.attribute)
        return found() if self.is_called else found


@cache
def modules() -> Mapping[str, Mapping[str, str]]:
    """Each module of Airflow's that Sailplane answers for, with its names and what each is called here."""
    tables: dict[str, dict[str, str]] = {"airflow": {}}
    for paths in (sdk_paths.PATHS, standard_paths.PATHS, classic_paths.PATHS):
        for places, listed in paths.items():
            for module in places.split():
                tables.setdefault(module, {}).update(_parse(listed))
    for module in list(tables):
        for parent in _parents(module):
            tables.setdefault(parent, {})
    return tables


def _parse(listed: str) -> Iterator[tuple[str, str]]:
    for entry in listed.split():
        name, _, target = entry.partition("=")
        yield name, target or name


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def is_module(module: str) -> bool:
    return module in modules()


def find(module: str, name: str) -> Target | None:
    """Where Sailplane has what Airflow calls `module.name`; None when it does not have it."""
    target = modules().get(module, {}).get(name)
    if target is None:
        return None
    if ":" in target:
        return Target.parse(target)
    return Target(module=_PUBLIC, attribute=target) if target in _exported() else None


@cache
def _exported() -> frozenset[str]:
    # By name: whoever only asks for names must not come to depend on what authors' code stands on.
    return frozenset(import_module(_PUBLIC).__all__)


def present(module: str) -> list[str]:
    """The names of one of Airflow's modules that Sailplane has."""
    return [name for name in modules()[module] if find(module, name) is not None]


def load(module: str, name: str) -> Any:
    """The object. Raises `ImportError`, which says what to use instead."""
    target = find(module, name)
    if target is None:
        raise ImportError(refusal(f"{module}.{name}"), name=module)
    return target.load()


def refusal(path: str) -> str:
    """That Sailplane does not have `path`, a module or a name in one, and what to use."""
    return f"Sailplane does not have {path}: {advise(path)}"


def advise(path: str) -> str:
    """What to use instead of `path`."""
    return advice.for_path(path)
