"""Four tasks that only note that they ran."""

from datetime import timedelta

from noted import note

from sailplane import DAG, task


@task(retries=3, retry_delay=timedelta(0))
def step(ti=None):
    note(ti)
    print("step", ti.task_id)


with DAG("diamond", schedule=None, max_active_runs=100):
    a, b, c, d = (step.override(task_id=name)() for name in "abcd")
    a >> [b, c] >> d
