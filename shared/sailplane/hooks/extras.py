"""Packages that only some hooks need, and the extra of Sailplane that brings each."""

from importlib import import_module
from typing import Any

from sailplane.authoring.exceptions import AirflowException


class MissingExtra(AirflowException):
    """A package is not installed; says which extra brings it."""


def load_extra(module: str, *, package: str, extra: str, user: str) -> Any:
    """The module. Raises `MissingExtra`, which says what to install for `user`, when its package is not there."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{module}.".startswith(f"{error.name}."):
            raise  # It is there, and lacks something of its own.
        raise MissingExtra(
            f"{user} needs {package}, which is not installed: name sailplane[{extra}] in the bundle's requirements, or "
            f"pip install 'sailplane[{extra}]'"
        ) from None
