"""A: a chain of 50 tasks that do nothing."""

from sailplane import DAG, chain
from sailplane.operators.python import PythonOperator


def do_nothing() -> None:
    """What is measured is all the rest."""


with DAG("bench_chain_50", schedule=None, max_active_runs=1000, tags=["benchmark"]):
    chain(*(PythonOperator(task_id=f"step_{number:02}", python_callable=do_nothing) for number in range(50)))
