"""Operators, sensors, triggers, notifiers and paths in a worker's own processes: all that goes over between them."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from fake_bigquery import FakeBigQuery
from rest_server import Answer, rest_server

ROOT = Path(__file__).parents[3]
FLOW = """
    from sailplane import (
        DAG, BigQueryGetDataOperator, BigQueryInsertJobOperator, ObjectStoragePath, PubSubCreateSubscriptionOperator,
        PubSubCreateTopicOperator, PubSubPublishMessageOperator, PubSubPullSensor, SlackWebhookNotifier, task,
    )

    AIR = {"project_id": "gliders", "topic": "landings"}
    QUERY = {"query": {"query": "SELECT 7 AS km", "useLegacySql": False}}

    with DAG("flow", schedule=None):
        query = BigQueryInsertJobOperator(task_id="query", configuration=QUERY, deferrable=True)
        query >> BigQueryGetDataOperator(task_id="rows", job_id="{{ ti.xcom_pull('query') }}")

        wait = PubSubPullSensor(
            task_id="wait", project_id="gliders", subscription="tower", ack_messages=True, deferrable=True
        )
        (
            PubSubCreateTopicOperator(task_id="topic", **AIR)
            >> PubSubCreateSubscriptionOperator(task_id="subscription", subscription="tower", **AIR)
            >> PubSubPublishMessageOperator(task_id="publish", messages=[{"data": b"landed"}], **AIR)
            >> wait
        )

        @task
        def write():
            path = ObjectStoragePath("gs://letters-of-the-day/hello.txt")
            path.mkdir(parents=True, exist_ok=True)
            path.write_text("hello")
            return path

        @task(on_success_callback=SlackWebhookNotifier(text="{{ ti.task_id }} is {{ ti.state }}"))
        def read(path):
            return path.read_text()

        read(write())
"""


@pytest.mark.slow
@pytest.mark.localcloud
def test_a_dag_flies_over_several_systems(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "flow.py").write_text(textwrap.dedent(FLOW))
    bigquery = FakeBigQuery(looks_until_done=2)
    with rest_server(bigquery.answer) as api, rest_server(lambda request: Answer(content=b"ok")) as slack:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "shared"),
            "BIGQUERY_EMULATOR_HOST": api.url,
            "AIRFLOW_CONN_SLACK_DEFAULT": json.dumps({"conn_type": "slackwebhook", "password": f"{slack.url}/hook"}),
        }
        command = [sys.executable, "-m", "sailplane.cli", "dags", "test", "flow", "--dags", str(tmp_path / "dags")]
        done = subprocess.run(
            [*command, "-o", "json"], env=environment, capture_output=True, text=True, timeout=100, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["state"] for row in json.loads(done.stdout)["task_instances"]} == {"success"}
    assert bigquery.insertions == 1
    assert [request.json for request in slack.requests] == [{"text": "read is success"}]
