"""Tasks whose rule lets them start before all upstream tasks have ended, and end before these do."""

import pytest
from engine_stage import FAILED, Stage, dag, task

from sailplane.model.states import RunState, TaskState, TriggerRule


@pytest.mark.parametrize("rule", [TriggerRule.ONE_SUCCESS, TriggerRule.ONE_DONE])
def test_a_run_is_closed_by_the_upstream_task_that_ends_after_an_early_join(stage: Stage, rule: TriggerRule) -> None:
    """The worker that ends it knows nothing of the join, and finds that it would start it now."""
    stage.runner.script["late", 1] = stage.runner.script["late", 2] = FAILED
    key = stage.start(dag(task("early"), task("late", retries=1), task("join", "early", "late", trigger_rule=rule)))
    stage.deliver_all()
    assert stage.instance(key, "join").state is TaskState.SUCCESS
    assert not stage.run(key).state.is_terminal
    stage.clock.turn(minutes=6)
    stage.tick()
    stage.workers.insert(0, stage.make_worker("fresh"))
    stage.deliver_all()
    assert stage.run(key).state is RunState.SUCCESS
    assert stage.runner.tries.count(("join", 1)) == 1
