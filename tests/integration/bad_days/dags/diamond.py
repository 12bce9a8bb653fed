"""Four tasks that only note that they ran: started by hand, by a schedule, and by one that has to catch up."""

from datetime import timedelta

import pendulum
from noted import note

from sailplane import DAG, task


@task(retries=3, retry_delay=timedelta(0))
def step(ti=None):
    note(ti)


def declare(dag_id, **options):
    with DAG(dag_id, **options):
        a, b, c, d = (step.override(task_id=name)() for name in "abcd")
        a >> [b, c] >> d


YEAR = pendulum.today("UTC").subtract(years=1)
WEEK = pendulum.today("UTC").subtract(days=5)
declare("diamond", schedule=None)
declare("yearly_diamond", schedule="@yearly", start_date=YEAR, is_paused_upon_creation=True)
declare("daily_diamond", schedule="@daily", start_date=WEEK, catchup=True, is_paused_upon_creation=True)
