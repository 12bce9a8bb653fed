"""Outside of requests a platform takes the processor away: nothing may be going on then, and a long time may pass."""

import signal
import time
from collections import Counter

import psutil
import pytest
from platform_stage import Stage, eventually

QUIET_SECONDS = 5.0
"""Longer than a lease, its heartbeats and the flush of logs here."""


def asleep(stage: Stage) -> bool:
    return not any(one.active for one in stage.service().instances)


@pytest.mark.slow
def test_after_its_answer_a_worker_calls_nobody_and_its_processes_sleep(stage: Stage) -> None:
    run = stage.trigger("patient")
    stage.pid(run, "long")
    stage.release(run, "long")
    assert stage.wait_for_end(run) == "success"
    eventually(lambda: asleep(stage), "all requests are answered")
    before = stage.counted()
    (instance,) = stage.instances()
    spent = processor_seconds(instance)
    time.sleep(QUIET_SECONDS)
    assert changed(before, stage.counted()) == {}
    # gunicorn's two loops wake once a second; a thread of ours that does not sleep would show.
    assert processor_seconds(instance) - spent < 0.2


def processor_seconds(instance: psutil.Process) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in [instance, *instance.children(recursive=True)])


def changed(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    """What was counted meanwhile; what localcloud bills for an idle instance is none of its calls."""
    return {
        name: after[name] - before[name]
        for name in after
        if after[name] != before[name] and name.startswith(("firestore.", "pubsub.publish", "storage."))
    }


@pytest.mark.slow
def test_an_instance_that_was_suspended_between_requests_works_on(stage: Stage) -> None:
    first = stage.trigger("chain")
    assert stage.wait_for_end(first) == "success"
    eventually(lambda: asleep(stage), "all requests are answered")
    (instance,) = stage.instances()
    family = [instance, *instance.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    time.sleep(QUIET_SECONDS)
    for process in family:
        process.send_signal(signal.SIGCONT)
    second = stage.trigger("chain")
    assert stage.wait_for_end(second) == "success"
    assert stage.instances() == [instance]
    assert len(stage.tries(second)) == 6


@pytest.mark.slow
def test_an_instance_that_was_suspended_with_a_task_finds_its_lease_lost_and_records_nothing(stage: Stage) -> None:
    run = stage.trigger("patient")
    stage.pid(run, "long")
    (instance,) = stage.instances()
    family = [instance, *instance.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    eventually(lambda: stage.call("tick")[0] == 200 and stage.states(run).get("long") == "failed", "the lease is over")
    stage.release(run, "long")
    for process in family:
        process.send_signal(signal.SIGCONT)
    assert stage.wait_for_end(run) == "failed"
    assert stage.states(run) == {"before": "success", "long": "failed", "after": "upstream_failed"}
