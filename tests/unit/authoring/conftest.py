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
        if getattr(sys.modules[name], "__file__", None) and str(sys.modules[name].__file__).startswith(str(tmp_path)):
            del sys.modules[name]
