"""Importing message types without the clients around them.

Google's packages import all their clients, authentication and HTTP with them, as soon as anything inside is imported:
20 MB and half a second that a server, which needs the message types only, would spend for nothing.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def import_types(package: str, module: str) -> ModuleType:
    """Import `package.types.module` of a google package without running the package's own `__init__`.

    The package itself is left as it was: whoever imports it later gets it whole, with these same types.
    """
    name = f"{package}.types.{module}"
    if package in sys.modules:
        return import_module(name)
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"{package} is not installed.", name=package)
    sys.modules[package] = module_from_spec(spec)
    try:
        return import_module(name)
    finally:
        del sys.modules[package]
