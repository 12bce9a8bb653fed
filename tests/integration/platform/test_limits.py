"""What the platform limits: the time of a request, and memory."""

from datetime import timedelta
from pathlib import Path

from platform_stage import Stage, eventually


def test_a_task_longer_than_the_request_is_stopped_in_time_and_told_where_it_belongs(stage: Stage) -> None:
    stage.deploy("worker", env={"SAILPLANE_REQUEST_LIMIT": "17"})
    run = stage.trigger("slow")
    assert stage.wait_for_end(run) == "failed"
    error = stage.task(run, "slow").error
    assert error is not None
    assert error.kind == "TimeLimitExceeded"
    assert "(its execution_timeout is 2:00:00): longer than this queue allows" in error.message
    assert "give it a queue of kind job or pull" in error.message
    eventually(lambda: "longer than this queue allows" in stage.log(run, "slow"), "the log says so too")


def test_a_request_that_the_platform_cuts_loses_nothing_and_repeats_nothing(stage: Stage) -> None:
    stage.deploy("worker", timeout=timedelta(seconds=2))
    cut = stage.counted()["cloudrun.requests"]
    run = stage.trigger("patient")
    stage.pid(run, "long")
    eventually(lambda: stage.counted()["cloudrun.requests"] >= cut + 2, "the message came again")
    stage.release(run, "long")
    assert stage.wait_for_end(run) == "success"
    assert stage.tries(run) == [("after", 1), ("before", 1), ("long", 1)]


def test_where_memory_runs_out_all_the_same_the_kernel_takes_the_task_and_not_its_worker(stage: Stage) -> None:
    run = stage.trigger("patient")
    child = stage.pid(run, "long")
    (instance,) = stage.instances()
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (child, instance.pid)]
    assert scores[0] == 1000 > scores[1]
    stage.release(run, "long")
    assert stage.wait_for_end(run) == "success"


def test_a_task_that_would_fill_the_instance_is_failed_alone_and_told_what_it_used(stage: Stage) -> None:
    stage.deploy("worker", env={"SAILPLANE_MEMORY_LIMIT": "300Mi"}, max_instances=1)
    run = stage.trigger("hungry")
    stage.pid(run, "modest")
    (instance,) = stage.instances()
    eventually(lambda: stage.states(run).get("greedy") == "failed", "the greedy task is stopped")
    error = stage.task(run, "greedy").error
    assert error is not None
    assert error.kind == "MemoryLimitExceeded"
    assert "of the 300 MiB of this worker were in use; give its queue more memory" in error.message
    assert instance.is_running()
    assert stage.states(run)["modest"] == "running"
    stage.release(run, "modest")
    assert stage.wait_for_end(run) == "failed"
    assert stage.states(run)["modest"] == "success"
