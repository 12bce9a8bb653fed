"""DAGs with a task in the middle that waits, so that something can happen to it."""

import subprocess
from datetime import timedelta

from noted import note, wait_for_release

from sailplane import DAG, task


@task(retries=3, retry_delay=timedelta(0))
def before(ti=None):
    note(ti)
    return "kept"


@task(retry_delay=timedelta(0))
def long(given, ti=None):
    note(ti)
    # One that has left the task's process group and session.
    subprocess.Popen(["sleep", "300"], start_new_session=True)
    wait_for_release(ti)
    return f"{given} {ti.try_number}"


@task(retries=3, retry_delay=timedelta(0))
def after(given, ti=None):
    note(ti)
    return f"{given} to the end"


for name, retries in (("patient", 3), ("patient_once", 0)):
    with DAG(name, schedule=None):
        after(long.override(retries=retries)(before()))


with DAG("patient_crowd", schedule=None):

    @task(retries=3, retry_delay=timedelta(0))
    def one(ti=None):
        note(ti)
        wait_for_release(ti)

    @task
    def join(ti=None):
        note(ti)

    [one.override(task_id=f"one_{number:02}")() for number in range(12)] >> join()
