"""D: 32 tasks that sleep for a second, then a join."""

import time

from sailplane import DAG
from sailplane.operators.python import PythonOperator


def sleep_a_second() -> None:
    time.sleep(1)


def do_nothing() -> None:
    """What is measured is all the rest."""


with DAG("bench_sleeps_32", schedule=None, max_active_runs=1000, tags=["benchmark"]):
    sleeps = [PythonOperator(task_id=f"sleep_{number:02}", python_callable=sleep_a_second) for number in range(32)]
    sleeps >> PythonOperator(task_id="join", python_callable=do_nothing)
