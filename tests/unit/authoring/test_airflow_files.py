"""DAG files that were written for Airflow, read and run as they are."""

from datetime import UTC, datetime, timedelta

import pytest
from authored_bundle import LOGICAL_DATE, Bundle

import sailplane
from sailplane.authoring.loading import parse_bundle
from sailplane.model.errors import AuthorError
from sailplane.model.execution import OutcomeKind

AIRFLOW_3 = """
    from __future__ import annotations
    from datetime import timedelta
    from typing import TYPE_CHECKING

    import pendulum

    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG, Label, Param, TriggerRule, chain, dag, get_current_context, task, task_group
    from airflow.sdk.exceptions import AirflowSkipException
    from airflow.utils.state import DagRunState, TaskInstanceState

    if TYPE_CHECKING:
        from airflow.sdk.definitions.context import Context
        from airflow.models.something_only_checkers_see import Thing


    @dag(schedule="@daily", start_date=pendulum.datetime(2024, 1, 1, tz="UTC"), params={"n": Param(3, type="integer")})
    def modern():
        @task(retries=2, retry_delay=timedelta(seconds=1))
        def extract() -> list[int]:
            return list(range(get_current_context()["params"]["n"]))

        @task_group
        def shape(values):
            @task
            def double(value: int) -> int:
                if value == 0:
                    raise AirflowSkipException("nothing to double")
                return value * 2

            return double.expand(value=values)

        @task(trigger_rule=TriggerRule.ALL_DONE)
        def state(ti=None) -> str:
            return f"{ti.state} {TaskInstanceState.SUCCESS} {DagRunState.SUCCESS}"

        say = BashOperator(task_id="say", bash_command="echo {{ ds }}")
        chain(shape(extract()), Label("then"), say, [state(), EmptyOperator(task_id="end")])


    modern()
"""
AIRFLOW_2 = """
    import airflow
    from airflow import DAG
    from airflow.decorators import task
    from airflow.exceptions import AirflowFailException
    from airflow.models import Param, TaskInstance
    from airflow.models.baseoperator import BaseOperator, chain, cross_downstream
    from airflow.operators.bash import BashOperator
    from airflow.operators.dummy import DummyOperator
    from airflow.operators.python import BranchPythonOperator, PythonOperator
    from airflow.sensors.base import BaseSensorOperator
    from airflow.sensors.python import PythonSensor
    from airflow.timetables.interval import CronDataIntervalTimetable
    from airflow.utils import timezone
    from airflow.utils.dates import days_ago
    from airflow.utils.edgemodifier import Label
    from airflow.utils.log.logging_mixin import LoggingMixin
    from airflow.utils.task_group import TaskGroup
    from airflow.utils.trigger_rule import TriggerRule
    from airflow.utils.types import DagRunType
    from airflow.utils.weight_rule import WeightRule


    class Greet(BaseOperator, LoggingMixin):
        template_fields = ("whom",)

        def __init__(self, whom, **kwargs):
            super().__init__(**kwargs)
            self.whom = whom

        def execute(self, context):
            return f"hello {self.whom} in a {context['dag_run'].run_type} run"


    def choose(**context):
        return "group.greet"


    with DAG(
        "classic",
        default_args={"owner": "data", "start_date": days_ago(2), "weight_rule": WeightRule.ABSOLUTE},
        schedule=CronDataIntervalTimetable("0 6 * * *", timezone="UTC"),
        catchup=False,
        tags=["old"],
    ) as dag:
        start = DummyOperator(task_id="start")
        pick = BranchPythonOperator(task_id="pick", python_callable=choose)
        with TaskGroup("group") as group:
            greet = Greet(task_id="greet", whom="{{ ds }}")
            other = PythonOperator(task_id="other", python_callable=lambda: timezone.utcnow().tzname())
        end = BashOperator(task_id="end", bash_command="true", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        wait = PythonSensor(task_id="wait", python_callable=lambda: True)
        start >> wait >> pick >> Label("chosen") >> group >> end
"""


def test_a_file_of_airflow_3_is_read_as_it_is(bundle: Bundle) -> None:
    dag = bundle.one(AIRFLOW_3)
    assert isinstance(dag, sailplane.DAG)
    assert set(dag.task_ids) == {"extract", "shape.double", "say", "state", "end"}
    assert dag.get_task("say").upstream_task_ids == {"shape.double"}


def test_its_tasks_run(bundle: Bundle) -> None:
    dag = bundle.one(AIRFLOW_3)
    assert bundle.value(dag, "extract") == [0, 1, 2]
    assert bundle.value(dag, "say") == "2024-05-01"
    assert bundle.value(dag, "state") == "running success success"
    skipped = bundle.run(dag, "shape.double", xcoms={"extract": [0, 1]}, map_index=0)
    assert skipped.kind is OutcomeKind.SKIPPED


def test_a_file_with_the_paths_of_airflow_2_is_read_as_it_is(bundle: Bundle) -> None:
    dag = bundle.one(AIRFLOW_2)
    assert set(dag.task_ids) == {"start", "pick", "group.greet", "group.other", "end", "wait"}
    assert dag.start_date is not None
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert dag.start_date in (today - timedelta(days=2), today - timedelta(days=3))


def test_operators_of_ones_own_run(bundle: Bundle) -> None:
    dag = bundle.one(AIRFLOW_2)
    assert bundle.value(dag, "group.greet") == f"hello {LOGICAL_DATE:%Y-%m-%d} in a scheduled run"
    assert bundle.value(dag, "group.other") == "UTC"


def test_a_helper_module_of_the_bundle_may_import_airflow_too(bundle: Bundle) -> None:
    bundle.write("plain.py", "from airflow.sdk import task\n@task\ndef one(): return 1\n")
    assert bundle.value(bundle.one("from airflow import DAG\nfrom plain import one\nwith DAG('x'): one()"), "one") == 1


def test_an_import_inside_a_task_works_too(bundle: Bundle) -> None:
    dag = bundle.one("""
        from airflow.sdk import DAG, task
        with DAG("x"):
            @task
            def late():
                from airflow.macros import ds_add
                return ds_add("2024-01-01", 1)
            late()
    """)
    assert bundle.value(dag, "late") == "2024-01-02"


def test_a_missing_name_breaks_its_file_only_and_says_where_and_what_to_do(bundle: Bundle) -> None:
    bundle.write("good.py", "from airflow.sdk import DAG\nwith DAG('good'): pass\n")
    bundle.write("bad.py", "from airflow.sdk import DAG\nfrom airflow.providers.amazon.x import Y\n")
    parsed = parse_bundle(bundle.root)
    assert [dag.dag_id for dag in parsed.dags] == ["good"]
    (error,) = parsed.errors
    assert error.message.startswith("bad.py, line 2: ModuleNotFoundError: Sailplane does not have airflow.providers.am")
    assert "use boto3" in error.message


def test_an_argument_that_airflow_3_removed_is_refused_with_its_new_name(bundle: Bundle) -> None:
    with pytest.raises(AuthorError, match="'schedule_interval'; it is called schedule since Airflow 3"):
        bundle.load("from airflow import DAG\nDAG('x', schedule_interval='@daily')\n")


def test_a_form_may_label_the_choice_of_nothing(bundle: Bundle) -> None:
    bundle.write(
        "form.py",
        "from airflow.sdk import DAG, Param\n"
        "DAG_ = DAG('x', params={'n': Param(None, enum=[1, None], values_display={1: 'one', None: 'none'})})\n",
    )
    (dag,) = parse_bundle(bundle.root).dags
    assert dag.params["n"].schema["values_display"] == {"1": "one", "null": "none"}


def test_dags_of_airflow_itself_are_told_from_ours(bundle: Bundle) -> None:
    text = "class DAG: __module__ = 'airflow.sdk.definitions.dag'\nx = DAG()\n"
    with pytest.raises(AuthorError, match="apache-airflow is installed here: import from sailplane instead of airflow"):
        bundle.load(text)


def test_a_file_that_only_imports_the_name_declares_no_dag(bundle: Bundle) -> None:
    assert bundle.load("from airflow.sdk import DAG, dag\n") == {}
