"""Airflow's own client tells of updates of assets, and functions and workers do the rest."""

import textwrap

import airflow_client.client as airflow
import pytest
from airflow_client.client.api.asset_api import AssetApi
from airflow_client.client.api.dag_run_api import DagRunApi

FILE = """
from sailplane import DAG, Asset, AssetAlias, task

ORDERS, PRICES = Asset("orders", "gs://lake/orders"), Asset("prices")

with DAG("maker", schedule=None):

    @task(outlets=[ORDERS])
    def make(*, outlet_events):
        outlet_events[ORDERS].extra = {"rows": 3}

    make()

with DAG("user", schedule=[ORDERS, PRICES]):

    @task(outlets=[AssetAlias("reports")])
    def use(*, triggering_asset_events):
        return {asset.name: [event.extra for event in events] for asset, events in triggering_asset_events.items()}

    use()
"""


def test_airflows_client_drives_assets(start, dags, wait_until):
    (dags / "assets.py").write_text(textwrap.dedent(FILE))
    standalone = start("--no-tick")
    _status, login = standalone.ask(
        "POST", "/auth/token", {"username": "admin", "password": standalone.password}, login=False
    )
    host = standalone.environment["SAILPLANE_URL"].rstrip("/")
    configuration = airflow.Configuration(host=host, access_token=login["access_token"])
    with airflow.ApiClient(configuration) as client:
        api, runs = AssetApi(client), DagRunApi(client)
        orders, prices = api.get_assets(order_by=["name"]).assets
        assert (orders.name, prices.name) == ("orders", "prices")
        assert [task.dag_id for task in orders.producing_tasks] == ["maker"]
        assert [dag.dag_id for dag in prices.scheduled_dags] == ["user"]
        assert [alias.name for alias in api.get_asset_aliases().asset_aliases] == ["reports"]

        made = api.materialize_asset(orders.id)
        assert (made.dag_id, made.run_type) == ("maker", "asset_materialization")
        wait_until(lambda: api.get_asset_events(asset_id=orders.id).asset_events, "the task has updated its asset")
        (waiting,) = api.get_dag_asset_queued_events("user").queued_events
        assert (waiting.asset_id, api.get_asset_queued_events(orders.id).total_entries) == (orders.id, 1)

        told = api.create_asset_event(airflow.CreateAssetEventsBody(asset_id=prices.id, extra={"by": "us"}))
        assert told.extra == {"by": "us", "from_rest_api": True}
        (run,) = runs.get_dag_runs("user").dag_runs
        assert (run.run_type, run.triggered_by) == ("asset_triggered", "asset")

        def ended():
            return runs.get_dag_run("user", run.dag_run_id).state in ("success", "failed")

        wait_until(ended, "the run ends")
        events = runs.get_upstream_asset_events("user", run.dag_run_id).asset_events
        assert [(event.name, event.created_dagruns[0].triggering) for event in events] == [
            ("orders", False),
            ("prices", True),
        ]
        with pytest.raises(airflow.ApiException) as caught:
            api.delete_dag_asset_queued_events("user")
        assert caught.value.status == 404
