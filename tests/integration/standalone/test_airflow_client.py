"""Airflow's own client drives Sailplane."""

import airflow_client.client as airflow
import pytest
from airflow_client.client.api.dag_api import DAGApi
from airflow_client.client.api.dag_run_api import DagRunApi
from airflow_client.client.api.import_error_api import ImportErrorApi
from airflow_client.client.api.monitor_api import MonitorApi
from airflow_client.client.api.task_api import TaskApi
from airflow_client.client.api.task_instance_api import TaskInstanceApi
from airflow_client.client.api.version_api import VersionApi
from airflow_client.client.api.x_com_api import XComApi


def test_airflows_client_lists_triggers_and_reads(start, dags, wait_until):
    standalone = start("--no-tick")
    _status, login = standalone.ask(
        "POST", "/auth/token", {"username": "admin", "password": standalone.password}, login=False
    )
    configuration = airflow.Configuration(
        host=standalone.environment["SAILPLANE_URL"].rstrip("/"), access_token=login["access_token"]
    )
    with airflow.ApiClient(configuration) as client:
        look_at_dags(client)
        run_id = trigger_and_wait(client, wait_until)
        look_at_task_instances(client, run_id)
        assert MonitorApi(client).get_health().metadatabase.status == "healthy"
        assert VersionApi(client).get_version().version


def look_at_dags(client):
    api = DAGApi(client)
    assert [dag.dag_id for dag in api.get_dags(tags=["small"]).dags] == ["hello"]
    assert api.get_dag_details("hello").params["more"]["value"] == 2
    for wanted in (True, False):
        assert api.patch_dag("hello", airflow.DAGPatchBody(is_paused=wanted)).is_paused is wanted
    assert {task.task_id for task in TaskApi(client).get_tasks("hello").tasks} == {"greet", "shout"}
    assert ImportErrorApi(client).get_import_errors().total_entries == 0
    with pytest.raises(airflow.ApiException) as caught:
        api.get_dag("absent")
    assert caught.value.status == 404


def trigger_and_wait(client, wait_until):
    api = DagRunApi(client)
    body = airflow.TriggerDAGRunPostBody(logical_date=None, conf={"more": 1}, note="by the client")
    run = api.trigger_dag_run("hello", body)
    assert run.run_type == "manual"

    def ended():
        found = api.get_dag_run("hello", run.dag_run_id)
        return found if found.state in ("success", "failed") else None

    ended_run = wait_until(ended, "the run ends")
    assert (ended_run.state, ended_run.note) == ("success", "by the client")
    assert api.get_dag_runs("~", order_by=["-run_after"]).total_entries == 1
    return run.dag_run_id


def look_at_task_instances(client, run_id):
    api = TaskInstanceApi(client)
    instances = api.get_task_instances("hello", run_id).task_instances
    assert [(one.task_id, one.state, one.try_number) for one in instances] == [
        ("greet", "success", 1),
        ("shout", "success", 1),
    ]
    assert api.get_task_instance_tries("hello", run_id, "greet").total_entries == 1
    log = api.get_log("hello", run_id, "greet", 1)
    assert "hello there" in [line.event for line in log.content.actual_instance]
    entry = XComApi(client).get_xcom_entry("hello", "greet", run_id, "return_value")
    assert entry.actual_instance.value == {"sum": 41}
