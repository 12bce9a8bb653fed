"""DAGs run in this process: whole, or a task alone, with what the test gives them."""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sailplane import DAG, EmptyOperator, PythonOperator, get_current_context, task, task_group
from sailplane.authoring.exceptions import AirflowFailException, AirflowSkipException
from sailplane.model.errors import InvalidConf, NotFound
from sailplane.operators.trigger_dagrun import TriggerDagRunOperator
from sailplane.sensors.base import BaseSensorOperator
from sailplane.testing import DagHarness


def test_a_run_says_states_and_xcoms() -> None:
    with DAG("shop") as dag:

        @task
        def extract() -> list[int]:
            return [1, 2, 3]

        @task
        def total(values: list[int]) -> int:
            return sum(values)

        total(extract())
    run = DagHarness(dag).run()
    run.assert_success()
    assert run.states == {"extract": "success", "total": "success"}
    assert run.xcom("total") == 6
    run.assert_xcom("total", 6)


def test_tasks_find_what_the_run_was_given() -> None:
    with DAG("given", params={"rows": 3}) as dag:

        @task
        def seen(**context: Any) -> list[Any]:
            connection = context["conn"].get("shop")
            return [
                context["ds"],
                context["params"]["rows"],
                context["var"].value.get("region"),
                context["var"].json.get("limits"),
                connection.host,
                connection.password,
            ]

        seen()
    harness = DagHarness(
        dag, variables={"region": "eu", "limits": {"rows": 9}}, connections={"shop": "http://me:secret@shop.example"}
    )
    run = harness.run(logical_date="2026-01-03", conf={"rows": 7}, variables={"region": "us"})
    assert run.xcom("seen") == ["2026-01-03", 7, "us", {"rows": 9}, "shop.example", "secret"]


@pytest.mark.parametrize(
    "given",
    [
        "postgres://me:pw@db:5432/shop",
        json.dumps({"conn_type": "postgres", "host": "db", "login": "me", "password": "pw", "port": 5432}),
        {"conn_type": "postgres", "host": "db", "login": "me", "password": "pw", "port": 5432},
    ],
)
def test_a_connection_is_given_as_uri_json_or_dict(given: Any) -> None:
    with DAG("connected") as dag:

        @task
        def seen(**context: Any) -> list[Any]:
            found = context["conn"].get("db")
            return [found.host, found.port, found.password]

        seen()
    assert DagHarness(dag, connections={"db": given}).run().xcom("seen") == ["db", 5432, "pw"]


def test_the_environment_has_what_was_not_given() -> None:
    with DAG("environment") as dag:

        @task
        def seen(**context: Any) -> str:
            return str(context["var"].value.get("colour"))

        seen()
    assert DagHarness(dag, environment={"AIRFLOW_VAR_COLOUR": "blue"}).run().xcom("seen") == "blue"


def test_retries_come_at_once_and_each_has_its_log() -> None:
    with DAG("retried") as dag:

        @task(retries=2, retry_delay=timedelta(hours=5))
        def unlucky(**context: Any) -> int:
            print(f"this is try {context['try_number']}")
            if context["try_number"] < 3:
                raise ValueError("not yet")
            return int(context["try_number"])

        unlucky()
    run = DagHarness(dag).run()
    run.assert_success()
    assert (run.tries("unlucky"), run.xcom("unlucky")) == (3, 3)
    assert "this is try 2" in run.log("unlucky", try_number=2)
    assert "this is try 1" not in run.log("unlucky", try_number=2)


def test_a_failure_is_told_with_its_exception_and_its_line() -> None:
    with DAG("broken") as dag:

        @task
        def breaks() -> None:
            raise ValueError("no such customer")

        breaks() >> EmptyOperator(task_id="after")
    run = DagHarness(dag).run()
    run.assert_failed()
    run.assert_states(breaks="failed", after="upstream_failed")
    assert isinstance(run.exception("breaks"), ValueError)
    assert run.traceback("breaks").endswith("ValueError: no such customer\n")
    error = run.error("breaks")
    assert error is not None
    assert error.kind == "ValueError"
    with pytest.raises(AssertionError, match=r"(?s)should have succeeded.*breaks: failed.*no such customer") as raised:
        run.assert_success()
    assert raised.value.__cause__ is run.exception("breaks")


def test_branches_skips_and_joins_end_as_in_a_deployment() -> None:
    with DAG("branching") as dag:

        @task.branch
        def choose() -> str:
            return "left"

        left, right = EmptyOperator(task_id="left"), EmptyOperator(task_id="right")
        join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
        choose() >> [left, right] >> join
    run = DagHarness(dag).run()
    run.assert_success()
    run.assert_skipped("right")
    run.assert_states({"left": "success", "join": "success"})


def test_mapped_tasks_and_groups_run_instance_by_instance() -> None:
    with DAG("mapped") as dag:

        @task
        def numbers() -> list[int]:
            return [1, 2, 3]

        @task_group
        def each(number: int) -> Any:
            @task
            def double(value: int) -> int:
                return value * 2

            @task
            def plus(value: int) -> int:
                return value + 1

            return plus(double(number))

        @task
        def total(values: list[int]) -> int:
            return sum(values)

        total(each.expand(number=numbers()))
    run = DagHarness(dag).run()
    run.assert_success()
    assert run.xcom("each.double") == [2, 4, 6]
    assert run.xcom("each.plus", map_index=1) == 5
    assert run.xcom("total") == 15
    assert run.state_of("each.plus", 2) == "success"


class Patient(BaseSensorOperator):
    """True at its third poke."""

    pokes = 0

    def poke(self, context: Any) -> bool:
        type(self).pokes += 1
        return type(self).pokes >= 3


class Never(BaseSensorOperator):
    def poke(self, context: Any) -> bool:
        return False


def test_a_rescheduled_sensor_pokes_on_without_waiting() -> None:
    Patient.pokes = 0
    with DAG("waiting") as dag:
        Patient(task_id="wait", mode="reschedule", poke_interval=3600)
    run = DagHarness(dag).run()
    run.assert_success()
    assert (Patient.pokes, run.tries("wait")) == (3, 1)


def test_a_rescheduled_sensor_times_out_as_if_its_time_had_passed() -> None:
    with DAG("vain") as dag:
        Never(task_id="wait", mode="reschedule", poke_interval=60, timeout=3600, retries=1)
        Never(task_id="soft", mode="reschedule", poke_interval=60, timeout=600, soft_fail=True)
    run = DagHarness(dag).run()
    run.assert_states(wait="failed", soft="skipped")
    assert type(run.exception("wait")).__name__ == "AirflowSensorTimeout"


def test_setups_and_teardowns_frame_what_fails() -> None:
    with DAG("framed") as dag:

        @task
        def create() -> str:
            return "cluster"

        @task
        def use() -> None:
            raise ValueError("broken")

        @task
        def delete() -> None:
            print("deleted")

        start, work, end = create(), use(), delete()
        start >> work >> end.as_teardown(setups=start)
    run = DagHarness(dag).run()
    run.assert_failed()
    run.assert_states(create="success", use="failed", delete="success")
    run.assert_logged("delete", "deleted")


def test_fail_fast_skips_what_has_not_begun() -> None:
    def fail() -> None:
        raise AirflowFailException("enough")

    with DAG("fast", fail_fast=True) as dag:
        PythonOperator(task_id="a_fails", python_callable=fail)
        EmptyOperator(task_id="b") >> PythonOperator(task_id="c", python_callable=print)
    run = DagHarness(dag).run()
    run.assert_failed()
    run.assert_states(a_fails="failed", c="skipped")


def test_tasks_whose_results_are_given_do_not_run() -> None:
    with DAG("stubbed") as dag:

        @task
        def download() -> list[int]:
            raise ConnectionError("not in a test")

        @task
        def double(value: int) -> int:
            return value * 2

        double.expand(value=download())
    run = DagHarness(dag).run(xcoms={"download": [4, 5]})
    run.assert_success()
    assert run.xcom("double") == [8, 10]


def test_tasks_that_a_pattern_names_are_marked_successful() -> None:
    with DAG("marked") as dag:

        @task
        def send_mail() -> None:
            raise ConnectionError("not in a test")

        send_mail() >> EmptyOperator(task_id="after")
    run = DagHarness(dag).run(mark_success="send_.*")
    run.assert_states(send_mail="success", after="success")
    assert DagHarness(dag).run(mark_success="send").state_of("send_mail") == "failed"


def reduce_dag() -> DAG:
    with DAG("alone") as dag:

        @task
        def part(number: int) -> int:
            return number

        @task
        def total(values: Any, **context: Any) -> list[int]:
            return [sum(values), context["ti"].xcom_pull("part", key="extra", map_indexes=1)]

        total(part.expand(number=[1, 2]))
    return dag


def test_one_task_runs_alone_with_the_results_of_others() -> None:
    run = DagHarness(reduce_dag()).run_task("total", xcoms={"part": [10, 20], ("part", "extra"): [1, 2]})
    run.assert_success()
    assert run.states == {"total": "success"}
    assert run.xcom("total") == [30, 2]


def test_one_instance_of_a_mapped_task_runs_alone() -> None:
    run = DagHarness(reduce_dag()).run_task("part", map_index=1)
    assert run.states == {"part[1]": "success"}
    assert run.xcom("part") == [2]


def test_one_task_that_fails_or_is_skipped_says_so() -> None:
    with DAG("ends") as dag:

        @task(retries=3)
        def fails() -> None:
            raise ValueError("broken")

        @task
        def skips() -> None:
            raise AirflowSkipException("nothing to do")

        fails() >> skips()
    harness = DagHarness(dag)
    harness.run_task("fails").assert_failed()
    harness.run_task("skips").assert_skipped("skips")
    assert harness.run_task("fails").states == {"fails": "up_for_retry"}


def test_variables_that_tasks_set_are_found_later_in_the_run() -> None:
    with DAG("setting") as dag:

        @task
        def write() -> None:
            context = get_current_context()
            context["ti"]._services.set_variable("watermark", "7", None)

        @task
        def read(**context: Any) -> str:
            return str(context["var"].value.get("watermark"))

        write() >> read()
    assert DagHarness(dag).run().xcom("read") == "7"


def test_runs_that_tasks_trigger_are_noted_and_count_as_succeeded() -> None:
    with DAG("triggering") as dag:
        TriggerDagRunOperator(
            task_id="go", trigger_dag_id="other", conf={"rows": 1}, wait_for_completion=True, poke_interval=3600
        )
    run = DagHarness(dag).run()
    run.assert_success()
    assert [(each.dag_id, each.conf) for each in run.triggered] == [("other", {"rows": 1})]


def test_the_dags_own_callbacks_are_called(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    with DAG("called", on_failure_callback=lambda context: told.append(f"{context['ti'].task_id} failed")) as dag:
        PythonOperator(task_id="fails", python_callable=lambda: 1 / 0)
    DagHarness(dag).run()
    assert told == ["fails failed"]


def test_the_environment_and_logging_are_as_before_after_a_run() -> None:
    before = dict(os.environ)
    with DAG("tidy") as dag:

        @task
        def untidy() -> str:
            os.environ["LEFT_OVER"] = "1"
            return os.environ["AIRFLOW_CTX_TASK_ID"]

        untidy()
    assert DagHarness(dag).run().xcom("untidy") == "untidy"
    assert dict(os.environ) == before


def test_an_interrupt_ends_the_run_and_not_just_the_task() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with DAG("interrupted") as dag:
        PythonOperator(task_id="stops", python_callable=interrupt)
    with pytest.raises(KeyboardInterrupt, match="stops"):
        DagHarness(dag).run()


def test_conf_that_does_not_fit_the_params_is_refused() -> None:
    from sailplane import Param

    with DAG("strict", params={"rows": Param(3, type="integer")}) as dag:
        EmptyOperator(task_id="nothing")
    with pytest.raises(InvalidConf, match="rows"):
        DagHarness(dag).run(conf={"rows": "many"})


def test_unknown_tasks_are_named_with_those_that_there_are() -> None:
    harness = DagHarness(reduce_dag())
    with pytest.raises(NotFound, match="no task 'totl'; it has: part, total"):
        harness.run_task("totl")
    with pytest.raises(NotFound, match="xcoms names the task 'parts'"):
        harness.run(xcoms={"parts": []})
    with pytest.raises(NotFound, match=r"no task instance part; it has: part\[0\], part\[1\], total"):
        harness.run().state_of("part")


def test_wrong_expectations_are_told_with_all_that_happened() -> None:
    run = DagHarness(reduce_dag()).run(logical_date=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(AssertionError, match=r"total: failed, not skipped|total: \w+, not skipped"):
        run.assert_skipped("total")
    with pytest.raises(AssertionError, match=r"XCom 'return_value' of part is \[1, 2\], not 3"):
        run.assert_xcom("part", 3)
    with pytest.raises(AssertionError, match="has not logged 'absent'"):
        run.assert_logged("total", "absent")
