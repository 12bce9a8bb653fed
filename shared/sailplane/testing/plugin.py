"""The pytest plugin: the fixture `sailplane_dag`. It is there as soon as Sailplane is installed."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG
    from sailplane.testing.harness import DagHarness

SailplaneDag = Callable[..., "DagHarness"]
_FOLDER = "sailplane_dags"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(_FOLDER, "the folder of the DAG files, relative to the root of the tests", default="dags")


@pytest.fixture
def sailplane_dag(request: pytest.FixtureRequest) -> SailplaneDag:
    """A function that makes a `DagHarness`: of a DAG object, of a DAG's id, or of the path of a DAG file.

    Paths and ids are looked for in the folder that the setting `sailplane_dags` names, by default `dags`.
    """
    # Late: a test run that has no use for it does not pay for it.
    from sailplane.testing.harness import DagHarness, find_dag

    folder = Path(request.config.rootpath, request.config.getini(_FOLDER))

    def make(
        dag: "DAG | str | Path",
        dag_id: str | None = None,
        *,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
    ) -> "DagHarness":
        found = _find(folder, dag, dag_id) if isinstance(dag, str | Path) else dag
        return DagHarness(found, variables=variables, connections=connections, environment=os.environ)

    def _find(folder: Path, name: "str | Path", dag_id: str | None) -> "DAG":
        path = Path(name)
        if path.is_absolute():
            return find_dag(path.parent, path.name, dag_id)
        return find_dag(folder, str(name), dag_id)

    return make
