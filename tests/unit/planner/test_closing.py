import pytest
from small_dags import chain, dag, states, task

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState, TriggerRule
from sailplane.planner import closing

SUCCESS, FAILED, SKIPPED = TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED
CLEANED = dag(task("work"), task("clean", "work", trigger_rule=TriggerRule.ALL_DONE))


def with_teardown(**fields: bool) -> SerializedDag:
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
    return dag(task("work"), task("down", "work", is_teardown=True, trigger_rule=rule, **fields))


@pytest.mark.parametrize(
    ("of", "known", "expected"),
    [
        (chain("a", "b"), states(a=SUCCESS, b=SUCCESS), RunState.SUCCESS),
        (chain("a", "b"), states(a=SUCCESS, b=SKIPPED), RunState.SUCCESS),
        (chain("a", "b"), states(a=FAILED, b=TaskState.UPSTREAM_FAILED), RunState.FAILED),
        (chain("a", "b"), states(a=SUCCESS, b=TaskState.RUNNING), RunState.RUNNING),
        (chain("a", "b"), states(a=SUCCESS), RunState.RUNNING),
        (CLEANED, states(work=FAILED, clean=SUCCESS), RunState.SUCCESS),
        (with_teardown(), states(work=FAILED, down=SUCCESS), RunState.FAILED),
        (with_teardown(), states(work=SUCCESS, down=FAILED), RunState.SUCCESS),
        (with_teardown(on_failure_fail_dagrun=True), states(work=SUCCESS, down=FAILED), RunState.FAILED),
        (with_teardown(on_failure_fail_dagrun=True), states(work=FAILED, down=SUCCESS), RunState.SUCCESS),
        (dag(task("only", is_teardown=True)), states(only=FAILED), RunState.FAILED),
        (dag(task("a"), task("b")), states(a=SUCCESS, b=TaskState.REMOVED), RunState.SUCCESS),
        (dag(), {}, RunState.SUCCESS),
    ],
)
def test_a_run_ends_as_its_leaves(of: SerializedDag, known: dict[TaskKey, TaskState], expected: RunState) -> None:
    assert closing.run_state(of, known) is expected


def test_the_summary_has_every_task_instance_in_order() -> None:
    known = {TaskKey("b"): SUCCESS, TaskKey("a", 1): FAILED, TaskKey("a", 0): SUCCESS}
    assert list(closing.summary(known).items()) == [("a:0", SUCCESS), ("a:1", FAILED), ("b:-1", SUCCESS)]
