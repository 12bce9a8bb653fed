"""`dag.test()`, with Airflow's arguments."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sailplane import DAG, EmptyOperator, task
from sailplane.model.errors import SettingsError
from sailplane.sensors.base import BaseSensorOperator


def seeing() -> DAG:
    with DAG("seeing", params={"rows": 1}) as dag:

        @task
        def see(**context: Any) -> list[Any]:
            return [
                context["var"].value.get("colour"),
                context["conn"].get("shop").host,
                context["params"]["rows"],
                context.get("ds"),
                context["dag_run"].run_after.isoformat(),
            ]

        see()
    return dag


def test_files_conf_and_dates_reach_the_tasks(tmp_path: Path) -> None:
    variables, connections = tmp_path / "variables.json", tmp_path / "connections.yaml"
    variables.write_text(json.dumps({"colour": "blue"}))
    connections.write_text("shop: https://shop.example\n")
    run = seeing().test(
        run_after=datetime(2026, 1, 2, tzinfo=UTC),
        logical_date=datetime(2026, 1, 1, tzinfo=UTC),
        run_conf={"rows": 5},
        conn_file_path=str(connections),
        variable_file_path=str(variables),
    )
    assert run.state == "success"
    assert run.xcom("see") == ["blue", "shop.example", 5, "2026-01-01", "2026-01-02T00:00:00+00:00"]


def test_a_run_may_have_no_logical_date() -> None:
    with DAG("dateless") as dag:

        @task
        def see(**context: Any) -> bool:
            return "ds" in context

        see()
    assert dag.test(logical_date=None).xcom("see") is False
    assert dag.test().xcom("see") is True


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no file .*absent\.json"):
        seeing().test(variable_file_path=str(tmp_path / "absent.json"))


def test_tasks_that_the_pattern_matches_as_a_whole_are_spared() -> None:
    with DAG("spared") as dag:

        @task
        def notify() -> None:
            raise ConnectionError("not here")

        @task
        def notify_all() -> None:
            raise ConnectionError("not here")

        [notify(), notify_all()] >> EmptyOperator(task_id="end", trigger_rule="all_done")
    run = dag.test(mark_success_pattern="notify")
    assert run.states == {"notify": "success", "notify_all": "failed", "end": "success"}


def test_retries_are_not_waited_for() -> None:
    with DAG("again") as dag:

        @task(retries=1, retry_delay=timedelta(days=1))
        def unlucky(**context: Any) -> None:
            if context["try_number"] == 1:
                raise ValueError("not yet")

        unlucky()
    assert dag.test().get_task_instance("unlucky").try_number == 2


class AtSecondPoke(BaseSensorOperator):
    pokes = 0

    def poke(self, context: Any) -> bool:
        type(self).pokes += 1
        return type(self).pokes >= 2


def test_a_rescheduled_sensor_pokes_again_when_it_is_due() -> None:
    AtSecondPoke.pokes = 0
    with DAG("waits") as dag:
        AtSecondPoke(task_id="wait", mode="reschedule", poke_interval=0)
    run = dag.test()
    assert (run.state, AtSecondPoke.pokes) == ("success", 2)


def test_asking_for_an_executor_says_that_there_is_none(caplog: pytest.LogCaptureFixture) -> None:
    with DAG("executed") as dag:
        EmptyOperator(task_id="nothing")
    with caplog.at_level(logging.INFO):
        assert dag.test(use_executor=True).state == "success"
    assert "use_executor has no effect" in caplog.text
