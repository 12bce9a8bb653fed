import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from authored_bundle import Bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Bundle]:
    path, modules = list(sys.path), set(sys.modules)
    yield Bundle(tmp_path)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
        if any(str(place).startswith(str(tmp_path)) for place in places if place):
            del sys.modules[name]
