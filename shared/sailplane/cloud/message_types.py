"""Google's message types without the clients around them.

A google-cloud package imports all its clients, with authentication and HTTP, as soon as anything inside is imported:
half a second and 20 MB of each cold start, for what the stubs of this package do not use. Whoever imports a package
whole afterwards finds these same types.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

FIRESTORE = "google.cloud.firestore_v1"
PUBSUB = "google.pubsub_v1"


def types_of(package: str, module: str) -> Any:
    """The module `package.types.module`, imported without running the package's own `__init__`."""
    name = f"{package}.types.{module}"
    if package in sys.modules:
        return import_module(name)
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    sys.modules[package] = module_from_spec(spec)
    try:
        return import_module(name)
    finally:
        del sys.modules[package]
