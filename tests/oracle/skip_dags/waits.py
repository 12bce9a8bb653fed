"""Sensors and retries, and what comes after them."""
# ruff: noqa: DTZ001, SIM117 (As authors write them.)

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.providers.standard.sensors.weekday import DayOfWeekSensor
from airflow.providers.standard.utils.weekday import WeekDay
from airflow.sdk import DAG, PokeReturnValue, setup, task, teardown
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

AT_ONCE = {"retry_delay": timedelta(0)}


def empty(task_id, **more):
    return EmptyOperator(task_id=task_id, **more)


def raising(error):
    raise error


@task(retries=3, **AT_ONCE)
def at_last(ti=None):
    if ti.try_number < 3:
        raise ValueError("not yet")


@task(retries=1, **AT_ONCE)
def never():
    raise ValueError("never")


@task(retries=3, **AT_ONCE)
def for_good():
    raise AirflowFailException("for good")


@task(retries=3, **AT_ONCE)
def skips_at_last(ti=None):
    if ti.try_number < 2:
        raise ValueError("not yet")
    raise AirflowSkipException("skips")


@task
def removes():
    return None


with DAG("retried_to_success"):
    at_last() >> empty("after")

with DAG("retried_in_vain"):
    never() >> empty("after")
    empty("other", trigger_rule="one_failed") << never()

with DAG("failed_for_good"):
    for_good() >> empty("after", trigger_rule="all_done")

with DAG("retried_to_a_skip"):
    skips_at_last() >> empty("after") >> empty("last", trigger_rule="none_failed")

with DAG("setup_is_retried"):
    with setup(at_last)() >> teardown(removes)():
        never()

with DAG("command_skips"):
    BashOperator(task_id="skips", bash_command="exit 99") >> empty("after")
    BashOperator(task_id="fails", bash_command="exit 1", retries=1, **AT_ONCE) >> empty("late", trigger_rule="all_done")

with DAG("sensor_is_over"):
    PythonSensor(task_id="wait", python_callable=lambda: True) >> empty("after")

with DAG("sensor_times_out"):
    PythonSensor(task_id="wait", python_callable=lambda: False, timeout=0, poke_interval=0.01, retries=2) >> empty(
        "after"
    )

with DAG("sensor_fails_softly"):
    options = {"python_callable": lambda: False, "timeout": 0, "poke_interval": 0.01}
    PythonSensor(task_id="wait", soft_fail=True, **options) >> empty("after") >> empty("last", trigger_rule="all_done")

with DAG("sensor_raises"):
    PythonSensor(task_id="wait", python_callable=lambda: raising(ValueError("x")), retries=1, **AT_ONCE) >> empty(
        "after"
    )

with DAG("sensor_never_fails"):
    PythonSensor(task_id="wait", python_callable=lambda: raising(ValueError("x")), never_fail=True) >> empty("after")

with DAG("sensor_returns"):

    @task.sensor(poke_interval=0.01)
    def wait():
        return PokeReturnValue(is_done=True, xcom_value=[1, 2])

    @task
    def each(n):
        return n

    each.expand(n=wait())

with DAG("sensors_of_all_kinds", start_date=datetime(2024, 1, 1)):
    [
        DateTimeSensor(task_id="moment", target_time="2024-01-01T00:00:00+00:00"),
        TimeDeltaSensor(task_id="delta", delta=timedelta(days=-1)),
        DayOfWeekSensor(task_id="day", week_day=set(WeekDay)),
        BashSensor(task_id="command", bash_command="exit 0"),
        FileSensor(task_id="file", filepath="/etc"),
    ] >> empty("after")

with DAG("sensor_command_fails"):
    BashSensor(task_id="wait", bash_command="exit 2", retry_exit_code=1, retries=2) >> empty("after")
