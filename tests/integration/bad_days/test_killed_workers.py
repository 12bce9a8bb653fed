"""`kill -9` of worker processes while tasks run: each try is lost or ended, never both, and none runs twice."""

import os
import signal

import psutil
from bad_day import Standalone, assert_gone, eventually, is_running


def worker_of(standalone: Standalone, pid: int) -> psutil.Process:
    """The worker instance whose task runs in process `pid`."""
    above = {process.pid for process in psutil.Process(pid).parents()}
    (instance,) = above.intersection(standalone.instances("worker"))
    return psutil.Process(instance)


def kill_whole(worker: psutil.Process) -> None:
    """Kill the instance alone: what it had started has to die by itself."""
    below = worker.children(recursive=True)
    assert below
    worker.kill()
    assert_gone([worker, *below])


def test_a_killed_worker_costs_its_task_one_try(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient")
    kill_whole(worker_of(standalone, standalone.notes.pid(run_id, "long")))
    with standalone.ticking():
        standalone.notes.pid(run_id, "long", 2)
        standalone.notes.release(run_id, "long")
        assert standalone.wait_for_end("patient", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]
    assert standalone.xcom("patient", run_id, "after") == "kept 2 to the end"
    (lost, _ended) = standalone.get(f"/api/v2/dags/patient/dagRuns/{run_id}/taskInstances/long/tries")["task_instances"]
    assert (lost["try_number"], lost["state"]) == (1, "up_for_retry")


def test_a_task_without_retries_fails_with_the_loss_of_its_worker_as_reason(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient_once")
    kill_whole(worker_of(standalone, standalone.notes.pid(run_id, "long")))
    with standalone.ticking():
        assert standalone.wait_for_end("patient_once", run_id) == "failed"
    assert standalone.notes.tries(run_id) == [("before", 1), ("long", 1)]
    tasks = standalone.tasks("patient_once", run_id)
    assert {task_id: row["state"] for task_id, row in tasks.items()} == {
        "before": "success",
        "long": "failed",
        "after": "upstream_failed",
    }
    assert tasks["long"]["error"].startswith("WorkerLost: worker worker-")
    assert "did not renew its lease; it was killed, or lost its connection" in tasks["long"]["error"]


def test_workers_killed_with_many_tasks_in_hand_lose_none_of_them(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient_crowd")
    names = [f"one_{number:02}" for number in range(12)]
    pids = [standalone.notes.pid(run_id, name) for name in names]
    for name in names[:3]:
        standalone.notes.release(run_id, name)
    eventually(lambda: sum(is_ended(standalone, run_id, name) for name in names) >= 3, "three tasks have ended")
    for worker in {worker_of(standalone, pid) for pid in pids[3:]}:
        kill_whole(worker)
    for name in names:
        standalone.notes.release(run_id, name)
    with standalone.ticking():
        assert standalone.wait_for_end("patient_crowd", run_id) == "success"
    tries = standalone.notes.tries(run_id)
    assert tries == sorted([*((name, 1) for name in names), *((name, 2) for name in names[3:]), ("join", 1)])


def is_ended(standalone: Standalone, run_id: str, task_id: str) -> bool:
    path = f"/api/v2/dags/patient_crowd/dagRuns/{run_id}/taskInstances/{task_id}"
    return bool(standalone.get(path)["state"] == "success")


def test_a_killed_template_costs_the_try_and_not_the_worker(standalone: Standalone) -> None:
    run_id = standalone.trigger("patient")
    child = psutil.Process(standalone.notes.pid(run_id, "long"))
    worker = worker_of(standalone, child.pid)
    template = child.parent()
    assert template is not None
    daemon = child.children()
    template.kill()
    assert_gone([child])
    for process in daemon:  # Only the template could have found it.
        process.kill()
    standalone.notes.pid(run_id, "long", 2)
    standalone.notes.release(run_id, "long")
    assert standalone.wait_for_end("patient", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]
    assert is_running(worker.pid)


def test_a_worker_that_hangs_longer_than_its_lease_cannot_record_what_it_did(standalone: Standalone) -> None:
    """Stopped and continued: as a machine that was suspended. Its second try runs elsewhere, beside it."""
    run_id = standalone.trigger("patient")
    worker = worker_of(standalone, standalone.notes.pid(run_id, "long"))
    suspended = [worker, *worker.children(recursive=True)]
    for process in suspended:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        with standalone.ticking():
            eventually(lambda: long_state(standalone, run_id) != "running", "the lease is over")
            for process in suspended:
                os.kill(process.pid, signal.SIGCONT)
            standalone.notes.pid(run_id, "long", 2)
            standalone.notes.release(run_id, "long")
            assert standalone.wait_for_end("patient", run_id) == "success"
    finally:
        for process in suspended:
            if process.is_running():
                process.send_signal(signal.SIGCONT)
    assert standalone.notes.tries(run_id) == [("after", 1), ("before", 1), ("long", 1), ("long", 2)]
    assert standalone.xcom("patient", run_id, "after") == "kept 2 to the end"


def long_state(standalone: Standalone, run_id: str) -> str:
    state: str = standalone.get(f"/api/v2/dags/patient/dagRuns/{run_id}/taskInstances/long")["state"]
    return state
