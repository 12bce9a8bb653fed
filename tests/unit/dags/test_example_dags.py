"""What the example DAGs show."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sailplane.authoring.dag import DAG
from sailplane.authoring.loading import parse_bundle
from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.states import TriggerRule

DAGS = Path(__file__).parents[3] / "dags"


def serialized(dag_id: str) -> SerializedDag:
    return next(dag for dag in parse_bundle(DAGS).dags if dag.dag_id == dag_id)


def task(dag: SerializedDag, task_id: str) -> SerializedTask:
    return dag.task_dict[task_id]


def test_all_files_can_be_read() -> None:
    bundle = parse_bundle(DAGS)
    assert bundle.errors == ()
    assert {dag.dag_id for dag in bundle.dags} == {"hello", "nightly_backup", "retries_and_rules", "weather_report"}


def test_every_example_is_tagged_and_says_what_it_is_for(examples: Mapping[str, DAG]) -> None:
    for dag_id, dag in examples.items():
        assert "example" in dag.tags
        assert dag_id == "hello" or (dag.description and dag.doc_md)


def test_only_hello_starts_by_itself() -> None:
    for dag in parse_bundle(DAGS).dags:
        starts_by_itself = dag.schedule.summary != "None" and not dag.is_paused_upon_creation
        assert starts_by_itself == (dag.dag_id == "hello")


def test_the_backup_makes_up_for_missed_nights_one_after_another() -> None:
    dag = serialized("nightly_backup")
    assert dag.catchup
    assert dag.max_active_runs == 1
    assert dag.start_date is not None
    assert dag.end_date is not None
    assert dag.end_date - dag.start_date == timedelta(days=7)


def test_the_rules_of_the_failing_example_look_at_both_tasks() -> None:
    dag = serialized("retries_and_rules")
    assert task(dag, "lucky_third_try").retries == 2
    assert task(dag, "alert").trigger_rule is TriggerRule.ONE_FAILED
    assert task(dag, "tidy_up").trigger_rule is TriggerRule.ALL_DONE
    for task_id in ("alert", "tidy_up"):
        assert set(task(dag, task_id).upstream) == {"lucky_third_try", "hopeless"}
