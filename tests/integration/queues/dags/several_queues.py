"""DAGs whose tasks are for several queues, or for one that a test does something to."""

import os
import subprocess
import time
from datetime import timedelta

from noted import note, wait_for_release

from sailplane import DAG, task

AT_ONCE = {"retries": 3, "retry_delay": timedelta(0)}


def where():
    """Which queue's process this is, and of which execution of a job."""
    return [os.environ["SAILPLANE_QUEUE"], os.environ.get("CLOUD_RUN_EXECUTION", "")]


@task
def here(*given, ti=None):
    note(ti)
    return where()


@task(**AT_ONCE)
def waiting(ti=None):
    note(ti)
    # One that has left the task's process group and session.
    subprocess.Popen(["sleep", "300"], start_new_session=True)
    wait_for_release(ti)
    return where()


def on(task_id, queue):
    return here.override(task_id=task_id, queue=queue)


with DAG("mixed", schedule=None):
    start = on("start", "default")()
    job = on("job", "heavy")(start)
    job_again = on("job_again", "heavy")(job)
    pulled = on("pulled", "vm")(job_again)
    pulled_again = on("pulled_again", "vm")(pulled)
    aside = on("aside", "aside")(start)
    on("end", "default")(pulled_again, aside)

with DAG("mixed_fan", schedule=None):
    leaves = [on(f"{queue}_{number}", queue)() for queue in ("heavy", "vm", "aside") for number in range(4)]
    on("join", "default")(*leaves)

for queue in ("heavy", "vm"):
    with DAG(f"patient_{queue}", schedule=None):
        on("after", "default")(waiting.override(task_id="long", queue=queue)())

with DAG("crowd", schedule=None):
    crowd = [waiting.override(task_id=f"one_{number}", queue="vm")() for number in range(6)]
    on("join", "default")(*crowd)

with DAG("short", schedule=None):

    @task(queue="vm", **AT_ONCE)
    def brief(ti=None):
        note(ti)
        time.sleep(1.5)
        return where()

    brief()

with DAG("too_long", schedule=None):

    @task(queue="hasty")
    def endless(ti=None):
        note(ti)
        time.sleep(300)

    endless()

with DAG("unserved", schedule=None):
    on("lost", "nobody")()

with DAG("failing", schedule=None):

    @task(queue="heavy", retries=1, retry_delay=timedelta(0))
    def unlucky(ti=None):
        note(ti)
        if ti.try_number == 1:
            raise ValueError("the first one fails")

    unlucky()
