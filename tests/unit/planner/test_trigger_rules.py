"""Trigger rules against what Airflow itself was recorded to do (tests/oracle/record_trigger_rules.py)."""

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small_dags import dag, task

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.states import TERMINAL, TaskState, TriggerRule
from sailplane.planner.advance import replan
from sailplane.planner.plan import Snapshot
from sailplane.planner.rules import STARTS_EARLY, UpstreamCounts, Verdict, judge, judge_alone, judge_unmapped, tally

RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[2] / "oracle" / "trigger_rules.json").read_text())
OURS = {
    Verdict.RUN: "run",
    Verdict.WAIT: "wait",
    Verdict.SKIP: "skipped",
    Verdict.UPSTREAM_FAILED: "upstream_failed",
}
UNENDED = "none"

DIFFERENT = {
    # Airflow calls the run deadlocked: the task can neither run nor be skipped.
    ("all_skipped", "removed", "removed"): ("wait", "skipped"),
    ("all_skipped", "removed", "skipped"): ("wait", "skipped"),
    ("all_skipped", "none", "removed"): ("wait", "skipped"),
    # The other one may still fail, and then it is upstream_failed: a verdict is final.
    ("all_success", "none", "skipped"): ("skipped", "wait"),
}
"""(rule, both states sorted) -> what Airflow does, what Sailplane does: all differences, on purpose."""


def counts_of(setups: str, **states: str) -> UpstreamCounts:
    counted = Counter(TaskState(state) for state in states.values())
    of_setups = [state for name, state in states.items() if name in setups]
    return UpstreamCounts(
        total=len(states),
        success=counted[TaskState.SUCCESS],
        failed=counted[TaskState.FAILED],
        skipped=counted[TaskState.SKIPPED],
        upstream_failed=counted[TaskState.UPSTREAM_FAILED],
        removed=counted[TaskState.REMOVED],
        setup_total=len(of_setups),
        setup_success=of_setups.count("success"),
        setup_skipped=of_setups.count("skipped"),
    )


@pytest.mark.parametrize("rule", TriggerRule)
def test_every_rule_decides_as_airflow_about_every_pair_of_upstream_states(rule: TriggerRule) -> None:
    rows = [row for row in RECORDED["pairs"] if row[0] == rule]
    assert len(rows) >= 36
    for _, setups, first, second, airflow in rows:
        ours = OURS[judge(rule, counts_of(setups, a=first, b=second)).verdict]
        expected = DIFFERENT.get((rule.value, *sorted((first, second))), (airflow, airflow))
        assert (airflow, ours) == expected, (setups, first, second)


def test_the_differences_from_airflow_are_those_listed_and_all_occur() -> None:
    recorded = {(row[0], *sorted(row[2:4])) for row in RECORDED["pairs"]}
    assert set(DIFFERENT) <= recorded


def shape(name: str) -> SerializedDag:
    return dag(
        *(
            task(task_id, *upstream, trigger_rule=TriggerRule(rule), is_setup=is_setup, is_teardown=is_teardown)
            for task_id, upstream, rule, is_setup, is_teardown in RECORDED["shapes_of"][name]
        )
    )


def decided(of: SerializedDag, target: str, known: dict[str, str]) -> str:
    """What `replan` does with `target`; an upstream task that has not ended is running."""
    states = {
        TaskKey(task_id): TaskState.RUNNING if state == UNENDED else TaskState(state)
        for task_id, state in known.items()
    }
    plan = replan(of, Snapshot(states=states, complete=True))
    decisions = {start.key.task_id: "run" for start in plan.starts}
    decisions |= {settle.key.task_id: settle.state.value for settle in plan.settles}
    return decisions.get(target, "wait")


@pytest.mark.parametrize("name", RECORDED["shapes_of"])
def test_setups_and_teardowns_go_as_in_airflow_once_all_before_them_has_ended(name: str) -> None:
    of = shape(name)
    for _, target, known, airflow in (row for row in RECORDED["shapes"] if row[0] == name):
        if UNENDED not in known.values():
            assert decided(of, target, known) == airflow, (target, known)


@pytest.mark.parametrize("name", RECORDED["shapes_of"])
def test_before_that_they_wait_or_do_as_airflow(name: str) -> None:
    of = shape(name)
    for _, target, known, airflow in (row for row in RECORDED["shapes"] if row[0] == name):
        if UNENDED in known.values():
            assert decided(of, target, known) in ("wait", airflow), (target, known)


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_verdict_never_changes_when_more_is_known(rule: TriggerRule) -> None:
    """Several workers, each of which knows a part, cannot decide differently."""
    for whole in itertools.combinations_with_replacement(sorted(TERMINAL), 3):
        final = judge(rule, tally(3, Counter(whole))).verdict
        assert final is not Verdict.WAIT
        for size in range(3):
            for part in itertools.combinations(whole, size):
                assert judge(rule, tally(3, Counter(part))).verdict in (Verdict.WAIT, final), (part, whole)


@pytest.mark.parametrize("rule", TriggerRule)
def test_an_early_verdict_follows_from_one_upstream_state_alone(rule: TriggerRule) -> None:
    """`advance` relies on it when it does not read others while one is known to be unfinished."""
    for first, second in itertools.combinations_with_replacement(sorted(TERMINAL), 2):
        both = judge(rule, tally(3, Counter((first, second)))).verdict
        alone = {judge(rule, tally(3, Counter((each,)))).verdict for each in (first, second)}
        assert both is Verdict.WAIT or both in alone


@pytest.mark.parametrize("rule", TriggerRule)
def test_only_the_rules_named_so_start_a_task_early(rule: TriggerRule) -> None:
    early = {state for state in TERMINAL if judge(rule, tally(2, {state: 1})).verdict is Verdict.RUN}
    if rule is not TriggerRule.ALWAYS:
        assert early == set(STARTS_EARLY.get(rule, ()))


def test_a_task_without_upstream_tasks_runs_whatever_its_rule() -> None:
    assert {judge(rule, UpstreamCounts(total=0)).verdict for rule in TriggerRule} == {Verdict.RUN}


def test_a_lone_upstream_is_judged_like_a_count_of_one() -> None:
    for rule, state in itertools.product(TriggerRule, TaskState):
        assert judge_alone(rule, state) == judge(rule, tally(1, {state: 1}))


def test_the_reason_names_what_stands_in_the_way() -> None:
    judgement = judge(TriggerRule.ALL_SUCCESS, UpstreamCounts(total=5, success=2, failed=1, upstream_failed=1))
    assert judgement.reason == "2 of 5 upstream tasks failed"


@pytest.mark.parametrize(
    ("producers", "has_no_items", "verdict"),
    [
        ([TaskState.SUCCESS], True, Verdict.SKIP),
        ([TaskState.SUCCESS], False, Verdict.UPSTREAM_FAILED),
        ([TaskState.SKIPPED], False, Verdict.SKIP),
        ([TaskState.SUCCESS, TaskState.SKIPPED], False, Verdict.SKIP),
        ([TaskState.SKIPPED, TaskState.FAILED], False, Verdict.UPSTREAM_FAILED),
        ([TaskState.UPSTREAM_FAILED], True, Verdict.UPSTREAM_FAILED),
        ([None], True, Verdict.SKIP),
        ([], True, Verdict.SKIP),
    ],
)
def test_a_mapped_task_without_instances_becomes_what_its_producers_became(
    producers: list[TaskState | None], has_no_items: bool, verdict: Verdict
) -> None:
    assert judge_unmapped(producers, has_no_items=has_no_items).verdict is verdict
