"""`airflow.utils.module_loading`."""

from importlib import import_module
from typing import Any


def import_string(dotted_path: str) -> Any:
    """The object that `package.module.name` stands for. Raises `ImportError`."""
    module, _, name = dotted_path.rpartition(".")
    if not module:
        raise ImportError(f"{dotted_path} doesn't look like a module path")
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f'Module "{module}" does not define a "{name}" attribute/class') from None


def unchanged(value: Any) -> Any:
    """`value`: what Airflow 1 needed a decorator for (`apply_defaults`), operators do by themselves."""
    return value
