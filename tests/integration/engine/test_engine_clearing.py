"""Task instances that run again because somebody cleared them."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from engine_stage import FAILED, SUCCESS, Stage, chain, dag, fan, task

from sailplane.engine import clearing
from sailplane.engine.clearing import Clear
from sailplane.model.callbacks import RunCallback
from sailplane.model.errors import TaskIsRunning
from sailplane.model.execution import Outcome, TaskJob
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.states import RunState, TaskState, TriggerRule


def clear(stage: Stage, key: RunKey, *named: str | TaskKey, **options: Any) -> list[str]:
    what = Clear(named=named or None, **options)
    return [str(each.key) for each in clearing.clear(stage.cloud, stage.clock, key, what)]


def test_a_cleared_task_of_a_run_that_has_ended_runs_again_and_the_run_ends_again(stage: Stage) -> None:
    key = stage.start(chain(3))
    stage.deliver_all()
    stage.clock.turn(minutes=5)
    assert clear(stage, key, "t01", downstream=True) == ["t01", "t02"]
    assert stage.run(key).state is RunState.RUNNING
    stage.deliver_all()
    assert stage.runner.tries == [("t00", 1), ("t01", 1), ("t02", 1), ("t01", 2), ("t02", 2)]
    run = stage.run(key)
    assert run.state is RunState.SUCCESS
    assert run.intervention is None
    assert run.started_at == stage.clock()
    assert [each.try_number for each in stage.cloud.store.tries(key, TaskKey("t01"))] == [1]


def test_what_is_cleared_alone_leaves_what_follows_as_it_is(stage: Stage) -> None:
    key = stage.start(chain(3))
    stage.deliver_all()
    assert clear(stage, key, "t00") == ["t00"]
    stage.deliver_all()
    assert stage.runner.tries[3:] == [("t00", 2)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_cleared_task_has_its_retries_again(stage: Stage) -> None:
    stage.runner.script.update({("a", number): FAILED for number in (1, 2, 3)})
    key = stage.start(dag(task("a", retries=1, retry_delay=timedelta(seconds=0))))
    stage.deliver_all()
    assert stage.run(key).state is RunState.FAILED
    clear(stage, key, "a")
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]
    assert stage.instance(key, "a").max_tries == 4
    assert stage.run(key).state is RunState.SUCCESS


def test_only_what_failed_is_cleared_when_that_is_asked_for(stage: Stage) -> None:
    stage.runner.script["b", 1] = FAILED
    key = stage.start(dag(task("a"), task("b"), task("c", "b"), task("d", "a")))
    stage.deliver_all()
    assert clear(stage, key, only_failed=True) == ["b", "c"]
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "b": "success", "c": "success", "d": "success"}
    assert stage.run(key).state is RunState.SUCCESS


def test_clearing_what_nothing_is_left_of_leaves_the_run_as_it_is(stage: Stage) -> None:
    key = stage.start(chain(2))
    stage.deliver_all()
    before = stage.run(key)
    assert clear(stage, key, only_failed=True) == []
    assert stage.run(key) == before


def test_a_cleared_upstream_task_is_not_counted_by_a_wide_join(stage: Stage) -> None:
    key = stage.start(fan(20))
    stage.deliver_all()
    assert len(clear(stage, key, "f003", "f004", downstream=True)) == 3
    (first, second) = (data for data in split_all(stage))
    stage.worker.handle(first)
    assert stage.states(key)["join"] == "none"
    stage.worker.handle(second)
    stage.deliver_all()
    assert stage.runner.tries.count(("join", 2)) == 1
    assert stage.run(key).state is RunState.SUCCESS


def split_all(stage: Stage) -> list[bytes]:
    from test_engine_interleavings import split

    return [part for data in stage.bus.take() for part in split(data).values()]


def test_a_task_that_is_cleared_while_it_runs_is_stopped_and_runs_again(stage: Stage) -> None:
    def cleared(job: TaskJob) -> Outcome:
        clear(stage, stage_key(job), "a", downstream=True)
        assert stage.states(stage_key(job)) == {"a": "restarting", "b": "none"}
        return SUCCESS

    stage.runner.script["a", 1] = cleared
    key = stage.start(chain_of("a", "b"))
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("a", 2), ("b", 1)]
    assert stage.run(key).state is RunState.SUCCESS
    assert [each.state for each in stage.cloud.store.tries(key, TaskKey("a"))] == [TaskState.FAILED]


def stage_key(job: TaskJob) -> RunKey:
    return job.run.key


def chain_of(*names: str) -> Any:
    return dag(*(task(name, *names[place - 1 : place]) if place else task(name) for place, name in enumerate(names)))


def test_a_task_that_was_cleared_while_it_ran_is_started_by_its_alarm_when_its_worker_is_gone(stage: Stage) -> None:
    def killed(job: TaskJob) -> Outcome:
        clear(stage, job.run.key, "a")
        raise SystemExit

    stage.runner.script["a", 1] = killed
    key = stage.start(chain_of("a", "b"))
    with pytest.raises(SystemExit):
        stage.deliver_all()
    assert stage.states(key)["a"] == "restarting"
    stage.clock.turn(seconds=61)
    stage.tick()
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("a", 2), ("b", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_running_tasks_are_not_cleared_when_that_is_to_be_prevented(stage: Stage) -> None:
    def refused(job: TaskJob) -> Outcome:
        with pytest.raises(TaskIsRunning):
            clear(stage, job.run.key, prevent_running=True)
        return SUCCESS

    stage.runner.script["a", 1] = refused
    key = stage.start(chain_of("a", "b"))
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("b", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_worker_that_knows_the_run_from_before_does_not_go_on_by_that(stage: Stage) -> None:
    """`a` ended on this worker, which still runs `b`, when `a` is cleared: `join` has to wait for it."""
    states: list[dict[str, str]] = []

    def clears(job: TaskJob) -> Outcome:
        clear(stage, job.run.key, "a")
        return SUCCESS

    stage.runner.script["b", 1] = clears
    key = stage.start(dag(task("a"), task("b", "a"), task("join", "a", "b")))
    for data in stage.bus.take():
        stage.worker.handle(data)
    states.append(stage.states(key))
    stage.deliver_all()
    assert states[0]["join"] == "none"
    assert stage.runner.tries == [("a", 1), ("b", 1), ("a", 2), ("join", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_stale_messages_of_an_earlier_try_do_nothing(stage: Stage) -> None:
    key = stage.start(chain(2))
    stale = stage.bus.take()
    clear(stage, key, "t00")
    fresh = stage.bus.take()
    for data in (*stale, *stale, *fresh, *stale):
        stage.worker.handle(data)
    stage.deliver_all()
    for data in (*stale, *fresh):
        stage.worker.handle(data)
    assert stage.runner.tries == [("t00", 1), ("t01", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_clearing_takes_the_setups_of_a_task_along_and_their_teardowns(stage: Stage) -> None:
    of = dag(
        task("up", is_setup=True),
        task("other"),
        task("work", "other", "up"),
        task("down", "up", "work", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    )
    key = stage.start(of)
    stage.deliver_all()
    assert clear(stage, key, "work") == ["down", "up", "work"]
    stage.deliver_all()
    assert sorted(stage.runner.tries[4:]) == [("down", 2), ("up", 2), ("work", 2)]
    assert [name for name, _ in stage.runner.tries[4:]] == ["up", "work", "down"]
    assert stage.run(key).state is RunState.SUCCESS


def test_callbacks_of_a_run_are_called_again_at_its_next_end(stage: Stage) -> None:
    key = stage.start(dag(task("a"), has_success_callback=True))
    stage.deliver_all()
    clear(stage, key)
    stage.deliver_all()
    called = [job.about_run.callback for job in stage.runner.jobs if job.about_run is not None]
    assert called == [RunCallback.SUCCESS, RunCallback.SUCCESS]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_cleared_run_waits_for_the_active_ones_when_there_are_as_many_as_may_be(stage: Stage) -> None:
    of = dag(task("a"), max_active_runs=1)
    first = stage.start(of, run_id="first")
    stage.deliver_all()
    second = stage.start(of, run_id="second")
    clear(stage, first)
    assert stage.run(first).state is RunState.QUEUED
    stage.deliver_all()
    assert stage.run(first).state is RunState.SUCCESS
    assert stage.run(second).state is RunState.SUCCESS
    assert stage.runner.tries == [("a", 1), ("a", 1), ("a", 2)]


def test_a_run_that_is_not_to_be_reset_keeps_its_state(stage: Stage) -> None:
    key = stage.start(chain(2))
    stage.deliver_all()
    clear(stage, key, "t01", reset_dag_run=False)
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.states(key) == {"t00": "success", "t01": "none"}


def test_a_run_goes_on_with_the_newest_version_of_its_dag_when_that_is_asked_for(stage: Stage) -> None:
    key = stage.start(chain_of("a", "old"))
    stage.deliver_all()
    stage.push(chain_of("a", "new"))
    clear(stage, key, "a", on_latest_version=True)
    stage.deliver_all()
    assert stage.states(key) == {"a": "success", "new": "success", "old": "removed"}
    assert stage.run(key).context.version == 2
    assert stage.run(key).state is RunState.SUCCESS


def test_a_join_that_only_the_newest_version_has_counts_what_ended_before(stage: Stage) -> None:
    names = [f"f{number:02}" for number in range(12)]
    key = stage.start(dag(*(task(name) for name in names)))
    stage.deliver_all()
    stage.push(dag(*(task(name) for name in names), task("join", *names)))
    clear(stage, key, "f03", on_latest_version=True)
    stage.deliver_all()
    assert stage.runner.tries[-2:] == [("f03", 2), ("join", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_new_tasks_can_be_added_to_a_run_that_has_ended(stage: Stage) -> None:
    key = stage.start(chain_of("a", "b"))
    stage.deliver_all()
    stage.push(chain_of("a", "b", "c"))
    assert clearing.add_new_tasks(stage.cloud, stage.clock, key) == ["c"]
    stage.deliver_all()
    assert stage.runner.tries == [("a", 1), ("b", 1), ("c", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_two_clears_at_once_clear_both(stage: Stage) -> None:
    key = stage.start(dag(*(task(f"t{number}") for number in range(8))))
    stage.deliver_all()
    names = [f"t{number}" for number in range(8)]
    threads = [threading.Thread(target=clear, args=(stage, key, name, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.tick()
    stage.deliver_all()
    assert sorted(stage.runner.tries) == sorted([(name, number) for name in names for number in (1, 2)])
    run = stage.run(key)
    assert run.state is RunState.SUCCESS
    assert run.intervention is None
