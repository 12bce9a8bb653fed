"""What happens to these tasks is in the tests. None has a retry, unless it says so."""

import signal
import time
from datetime import timedelta
from itertools import pairwise

from noted import note, wait_for_release

from sailplane import DAG, task


@task
def before(ti=None):
    note(ti)
    return "kept"


@task
def long(given, ti=None):
    note(ti)
    print("the long task began")
    wait_for_release(ti)
    return f"{given} {ti.try_number}"


@task
def after(given, ti=None):
    note(ti)
    return f"{given} to the end"


with DAG("patient", schedule=None, max_active_runs=100):
    after(long(before()))


@task
def stubborn(ti=None):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(ti)
    wait_for_release(ti)


with DAG("deaf", schedule=None):
    stubborn()


@task
def one(ti=None):
    note(ti)
    wait_for_release(ti)


@task
def join(ti=None):
    note(ti)


with DAG("crowd", schedule=None):
    [one.override(task_id=f"one_{number}")() for number in range(6)] >> join()


@task(retries=1, retry_delay=timedelta(seconds=12))
def shaky(ti=None):
    note(ti)
    if ti.try_number == 1:
        raise RuntimeError("as it was to be")


with DAG("shaky", schedule=None):
    shaky()


@task
def step(ti=None):
    note(ti)
    time.sleep(0.1)


with DAG("chain", schedule=None, max_active_runs=100):
    steps = [step.override(task_id=f"step_{number}")() for number in range(6)]
    for upper, lower in pairwise(steps):
        upper >> lower


@task(execution_timeout=timedelta(hours=2))
def slow(ti=None):
    note(ti)
    wait_for_release(ti)


with DAG("slow", schedule=None):
    slow()


@task
def greedy(ti=None):
    note(ti)
    held = bytearray(300 * 1024 * 1024)
    held[::4096] = b"x" * len(held[::4096])
    wait_for_release(ti)


@task
def modest(ti=None):
    note(ti)
    wait_for_release(ti)


with DAG("hungry", schedule=None):
    [greedy(), modest()]
