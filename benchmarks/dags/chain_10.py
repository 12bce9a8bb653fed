"""C: a chain of 10 tasks that do nothing, of which many runs fly at once."""

from sailplane import DAG, chain
from sailplane.operators.python import PythonOperator


def do_nothing() -> None:
    """What is measured is all the rest."""


with DAG("bench_chain_10", schedule=None, max_active_runs=1000, tags=["benchmark"]):
    chain(*(PythonOperator(task_id=f"step_{number}", python_callable=do_nothing) for number in range(10)))
