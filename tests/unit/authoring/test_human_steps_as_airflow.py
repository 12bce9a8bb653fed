"""The DAGs of `tests/oracle/human_dags` end here as Airflow itself had them end."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.authoring.loading import load_file
from sailplane.testing.harness import DagHarness

ORACLE = Path(__file__).parents[2] / "oracle"
RECORD: Mapping[str, Any] = json.loads((ORACLE / "human_steps.json").read_text())["dags"]


@pytest.fixture(scope="module")
def dags() -> Iterator[tuple[Mapping[str, DAG], Mapping[str, Any]]]:
    before = set(sys.modules)
    found = load_file(ORACLE / "human_dags", "questions.py")
    answers = next(module.ANSWERS for name, module in sys.modules.items() if name not in before and is_ours(module))
    yield found, answers
    for name in set(sys.modules) - before:
        if is_ours(sys.modules[name]):
            del sys.modules[name]


def is_ours(module: Any) -> bool:
    return str(getattr(module, "__file__", "")).endswith("human_dags/questions.py")


@pytest.mark.parametrize("dag_id", sorted(RECORD))
def test_a_dag_ends_as_in_airflow(dags: tuple[Mapping[str, DAG], Mapping[str, Any]], dag_id: str) -> None:
    found, answers = dags
    run = DagHarness(found[dag_id]).run(answers=answers.get(dag_id, {}))
    expected = RECORD[dag_id]
    assert {"run": str(run.state), "states": run.states} == {name: expected[name] for name in ("run", "states")}
    for name, value in expected["values"].items():
        task_id, _, index = name.partition("[")
        ours = run.xcom(task_id, map_index=int(index.rstrip("]")) if index else None)
        assert without_time(ours) == value, run.describe()


@pytest.mark.parametrize("dag_id", sorted(dag_id for dag_id, row in RECORD.items() if "ask" in row["asked"]))
def test_a_task_asks_what_it_asks_in_airflow(
    dags: tuple[Mapping[str, DAG], Mapping[str, Any]], bundle: Bundle, dag_id: str
) -> None:
    question = bundle.run(dags[0][dag_id], "ask").question
    assert question is not None
    ours = json.loads(msgspec.json.encode(question))
    assert {name: ours[name] for name in RECORD[dag_id]["asked"]["ask"]} == RECORD[dag_id]["asked"]["ask"]


def without_time(value: Any) -> Any:
    return {key: each for key, each in value.items() if key != "responded_at"} if isinstance(value, dict) else value


def test_every_dag_was_recorded(dags: tuple[Mapping[str, DAG], Mapping[str, Any]]) -> None:
    assert set(RECORD) == set(dags[0])
