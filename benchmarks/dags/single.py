"""F: one task, the first that runs after a cold start."""

from sailplane import DAG
from sailplane.operators.python import PythonOperator


def do_nothing() -> None:
    """What is measured is all the rest."""


with DAG("bench_single", schedule=None, max_active_runs=1000, tags=["benchmark"]):
    PythonOperator(task_id="only", python_callable=do_nothing)
