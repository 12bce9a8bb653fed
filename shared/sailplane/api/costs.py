"""What a run used and cost: a field of our own beside Airflow's API."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sailplane.api.context import Call
from sailplane.api.models import Answer
from sailplane.api.routes import Routes
from sailplane.cost.account import Entry, account
from sailplane.cost.prices import Prices, current
from sailplane.model.runs import TaskInstance

routes = Routes("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/cost", "Cost")


class CostResponse(Answer, frozen=True, kw_only=True):
    """Dollars at list price, as if nothing were free, and what they are for."""

    total: float
    services: Mapping[str, float]
    usage: Mapping[str, float]
    """By the names of `Usage`; what was not used is left out."""


class TaskCostResponse(CostResponse, frozen=True, kw_only=True):
    """One task instance, over all its tries."""

    task_id: str
    map_index: int
    try_number: int
    cpu_seconds: float
    """Of the newest try: what its process computed."""
    max_rss_mib: float


class RunCostResponse(CostResponse, frozen=True, kw_only=True):
    """A whole run."""

    dag_id: str
    dag_run_id: str
    currency: str
    region: str
    prices_of: date
    own: CostResponse
    """Creating and closing the run: the rest is its task instances'."""
    task_instances: list[TaskCostResponse]


@routes.get("")
def get_dag_run_cost(call: Call, dag_id: str, dag_run_id: str) -> RunCostResponse:
    """Show what a run has used and cost until now. Reads all its task instances."""
    run = call.run(dag_id, dag_run_id)
    prices = current()
    made = account(run, call.backend.tasks(run.key), prices)
    return RunCostResponse(
        **_fields(made.whole, prices),
        dag_id=dag_id,
        dag_run_id=dag_run_id,
        currency=prices.currency,
        region=prices.region,
        prices_of=prices.date,
        own=CostResponse(**_fields(made.own, prices)),
        task_instances=[_task(instance, entry, prices) for instance, entry in made.tasks],
    )


def _task(instance: TaskInstance, entry: Entry, prices: Prices) -> TaskCostResponse:
    return TaskCostResponse(
        **_fields(entry, prices),
        task_id=instance.task_id,
        map_index=instance.map_index,
        try_number=instance.try_number,
        cpu_seconds=instance.cpu_seconds,
        max_rss_mib=instance.max_rss_mib,
    )


def _fields(entry: Entry, prices: Prices) -> dict[str, Any]:
    return {
        "total": entry.bill.total,
        "services": entry.bill.by_service(prices),
        "usage": {name: amount for name, amount in vars(entry.usage).items() if amount},
    }
