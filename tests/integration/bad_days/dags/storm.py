"""266 tasks in all the shapes that a run has: fans, joins, chains, branches that skip, tasks that fail once."""

from datetime import timedelta

from noted import note

from sailplane import DAG, task

GROUPS = 10
WIDTH = 20
CHAIN = 5


@task(retries=9, retry_delay=timedelta(0))
def step(given=None, ti=None):
    note(ti)
    print("step", ti.task_id)
    return ti.task_id


@task(retries=9, retry_delay=timedelta(0))
def flaky(ti=None):
    note(ti)
    if ti.try_number == 1:
        raise RuntimeError("as it was to be")


@task.branch(retries=9, retry_delay=timedelta(0))
def choose(ti=None):
    note(ti)
    return "chosen"


with DAG("storm", schedule=None, max_active_runs=100):
    first = step.override(task_id="first")()
    ends = []
    for group in range(GROUPS):
        fan = [step.override(task_id=f"fan_{group}_{number:02}")(first) for number in range(WIDTH)]
        end = step.override(task_id=f"join_{group}")()
        fan >> end
        for number in range(CHAIN):
            end = step.override(task_id=f"chain_{group}_{number}")(end)
        ends.append(end)
    shaky = flaky()
    choice = choose()
    branches = [step.override(task_id=name)() for name in ("chosen", "left_out")]
    first >> [shaky, choice]
    choice >> branches
    [*ends, shaky, *branches] >> step.override(task_id="last", trigger_rule="none_failed")()
