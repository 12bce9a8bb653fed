from collections import Counter

import pytest
from small_dags import chain, fan

from sailplane.model.states import TERMINAL, TaskState, TriggerRule
from sailplane.planner import joins
from sailplane.planner.rules import Verdict, judge, tally


def asked(width: int, rule: TriggerRule, ended: list[TaskState]) -> tuple[list[str], dict[str, int]]:
    """All that the join asks when `ended` is the truth, and the answers."""
    of = fan(width, trigger_rule=rule)
    fed = [value for state in ended for value in joins.feeds(of, "part00", state)]
    answers: dict[str, int] = {}
    while (value := joins.next_question(of, "join", answers, len(of.task_dict["join"].upstream))) is not None:
        answers[value] = fed.count(value)
    return list(answers), answers


def test_an_end_feeds_the_wide_joins_behind_it_and_the_run() -> None:
    assert joins.feeds(fan(9), "part03", TaskState.FAILED) == ("~run", "join", "join=failed")


def test_an_end_feeds_no_narrow_join() -> None:
    assert joins.feeds(fan(8), "part03", TaskState.SUCCESS) == ("~run",)


def test_an_end_in_a_small_dag_feeds_nothing() -> None:
    assert joins.feeds(chain("a", "b"), "a", TaskState.SUCCESS) == ()


def test_a_join_that_always_starts_is_not_fed() -> None:
    of = fan(9, trigger_rule=TriggerRule.ALWAYS)
    assert joins.feeds(of, "part03", TaskState.SUCCESS) == ("~run",)


def test_who_looks_too_early_counts_once() -> None:
    questions, _ = asked(20, TriggerRule.ALL_SUCCESS, [TaskState.SUCCESS] * 19)
    assert questions == ["join"]


def test_who_comes_last_counts_twice_when_all_succeeded() -> None:
    questions, _ = asked(20, TriggerRule.ALL_SUCCESS, [TaskState.SUCCESS] * 20)
    assert questions == ["join", "join=success"]


def test_a_rule_that_starts_early_asks_for_the_state_it_needs() -> None:
    questions, answers = asked(20, TriggerRule.ONE_FAILED, [TaskState.SUCCESS, TaskState.UPSTREAM_FAILED])
    assert questions == ["join", "join=failed", "join=upstream_failed"]
    of = fan(20, trigger_rule=TriggerRule.ONE_FAILED)
    assert (
        judge(TriggerRule.ONE_FAILED, joins.counts("join", answers, len(of.task_dict["join"].upstream))).verdict
        is Verdict.RUN
    )


@pytest.mark.parametrize("rule", [rule for rule in TriggerRule if rule is not TriggerRule.ALWAYS])
@pytest.mark.parametrize("rare", sorted(TERMINAL))
def test_a_counted_join_comes_to_the_verdict_of_the_truth(rule: TriggerRule, rare: TaskState) -> None:
    of = fan(9, trigger_rule=rule)
    for common in sorted(TERMINAL):
        ended = [common] * 8 + [rare]
        _, answers = asked(9, rule, ended)
        counted = joins.counts("join", answers, len(of.task_dict["join"].upstream))
        assert judge(rule, counted) == judge(rule, tally(9, Counter(ended)))


@pytest.mark.parametrize("rule", [TriggerRule.ONE_SUCCESS, TriggerRule.ONE_FAILED, TriggerRule.ONE_DONE])
@pytest.mark.parametrize("only", sorted(TERMINAL))
def test_a_counted_join_that_starts_early_does_so(rule: TriggerRule, only: TaskState) -> None:
    of = fan(9, trigger_rule=rule)
    _, answers = asked(9, rule, [only])
    assert judge(rule, joins.counts("join", answers, len(of.task_dict["join"].upstream))) == judge(
        rule, tally(9, {only: 1})
    )
