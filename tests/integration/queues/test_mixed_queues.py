"""DAGs over queues of all three kinds, on a good day."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_day import Standalone
from queue_world import executions, instances, quiet_executions


def test_a_dag_goes_through_queues_of_all_kinds(standalone: Standalone) -> None:
    before = len(executions(standalone, "heavy"))
    run_id = standalone.trigger("mixed")
    assert standalone.wait_for_end("mixed", run_id) == "success"
    ran = {task_id: standalone.xcom("mixed", run_id, task_id) for task_id in instances(standalone, "mixed", run_id)}
    assert {task_id: queue for task_id, (queue, _) in ran.items()} == {
        "start": "default",
        "job": "heavy",
        "job_again": "heavy",
        "pulled": "vm",
        "pulled_again": "vm",
        "aside": "aside",
        "end": "default",
    }
    execution = {task_id: name for task_id, (_, name) in ran.items() if name}
    # An execution keeps a successor of its own queue, and none of another.
    assert execution.keys() == {"job", "job_again"}
    assert execution["job"] == execution["job_again"]
    assert len(quiet_executions(standalone, "heavy")) == before + 1
    assert standalone.notes.repeated(run_id) == {}


def test_a_fan_out_over_all_kinds_runs_each_task_once_with_an_execution_for_each_of_a_job_queue(
    standalone: Standalone,
) -> None:
    before = len(executions(standalone, "heavy"))
    run_id = standalone.trigger("mixed_fan")
    assert standalone.wait_for_end("mixed_fan", run_id) == "success"
    assert len(standalone.notes.tries(run_id)) == 13
    assert standalone.notes.repeated(run_id) == {}
    started = quiet_executions(standalone, "heavy")
    assert len(started) == before + 4
    # The newest come first; others are those of the tests before.
    assert all(one.get("succeededCount") == 1 for one in started[:4])


def test_a_failed_try_is_retried_and_its_execution_has_not_failed(standalone: Standalone) -> None:
    run_id = standalone.trigger("failing")
    with standalone.ticking():
        assert standalone.wait_for_end("failing", run_id) == "success"
    assert standalone.notes.tries(run_id) == [("unlucky", 1), ("unlucky", 2)]
    assert quiet_executions(standalone, "heavy")[0].get("failedCount") is None


def test_a_task_for_a_queue_that_is_not_there_fails_and_says_so(standalone: Standalone) -> None:
    run_id = standalone.trigger("unserved")
    assert standalone.wait_for_end("unserved", run_id) == "failed"
    error = instances(standalone, "unserved", run_id)["lost"].error
    assert error is not None
    assert error.kind == "UnknownQueue"


def test_a_task_that_takes_longer_than_its_job_may_fails_before_the_platform_kills_it(standalone: Standalone) -> None:
    run_id = standalone.trigger("too_long")
    assert standalone.wait_for_end("too_long", run_id) == "failed"
    assert standalone.notes.tries(run_id) == [("endless", 1)]
    (execution,) = quiet_executions(standalone, "hasty")
    assert execution.get("succeededCount") == 1


def test_a_task_of_a_job_or_pull_queue_costs_few_operations(standalone: Standalone) -> None:
    standalone.wait_for_end("mixed", standalone.trigger("mixed"))  # What is read once is known.
    standalone.admin("POST", "/counters/reset")
    run_id = standalone.trigger("mixed_fan")
    assert standalone.wait_for_end("mixed_fan", run_id) == "success"
    quiet_executions(standalone, "heavy")
    counted: Counter[str] = Counter(standalone.admin("GET", "/counters"))
    # Heartbeats and what the test itself reads come on top: bounds, not exact numbers.
    assert counted["cloudrun.executions"] == 4
    assert counted["firestore.writes"] <= 13 * 4 + 10
    # One message a queue, for the join, and for each ticket that a pull worker put back one by one.
    assert counted["pubsub.delivered"] <= 3 + 1 + 4 + 1


@pytest.mark.slow
def test_a_queue_that_changes_its_kind_or_goes_is_served_so_from_the_next_start(
    start: Callable[..., Standalone], tmp_path: Path
) -> None:
    start("--no-tick").stop()
    other = tmp_path / "other.toml"
    other.write_text('[queues.heavy]\nkind = "pull"\n[queues.vm]\nkind = "function"\n')
    second = start("--no-tick", "--config", str(other))
    run_id = second.trigger("mixed")
    assert second.wait_for_end("mixed", run_id) == "failed"
    ended = instances(second, "mixed", run_id)
    assert {task_id: str(one.state) for task_id, one in ended.items()} == {
        "start": "success",
        "job": "success",
        "job_again": "success",
        "pulled": "success",
        "pulled_again": "success",
        "aside": "failed",
        "end": "upstream_failed",
    }
    assert ended["aside"].error is not None
    assert ended["aside"].error.kind == "UnknownQueue"
