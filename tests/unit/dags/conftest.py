"""The example DAGs, read as a worker reads them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sailplane.authoring.dag import DAG
from sailplane.authoring.loading import load_file

DAGS = Path(__file__).parents[3] / "dags"


def load(file: str) -> Mapping[str, DAG]:
    return load_file(DAGS, file)


@pytest.fixture(scope="session")
def examples() -> Mapping[str, DAG]:
    """All example DAGs by dag_id."""
    found: dict[str, DAG] = {}
    for file in sorted(DAGS.glob("*.py")):
        found |= load(file.name)
    return found
