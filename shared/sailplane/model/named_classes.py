"""Classes of authors' values by name: `module:qualname`, there and back."""

import importlib
import sys
from typing import Any


def class_path(value: Any) -> str | None:
    """The name of the class of `value` when that leads back to it."""
    kind = type(value)
    found: Any = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    return f"{kind.__module__}:{kind.__qualname__}" if found is kind else None


def import_class(path: str) -> Any:
    """The class that `path` names. Raises what the import raises, and `TypeError` when it is no class."""
    module, _, qualname = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name)
    if not isinstance(found, type):
        raise TypeError(f"{path} is not a class")
    return found
