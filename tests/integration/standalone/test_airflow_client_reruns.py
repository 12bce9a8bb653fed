"""Airflow's own client clears, marks and ends runs of Sailplane, and what was cleared runs."""

import airflow_client.client as airflow
from airflow_client.client.api.dag_run_api import DagRunApi
from airflow_client.client.api.task_instance_api import TaskInstanceApi


def test_airflows_client_clears_and_marks(start, dags, wait_until):
    standalone = start("--no-tick")
    _status, login = standalone.ask(
        "POST", "/auth/token", {"username": "admin", "password": standalone.password}, login=False
    )
    configuration = airflow.Configuration(
        host=standalone.environment["SAILPLANE_URL"].rstrip("/"), access_token=login["access_token"]
    )
    with airflow.ApiClient(configuration) as client:
        runs, instances = DagRunApi(client), TaskInstanceApi(client)
        run_id = runs.trigger_dag_run("hello", airflow.TriggerDAGRunPostBody(logical_date=None)).dag_run_id

        def tries():
            if runs.get_dag_run("hello", run_id).state != "success":
                return None
            found = instances.get_task_instances("hello", run_id).task_instances
            return {one.task_id: one.try_number for one in found}

        assert wait_until(tries, "the run ends") == {"greet": 1, "shout": 1}
        body = airflow.ClearTaskInstancesBody(
            dag_run_id=run_id, task_ids=[airflow.ClearTaskInstancesBodyTaskIdsInner("shout")], only_failed=False
        )
        assert [one.task_id for one in instances.post_clear_task_instances("hello", body).task_instances] == ["shout"]
        body.dry_run = False
        assert instances.post_clear_task_instances("hello", body).total_entries == 1
        assert wait_until(tries, "the cleared task runs") == {"greet": 1, "shout": 2}
        runs.clear_dag_run("hello", run_id, airflow.DAGRunClearBody(dry_run=False))
        assert wait_until(tries, "the cleared run runs") == {"greet": 2, "shout": 3}
        marked = runs.patch_dag_run("hello", run_id, airflow.DAGRunPatchBody(state="failed", note="it was wrong"))
        assert (marked.state, marked.note) == ("failed", "it was wrong")
