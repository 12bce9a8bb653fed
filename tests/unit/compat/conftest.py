import sys
from collections.abc import Iterator

import pytest

from sailplane.compat.airflow import finder


@pytest.fixture(autouse=True)
def airflow_is_answered_for() -> Iterator[None]:
    """As in a process that reads DAG files; other tests find none of it."""
    path, before = list(sys.path), list(sys.meta_path)
    finder.install()
    yield
    sys.path[:], sys.meta_path[:] = path, before
    for name in [name for name in sys.modules if name.split(".")[0] == finder.ROOT]:
        del sys.modules[name]
