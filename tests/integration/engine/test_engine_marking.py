"""States that somebody gave by hand, and what follows from them."""

import pytest
from engine_stage import FAILED, SUCCESS, Stage, chain, dag, task

from sailplane.engine import marking
from sailplane.engine.marking import Mark
from sailplane.model.callbacks import RunCallback
from sailplane.model.errors import NotFound, RequestError
from sailplane.model.execution import Outcome, TaskJob
from sailplane.model.ids import RunKey
from sailplane.model.states import RunState, TaskState, TriggerRule


def mark(stage: Stage, key: RunKey, state: TaskState, *named: str, **options: bool) -> list[str]:
    what = Mark(named=named, state=state, **options)
    return [str(each) for each in marking.mark(stage.cloud, stage.clock, key, what)]


def test_a_failed_task_that_is_marked_as_success_lets_what_is_behind_it_run(stage: Stage) -> None:
    stage.runner.script["t00", 1] = FAILED
    key = stage.start(chain(3))
    stage.deliver_all()
    assert stage.states(key) == {"t00": "failed", "t01": "upstream_failed", "t02": "upstream_failed"}
    assert mark(stage, key, TaskState.SUCCESS, "t00") == ["t00"]
    stage.deliver_all()
    assert stage.runner.tries == [("t00", 1), ("t01", 1), ("t02", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_a_task_that_is_marked_as_failed_while_it_runs_is_stopped(stage: Stage) -> None:
    def marked(job: TaskJob) -> Outcome:
        mark(stage, job.run.key, TaskState.FAILED, "t00")
        return SUCCESS

    stage.runner.script["t00", 1] = marked
    key = stage.start(chain(2))
    stage.deliver_all()
    assert stage.states(key) == {"t00": "failed", "t01": "upstream_failed"}
    assert stage.run(key).state is RunState.FAILED


def test_a_task_that_has_not_begun_can_be_marked(stage: Stage) -> None:
    key = stage.start(chain(3))
    assert mark(stage, key, TaskState.SKIPPED, "t01") == ["t01"]
    stage.deliver_all()
    assert stage.states(key) == {"t00": "success", "t01": "skipped", "t02": "skipped"}
    assert stage.runner.tries == [("t00", 1)]


def test_marking_reaches_downstream_when_that_is_asked_for(stage: Stage) -> None:
    key = stage.start(chain(3))
    assert mark(stage, key, TaskState.SUCCESS, "t01", downstream=True) == ["t01", "t02"]
    stage.deliver_all()
    assert stage.runner.tries == [("t00", 1)]
    assert stage.run(key).state is RunState.SUCCESS


def test_marking_what_is_in_that_state_changes_nothing(stage: Stage) -> None:
    key = stage.start(chain(1))
    stage.deliver_all()
    before = stage.run(key)
    assert mark(stage, key, TaskState.SUCCESS, "t00") == []
    assert stage.run(key) == before


def test_a_task_that_does_not_exist_and_a_state_that_cannot_be_given_are_refused(stage: Stage) -> None:
    key = stage.start(chain(1))
    with pytest.raises(NotFound, match="no task 'nobody'"):
        mark(stage, key, TaskState.SUCCESS, "nobody")
    with pytest.raises(RequestError, match="success, failed, skipped"):
        mark(stage, key, TaskState.QUEUED, "t00")


def test_a_run_that_is_marked_as_failed_ends_and_skips_what_has_not_begun(stage: Stage) -> None:
    def marked(job: TaskJob) -> Outcome:
        marking.mark_run(stage.cloud, stage.clock, job.run.key, RunState.FAILED)
        return SUCCESS

    stage.runner.script["t00", 1] = marked
    key = stage.start(dag(*chain(2).tasks, has_failure_callback=True))
    stage.deliver_all()
    run = stage.run(key)
    assert run.state is RunState.FAILED
    assert run.summary == {"t00:-1": TaskState.FAILED, "t01:-1": TaskState.SKIPPED}
    assert stage.states(key) == {"t00": "failed", "t01": "skipped"}
    called = [job.about_run.callback for job in stage.runner.jobs if job.about_run is not None]
    assert called == [RunCallback.FAILURE]


def test_a_run_that_had_failed_can_be_marked_as_success(stage: Stage) -> None:
    stage.runner.script["t00", 1] = FAILED
    key = stage.start(chain(2))
    stage.deliver_all()
    marking.mark_run(stage.cloud, stage.clock, key, RunState.SUCCESS)
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.states(key) == {"t00": "success", "t01": "success"}


def test_the_teardowns_of_a_run_that_is_marked_still_run(stage: Stage) -> None:
    of = dag(
        task("up", is_setup=True),
        task("work", "up"),
        task("down", "up", "work", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    )

    def marked(job: TaskJob) -> Outcome:
        marking.mark_run(stage.cloud, stage.clock, job.run.key, RunState.FAILED)
        return SUCCESS

    stage.runner.script["work", 1] = marked
    key = stage.start(of)
    stage.deliver_all()
    assert stage.states(key) == {"up": "success", "work": "failed", "down": "success"}
    assert stage.run(key).state is RunState.FAILED
