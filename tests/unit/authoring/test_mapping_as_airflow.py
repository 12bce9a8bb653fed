"""The DAGs of `tests/oracle/mapping_dags` end as they ended in Airflow, state by state and value by value."""

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

ORACLE = Path(__file__).parents[2] / "oracle"
RECORDED: Mapping[str, Mapping[str, Any]] = json.loads((ORACLE / "mapping.json").read_text())["dags"]
DIFFERENCES = Path(__file__).parents[3] / "docs" / "airflow-differences.md"

DIFFERENT: dict[str, dict[str, dict[str, Any]]] = {
    "branch_past_a_producer": {"values": {"choose_other": "other"}},
    "branch_to_mapped": {"values": {"choose": "taken"}},
    "short_circuit_before_mapped": {"values": {"stop": False}},
    "group_with_branch": {
        "states": {"parted.odd[1]": "skipped", "parted.even[0]": "skipped", "parted.even[2]": "skipped"},
        "values": {"parted.odd[1]": None, "parted.even[0]": None, "parted.even[2]": None},
    },
    "group_with_branch_and_join": {
        "states": {"joined.odd[1]": "skipped", "joined.even[0]": "skipped"},
        "values": {"joined.odd[1]": None, "joined.even[0]": None},
    },
    "group_with_short_circuit": {
        "states": {"circuit.constant[1]": "skipped"},
        "values": {"circuit.constant[1]": None},
    },
    "mapped_short_circuit": {"states": {"after": "skipped"}, "values": {"after": None}},
    "group_zero_length_joined_by_all_done": {
        "run": {"state": "success"},
        "states": {"listed": "success"},
        "values": {"listed": []},
    },
    "group_after_group": {
        "run": {"state": "success"},
        "states": {
            "second.plus": None,
            "listed": "success",
            **{f"{task}[{index}]": "success" for task in ("first.double", "second.plus") for index in range(3)},
        },
        "values": {
            "listed": [3, 5, 7],
            **{f"first.double[{index}]": 2 * index + 2 for index in range(3)},
            **{f"second.plus[{index}]": 2 * index + 3 for index in range(3)},
        },
    },
}
"""dag_id -> what is otherwise here than in the recording; None: not there. `docs/airflow-differences.md` says why."""


def expected(dag_id: str) -> dict[str, Any]:
    recorded, different = RECORDED[dag_id], DIFFERENT.get(dag_id, {})

    def patched(part: str) -> dict[str, Any]:
        return {
            name: value for name, value in {**recorded[part], **different.get(part, {})}.items() if value is not None
        }

    run = different.get("run", {"state": recorded["run"]})["state"]
    return {"run": run, "states": patched("states"), "values": patched("values"), "names": recorded["names"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAG files as they are, but for the names of modules."""
    made = tmp_path_factory.mktemp("mapping_dags")
    for path in (ORACLE / "mapping_dags").glob("*.py"):
        text = re.sub(r"from airflow\.sdk(\.exceptions)? import", "from sailplane import", path.read_text())
        (made / path.name).write_text(text)
    return made


@cache
def dags_of(folder: Path, file: str) -> Mapping[str, DAG]:
    return load_file(folder, file)


@pytest.mark.parametrize("dag_id", RECORDED)
def test_a_mapped_dag_ends_as_in_airflow(folder: Path, dag_id: str) -> None:
    wanted = expected(dag_id)
    run = run_in_memory(dags_of(folder, RECORDED[dag_id]["file"])[dag_id], seed=len(dag_id))
    assert run.states == wanted["states"], run.errors()
    assert str(run.run) == wanted["run"]
    assert json.loads(json.dumps(run.values)) == wanted["values"]
    assert run.map_names == wanted["names"]


def test_every_difference_is_told() -> None:
    page = DIFFERENCES.read_text()
    assert [dag_id for dag_id in DIFFERENT if f"`{dag_id}`" not in page] == []


def test_every_dag_of_the_files_was_recorded(folder: Path) -> None:
    files = sorted(path.name for path in folder.glob("*.py"))
    assert sorted(dag_id for file in files for dag_id in dags_of(folder, file)) == sorted(RECORDED)
    assert len(RECORDED) >= 60
