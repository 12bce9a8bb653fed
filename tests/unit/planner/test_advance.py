import gc

import pytest
from small_dags import chain, dag, fan, settled, states, task, task_ids

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.states import RunState, TaskState, TriggerRule
from sailplane.planner import wiring
from sailplane.planner.advance import advance, replan
from sailplane.planner.joins import WIDE
from sailplane.planner.plan import Look, Plan, Snapshot
from sailplane.planner.rules import UpstreamCounts

SUCCESS, FAILED, SKIPPED = TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED
RUNNING, NONE, UPSTREAM_FAILED = TaskState.RUNNING, TaskState.NONE, TaskState.UPSTREAM_FAILED

DIAMOND = dag(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))


def after(of: SerializedDag, *ended: str, **known: TaskState) -> Plan:
    return advance(of, Snapshot(states=states(**known)), [TaskKey(each) for each in ended])


def look(task_id: str, *keys: str, total: int = 0) -> Look:
    """With `total`, one that counts so many too."""
    return Look(task_id, tuple(TaskKey(each) for each in keys), counted=bool(total), total=total)


def test_a_chain_goes_on_without_any_look() -> None:
    plan = after(chain("a", "b", "c"), "a", a=SUCCESS)
    assert task_ids(plan.starts) == ["b"]
    assert not plan.looks
    assert not plan.settles
    assert plan.run is None
    assert not plan.may_be_over


def test_a_fan_out_starts_all_at_once_in_order() -> None:
    assert task_ids(after(fan(3), "first", first=SUCCESS).starts) == ["part00", "part01", "part02"]


def test_a_join_looks_at_the_upstream_tasks_that_are_unknown() -> None:
    plan = after(DIAMOND, "b", b=SUCCESS)
    assert plan.looks == (look("d", "c"),)
    assert not plan.may_be_over


def test_a_join_waits_for_an_upstream_task_that_does_not_exist_yet() -> None:
    plan = after(DIAMOND, "b", b=SUCCESS, c=NONE)
    assert plan == Plan(starts=(), settles=(), looks=(), run=None, may_be_over=False)


def test_a_join_starts_once_all_are_known_to_have_ended() -> None:
    assert task_ids(after(DIAMOND, "b", b=SUCCESS, c=SUCCESS).starts) == ["d"]


def test_a_join_does_not_look_while_an_upstream_task_is_known_to_run() -> None:
    of = dag(task("a"), task("b"), task("c"), task("d", "a", "b", "c"))
    assert not after(of, "a", a=SUCCESS, b=RUNNING).looks


def test_a_failure_settles_everything_behind_it_without_looking() -> None:
    plan = after(DIAMOND, "a", a=FAILED)
    assert settled(plan) == {"b": UPSTREAM_FAILED, "c": UPSTREAM_FAILED, "d": UPSTREAM_FAILED}
    assert plan.run is RunState.FAILED


def test_a_skip_runs_through_to_where_a_rule_stops_it() -> None:
    of = dag(task("a"), task("b", "a"), task("c", "b"), task("d", "c", trigger_rule=TriggerRule.ALL_DONE))
    plan = after(of, "a", a=SKIPPED)
    assert settled(plan) == {"b": SKIPPED, "c": SKIPPED}
    assert task_ids(plan.starts) == ["d"]


def test_a_settled_task_counts_for_joins_behind_it() -> None:
    of = dag(task("a"), task("x"), task("b", "a"), task("j", "b", "x", trigger_rule=TriggerRule.ALL_DONE))
    assert after(of, "a", a=FAILED).looks == (look("j", "x"),)
    assert task_ids(after(of, "a", a=FAILED, x=SUCCESS).starts) == ["j"]


def test_what_exists_is_not_proposed_again() -> None:
    plan = after(chain("a", "b"), "a", a=SUCCESS, b=TaskState.QUEUED)
    assert plan == Plan(starts=(), settles=(), looks=(), run=None, may_be_over=False)


def test_what_was_read_and_does_not_exist_is_proposed() -> None:
    assert task_ids(after(chain("a", "b"), "a", a=SUCCESS, b=NONE).starts) == ["b"]


def test_a_task_that_always_starts_is_left_to_the_creation_of_the_run() -> None:
    of = dag(task("a"), task("b", "a", trigger_rule=TriggerRule.ALWAYS))
    assert not after(of, "a", a=SUCCESS).starts
    assert task_ids(replan(of, Snapshot(states={})).starts) == ["a", "b"]


def test_an_early_start_first_looks_whether_another_upstream_task_made_it() -> None:
    of = dag(task("a"), task("b"), task("j", "a", "b", trigger_rule=TriggerRule.ONE_SUCCESS))
    assert after(of, "b", b=SUCCESS).looks == (look("j", "j"),)
    assert task_ids(after(of, "b", b=SUCCESS, j=NONE).starts) == ["j"]
    over = after(of, "b", b=SUCCESS, j=SUCCESS)
    assert over.may_be_over
    assert not over.starts


def test_one_success_does_not_wait_for_the_others() -> None:
    of = dag(task("a"), task("b"), task("j", "a", "b", trigger_rule=TriggerRule.ONE_SUCCESS))
    assert task_ids(after(of, "a", a=SUCCESS, b=RUNNING, j=NONE).starts) == ["j"]


def test_a_branch_skips_what_it_did_not_choose_whatever_its_rule() -> None:
    of = dag(
        task("branch"),
        task("left", "branch"),
        task("right", "branch", trigger_rule=TriggerRule.ALL_DONE),
        task("join", "left", "right", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS),
    )
    known = Snapshot(states=states(branch=SUCCESS), skipped_by_branch={TaskKey("branch"): frozenset({"right"})})
    plan = advance(of, known, [TaskKey("branch")])
    assert task_ids(plan.starts) == ["left"]
    assert settled(plan) == {"right": SKIPPED}


# The end of the run.


def test_the_last_task_closes_a_run_of_which_all_is_known() -> None:
    assert after(chain("a", "b"), "b", a=SUCCESS, b=SUCCESS).run is RunState.SUCCESS


def test_a_run_may_be_over_when_nothing_is_known_to_go_on() -> None:
    plan = after(chain("a", "b"), "b", b=SUCCESS)
    assert plan.run is None
    assert plan.may_be_over


def test_a_run_is_not_over_while_something_known_runs() -> None:
    of = dag(task("a"), task("b"))
    assert not after(of, "a", a=SUCCESS, b=RUNNING).may_be_over
    assert not after(of, "a", a=SUCCESS, b=NONE).may_be_over
    assert after(of, "a", a=SUCCESS).may_be_over
    assert after(of, "a", a=SUCCESS, b=FAILED).run is RunState.FAILED


# Wide joins.


def part_states(number: int, state: TaskState = SUCCESS) -> dict[TaskKey, TaskState]:
    return {TaskKey(f"part{each:02}"): state for each in range(number)}


def test_a_wide_join_is_counted() -> None:
    plan = advance(fan(20), Snapshot(states=part_states(3)), list(part_states(3)))
    assert plan.looks == (look("join", total=20),)


def test_a_join_over_eight_is_read_and_one_over_nine_is_counted() -> None:
    assert not after(fan(WIDE), "part00", part00=SUCCESS).looks[0].counted
    assert after(fan(WIDE + 1), "part00", part00=SUCCESS).looks[0].counted


@pytest.mark.parametrize(
    ("counts", "started"),
    [
        (UpstreamCounts(total=20, success=20), ["join"]),
        (UpstreamCounts(total=20, success=19), []),
    ],
)
def test_a_count_decides_a_wide_join(counts: UpstreamCounts, started: list[str]) -> None:
    snapshot = Snapshot(states=part_states(1), counts={"join": counts})
    plan = advance(fan(20), snapshot, [TaskKey("part00")])
    assert task_ids(plan.starts) == started
    assert not plan.looks
    assert not plan.may_be_over


def test_a_wide_join_of_which_all_is_known_is_not_counted() -> None:
    ended = list(part_states(20))
    assert task_ids(advance(fan(20), Snapshot(states=part_states(20)), ended).starts) == ["join"]
    assert task_ids(advance(fan(20), Snapshot(states=part_states(20)), ended[:1]).starts) == ["join"]


def test_a_wide_join_is_not_counted_while_an_upstream_task_is_known_to_run() -> None:
    known = part_states(3) | {TaskKey("part07"): RUNNING}
    plan = advance(fan(20), Snapshot(states=known), [TaskKey("part00")])
    assert not plan.looks
    assert not plan.may_be_over


def test_a_failure_decides_a_wide_join_at_once() -> None:
    plan = advance(fan(20), Snapshot(states=part_states(1, FAILED)), [TaskKey("part00")])
    assert settled(plan) == {"join": UPSTREAM_FAILED}


def test_a_count_from_before_a_settle_is_taken_again() -> None:
    parts = [task(f"part{each:02}", "x") for each in range(9)]
    rule = TriggerRule.ALL_DONE
    of = dag(task("x"), task("y"), *parts, task("join", "y", *(part.task_id for part in parts), trigger_rule=rule))
    stale = Snapshot(states=states(x=SKIPPED), counts={"join": UpstreamCounts(total=10, success=1)})
    plan = advance(of, stale, [TaskKey("x")])
    assert len(plan.settles) == 9
    assert plan.looks == (look("join", total=10),)


def test_a_wide_teardown_reads_its_setups_and_counts_the_rest() -> None:
    parts = [task(f"part{each:02}", "setup") for each in range(9)]
    teardown = task(
        "down",
        "setup",
        *(part.task_id for part in parts),
        trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
        is_teardown=True,
    )
    of = dag(task("setup", is_setup=True), *parts, teardown)
    counts = {"down": UpstreamCounts(total=10, success=9, failed=1)}
    known = states(part00=FAILED)
    plan = advance(of, Snapshot(states=known), [TaskKey("part00")])
    assert plan.looks == (look("down", "setup", total=10),)
    known |= states(setup=SUCCESS)
    assert task_ids(advance(of, Snapshot(states=known, counts=counts), [TaskKey("part00")]).starts) == ["down"]


# Planning the whole run.


def test_replan_creates_the_first_tasks() -> None:
    plan = replan(fan(3), Snapshot(states={}, complete=True))
    assert task_ids(plan.starts) == ["first"]
    assert not plan.looks


def test_replan_finds_what_a_crash_left_undone_and_then_nothing_more() -> None:
    known = states(a=SUCCESS, b=FAILED)
    plan = replan(DIAMOND, Snapshot(states=known, complete=True))
    assert task_ids(plan.starts) == ["c"]
    assert settled(plan) == {"d": UPSTREAM_FAILED}
    known |= states(c=TaskState.QUEUED, d=UPSTREAM_FAILED)
    again = replan(DIAMOND, Snapshot(states=known, complete=True))
    assert again == Plan(starts=(), settles=(), looks=(), run=None, may_be_over=False)


def test_replan_closes_a_run_that_is_over() -> None:
    assert replan(DIAMOND, Snapshot(states=states(a=FAILED), complete=True)).run is RunState.FAILED


def test_a_run_without_tasks_is_over_at_once() -> None:
    assert replan(dag(), Snapshot(states={}, complete=True)).run is RunState.SUCCESS


def test_a_complete_snapshot_needs_no_look() -> None:
    plan = advance(DIAMOND, Snapshot(states=states(a=SUCCESS, b=SUCCESS), complete=True), [TaskKey("b")])
    assert not plan.looks
    assert not plan.starts


def test_an_end_of_a_task_that_is_no_longer_in_the_dag_leads_to_nothing() -> None:
    plan = after(chain("a", "b"), "gone", gone=SUCCESS, a=RUNNING)
    assert plan == Plan(starts=(), settles=(), looks=(), run=None, may_be_over=False)


# Setups and teardowns.


def test_a_teardown_waits_for_all_between_it_and_its_setup() -> None:
    of = dag(
        task("s", is_setup=True),
        task("x", "s"),
        task("y", "s"),
        task("j", "x", "y"),
        task("t", "j", "s", trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS, is_teardown=True),
    )
    waiting = after(of, "x", s=SUCCESS, x=FAILED, y=RUNNING)
    assert settled(waiting) == {"j": UPSTREAM_FAILED}
    assert not waiting.starts
    ready = after(of, "y", s=SUCCESS, x=FAILED, y=SUCCESS, j=UPSTREAM_FAILED)
    assert task_ids(ready.starts) == ["t"]


# Wiring.


def test_the_wiring_of_a_dag_is_forgotten_with_the_dag() -> None:
    of = chain("a", "b")
    number = id(of)
    assert wiring.wiring(of) is wiring.wiring(of)
    assert number in wiring._KEPT
    del of
    gc.collect()
    assert number not in wiring._KEPT
