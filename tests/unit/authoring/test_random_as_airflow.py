"""DAGs made by chance, and every trigger rule after every pair of end states: they end as they ended in Airflow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import random_dags
import rule_dags
from recorded_runs import differences, digest, expected, for_sailplane, recorded, text_of
from run_in_memory import MemoryRun, run_in_memory

from sailplane.authoring.dag import DAG
from sailplane.authoring.loading import load_file
from sailplane.model.states import RunType

RANDOM, RULES = recorded("random.json"), recorded("rules.json")
DOCUMENTED = Path(__file__).parents[3] / "docs" / "airflow-differences.md"
FAILURES = ("failed", "upstream_failed")


def dag_of(folder: Path, dag_id: str) -> DAG:
    (folder / "flow.py").write_text(for_sailplane(text_of(dag_id)))
    return load_file(folder, "flow.py")[dag_id]


def outcome(dag: DAG, run: MemoryRun) -> dict[str, Any]:
    """What happened, in the words of the recordings."""
    rendered = {str(key): json.loads(each.rendered) for key, each in run.instances.items() if each.rendered}
    labels = {name: (fields.get("op_kwargs") or {}).get("label") for name, fields in rendered.items()}
    return {
        "run": str(run.run),
        "states": run.states,
        "values": {name: value for name, value in run.values.items() if not random_dags.is_head(name)},
        "tries": {str(key): each.try_number for key, each in run.instances.items() if each.try_number > 1},
        "labels": {name: label for name, label in labels.items() if label},
        "upstream": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks if task.upstream_task_ids},
    }


@pytest.mark.parametrize("dag_id", RANDOM)
def test_a_random_dag_ends_as_in_airflow(tmp_path: Path, dag_id: str) -> None:
    dag = dag_of(tmp_path, dag_id)
    for order in (1, 2):
        run = run_in_memory(dag, seed=order, run_type=RunType.MANUAL)
        assert outcome(dag, run) == expected(dag_id, RANDOM[dag_id]), run.errors()


@pytest.mark.parametrize("dag_id", RULES)
def test_a_rule_decides_as_in_airflow_after_every_pair_of_ends(tmp_path: Path, dag_id: str) -> None:
    wanted = expected(dag_id, RULES[dag_id])
    run = run_in_memory(dag_of(tmp_path, dag_id), seed=len(dag_id), run_type=RunType.MANUAL)
    assert (str(run.run), run.states) == (wanted["run"], wanted["states"])


def test_every_rule_was_recorded_with_every_pair() -> None:
    assert [rule.partition("_")[2] for rule in RULES] == sorted(rule_dags.RULES)
    for row in RULES.values():
        pairs = {name for name in row["states"] if name.startswith("after_") and "_and_" in name}
        assert len(pairs) == len(rule_dags.STATES) ** 2 + 6


def test_what_was_recorded_is_what_is_run() -> None:
    rows = {**RANDOM, **RULES}
    assert [dag_id for dag_id, row in rows.items() if digest(text_of(dag_id)) != row["text"]] == []
    assert len(RANDOM) >= 200


def test_the_random_dags_mix_what_they_are_to_mix() -> None:
    texts = [text_of(dag_id).partition("with DAG(")[2] for dag_id in RANDOM]
    wanted = ("trigger_rule=", "TaskGroup(", "@task_group", ".expand", "branch.", "circuit.", "closes(", "retries=")
    for construct in wanted:
        assert sum(construct in text for text in texts) >= 20, construct
    ends = [state for row in RANDOM.values() for state in row["states"].values()]
    assert min(ends.count(state) for state in ("success", "failed", "skipped", "upstream_failed")) >= 100


def test_each_difference_is_documented_and_what_differs_first_follows_from_it() -> None:
    page = DOCUMENTED.read_text()
    for dag_id, row in differences().items():
        assert f"`{dag_id}`" in page, dag_id
        assert row["why"] in WHYS, dag_id
        recording = {**RANDOM, **RULES}[dag_id]
        for task_id in first_to_differ(row, recording):
            assert WHYS[row["why"]](task_id, recording), (dag_id, task_id)


def first_to_differ(row: Mapping[str, Any], recording: Mapping[str, Any]) -> set[str]:
    """The tasks that end otherwise, though those before them end as in Airflow."""
    differing = {name.partition("[")[0] for name in row["states"]}
    upstream: Mapping[str, list[str]] = recording["upstream"]
    return {task_id for task_id in differing if not differing.intersection(upstream.get(task_id, ()))}


def states_of(task_id: str, row: Mapping[str, Any]) -> set[str]:
    return {state for name, state in row["states"].items() if name.partition("[")[0] == task_id}


def is_skipped_before_a_failure(task_id: str, recording: Mapping[str, Any]) -> bool:
    """Airflow looked when an upstream task had been skipped and another had not failed yet."""
    before = {state for each in recording["upstream"][task_id] for state in states_of(each, recording)}
    return states_of(task_id, recording) == {"skipped"} and "skipped" in before and not before.isdisjoint(FAILURES)


def is_started_before_it_can_be_mapped(task_id: str, recording: Mapping[str, Any]) -> bool:
    """Airflow looked when the rule was met and what it is mapped over had not ended."""
    return recording["states"].get(task_id) == "upstream_failed"


def is_judged_whole(task_id: str, recording: Mapping[str, Any]) -> bool:
    """Airflow did not expand a task of a mapped group, as its rule was not met by what the group is mapped over."""
    return recording["states"].get(task_id) in ("skipped", "upstream_failed")


WHYS = {
    "skipped early": is_skipped_before_a_failure,
    "mapped early": is_started_before_it_can_be_mapped,
    "judged whole": is_judged_whole,
}
