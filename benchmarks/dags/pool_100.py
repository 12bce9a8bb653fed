"""G: 100 tasks that do nothing, in a pool of ten slots, then a join."""

from sailplane import DAG
from sailplane.operators.python import PythonOperator


def do_nothing() -> None:
    """What is measured is all the rest."""


with DAG("bench_pool_100", schedule=None, max_active_runs=1000, tags=["benchmark"]):
    branches = [
        PythonOperator(task_id=f"branch_{number:03}", python_callable=do_nothing, pool="bench") for number in range(100)
    ]
    branches >> PythonOperator(task_id="join", python_callable=do_nothing)
