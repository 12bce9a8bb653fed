"""The DAGs of `tests/oracle/skip_dags` are linked as in Airflow, and end as they ended there."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from run_in_memory import run_in_memory

from sailplane.authoring.dag import DAG
from sailplane.authoring.loading import load_file
from sailplane.model.states import RunType

ORACLE = Path(__file__).parents[2] / "oracle"
RECORDED: Mapping[str, Mapping[str, Any]] = json.loads((ORACLE / "skips.json").read_text())["dags"]
DIFFERENT: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "branch_in_a_mapped_group": {"states": {"each.y[0]": "skipped", "each.x[1]": "skipped"}},
    "mapped_work_in_a_bracket": {"upstream": {"delete": ["create", "each"]}},
}
"""dag_id -> what is otherwise here; `docs/airflow-differences.md` says why."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAG files as they are, but for the names of modules."""
    made = tmp_path_factory.mktemp("skip_dags")
    for path in (ORACLE / "skip_dags").glob("*.py"):
        text = re.sub(r"from airflow\.[\w.]+ import", "from sailplane import", path.read_text())
        (made / path.name).write_text(text)
    return made


@cache
def dags_of(folder: Path, file: str) -> Mapping[str, DAG]:
    return load_file(folder, file)


@pytest.mark.parametrize("dag_id", RECORDED)
def test_a_dag_is_linked_and_ends_as_in_airflow(folder: Path, dag_id: str) -> None:
    recorded, different = RECORDED[dag_id], DIFFERENT.get(dag_id, {})
    expected = {part: {**recorded[part], **different.get(part, {})} for part in ("upstream", "states")}
    dag = dags_of(folder, recorded["file"])[dag_id]
    assert {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks} == expected["upstream"]
    run = run_in_memory(dag, seed=len(dag_id), run_type=RunType.MANUAL)
    assert run.states == expected["states"], run.errors()
    assert str(run.run) == recorded["run"]
    tries = {str(key): each.try_number for key, each in run.instances.items() if each.try_number > 1}
    assert tries == recorded.get("tries", {})


def test_each_difference_is_documented() -> None:
    page = (ORACLE.parents[1] / "docs" / "airflow-differences.md").read_text()
    assert [dag_id for dag_id in DIFFERENT if f"`{dag_id}`" not in page] == []


def test_retries_are_among_what_was_recorded() -> None:
    assert RECORDED["retried_to_success"]["tries"] == {"at_last": 3}


def test_every_dag_of_the_files_was_recorded(folder: Path) -> None:
    files = sorted(path.name for path in folder.glob("*.py"))
    assert sorted(dag_id for file in files for dag_id in dags_of(folder, file)) == sorted(RECORDED)
