"""Sensors that poll: each poke is a process of its own, a few seconds after the last one."""

from datetime import UTC, datetime, timedelta

from sailplane import DAG
from sailplane.sensors.python import PythonSensor

SENSORS = 10
INTERVAL = timedelta(seconds=4)
LONG_ENOUGH = timedelta(seconds=20)


def has_waited(dag_run) -> bool:
    return datetime.now(UTC) - dag_run.start_date > LONG_ENOUGH


with DAG("cost_polls", schedule=None, tags=["benchmark"]):
    for number in range(SENSORS):
        PythonSensor(task_id=f"wait_{number}", python_callable=has_waited, mode="reschedule", poke_interval=INTERVAL)
