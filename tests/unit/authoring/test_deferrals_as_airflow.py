"""The DAGs of `tests/oracle/deferral_dags` end as they ended under Airflow's scheduler and triggerer."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sailplane.authoring.dag import DAG
from sailplane.authoring.loading import load_file
from sailplane.model import xcom
from sailplane.testing.harness import DagHarness

ORACLE = Path(__file__).parents[2] / "oracle"
RECORDED: Mapping[str, Mapping[str, Any]] = json.loads((ORACLE / "deferrals.json").read_text())["dags"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAG file as it is, but for the names of modules."""
    made = tmp_path_factory.mktemp("deferral_dags")
    for path in (ORACLE / "deferral_dags").glob("*.py"):
        text = re.sub(r"from airflow\.[\w.]+ import", "from sailplane import", path.read_text())
        (made / path.name).write_text(text)
    return made


@cache
def dags(folder: Path) -> Mapping[str, DAG]:
    return load_file(folder, "deferrals.py")


@pytest.mark.parametrize("dag_id", RECORDED)
def test_a_dag_ends_as_in_airflow(folder: Path, dag_id: str) -> None:
    recorded = RECORDED[dag_id]
    run = DagHarness(dags(folder)[dag_id]).run()
    assert run.states == recorded["states"], run.book.lines
    assert str(run.state) == recorded["run"]
    instances = {str(each.key): each for each in run.instances}
    values = {name: each.xcoms["return_value"] for name, each in instances.items() if "return_value" in each.xcoms}
    assert {name: xcom.loads(value) for name, value in values.items()} == recorded["values"]
    tries = {name: each.try_number for name, each in instances.items() if each.try_number > 1}
    assert tries == recorded["tries"]


def test_every_dag_of_the_file_was_recorded(folder: Path) -> None:
    assert sorted(dags(folder)) == sorted(RECORDED)
