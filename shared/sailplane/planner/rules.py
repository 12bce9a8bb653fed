"""Trigger rules: whether the states of its upstream tasks let a task start.

The meaning is that of Airflow 3.3 (`TriggerRuleDep` with `flag_upstream_failed`), with one difference: a verdict other
than WAIT is final. It is given before all upstream tasks have ended only when no further end could change it. Airflow's
scheduler looks at intervals and takes the first verdict that holds at that moment, so that there the end state of a
task can depend on which upstream ended first: `all_success` with one upstream skipped and another that fails a minute
later becomes `skipped`, and `upstream_failed` if both ended within one interval. Here it waits for the second one and
is `upstream_failed` in both cases. Otherwise two workers that each see a part could decide differently.

Every verdict before the last end follows from one single upstream state ("one failed"). Whoever ends that upstream
therefore finds the verdict alone, and `advance` need not read others while an upstream is known to be unfinished.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache

from sailplane.model.states import TaskState, TriggerRule


class Verdict(Enum):
    RUN = "run"
    WAIT = "wait"
    SKIP = "skip"
    UPSTREAM_FAILED = "upstream_failed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and why."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCounts:
    """How many upstream task instances there are, and in which terminal states the ended ones are."""

    total: int
    success: int = 0
    failed: int = 0
    skipped: int = 0
    upstream_failed: int = 0
    removed: int = 0
    setup_total: int = 0
    """How many of the upstream task instances are setups; the next two are their states."""
    setup_success: int = 0
    setup_skipped: int = 0

    @property
    def done(self) -> int:
        return self.success + self.failed + self.skipped + self.upstream_failed + self.removed

    @property
    def all_done(self) -> bool:
        return self.done >= self.total

    @property
    def failures(self) -> int:
        """Failed itself, or not started because something before it failed."""
        return self.failed + self.upstream_failed


STARTS_EARLY: Mapping[TriggerRule, tuple[TaskState, ...]] = {
    TriggerRule.ONE_SUCCESS: (TaskState.SUCCESS,),
    TriggerRule.ONE_FAILED: (TaskState.FAILED, TaskState.UPSTREAM_FAILED),
    TriggerRule.ONE_DONE: (TaskState.SUCCESS, TaskState.FAILED),
}
"""The rules that let a task start before all upstream tasks have ended, and the states of which one is enough."""

Rule = Callable[[UpstreamCounts], Judgement]

WAITING = Judgement(Verdict.WAIT, "upstream tasks have not ended")


def judge(rule: TriggerRule, counts: UpstreamCounts) -> Judgement:
    """What `rule` says of a task whose upstream task instances are as counted.

    `counts` may fall short of the truth: then the verdict is WAIT, or the one that the whole truth gives.
    """
    if not counts.total:
        return Judgement(Verdict.RUN, "it has no upstream tasks")
    return _RULES[rule](counts)


@cache
def judge_alone(rule: TriggerRule, state: TaskState) -> Judgement:
    """What `rule` says of a task whose only upstream task instance is in `state`: most tasks of most DAGs."""
    return judge(rule, tally(1, {state: 1}))


def tally(total: int, states: Mapping[TaskState, int]) -> UpstreamCounts:
    """Counts from a number per state, without setups; states that are not terminal are left out."""
    return UpstreamCounts(
        total=total,
        success=states.get(TaskState.SUCCESS, 0),
        failed=states.get(TaskState.FAILED, 0),
        skipped=states.get(TaskState.SKIPPED, 0),
        upstream_failed=states.get(TaskState.UPSTREAM_FAILED, 0),
        removed=states.get(TaskState.REMOVED, 0),
    )


def judge_unmapped(producers: Collection[TaskState | None], *, has_no_items: bool) -> Judgement:
    """What becomes of a mapped task that its rule would start, but that has no instances.

    `producers`: the states of the tasks that it is mapped over, None for one that was itself expanded.
    """
    if not _FAILURES.isdisjoint(producers):
        return _fail("a task that it is mapped over failed")
    if TaskState.SKIPPED in producers:
        return _skip("a task that it is mapped over was skipped")
    if has_no_items:
        return _skip("the upstream tasks returned no item that it could be mapped over")
    return _fail("an upstream task returned nothing that it could be mapped over")


_FAILURES = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})


def _run(reason: str) -> Judgement:
    return Judgement(Verdict.RUN, reason)


def _skip(reason: str) -> Judgement:
    return Judgement(Verdict.SKIP, reason)


def _fail(reason: str) -> Judgement:
    return Judgement(Verdict.UPSTREAM_FAILED, reason)


def _all_success(counts: UpstreamCounts) -> Judgement:
    if counts.failures:
        return _fail(f"{counts.failures} of {counts.total} upstream tasks failed")
    if not counts.all_done:
        return WAITING
    if counts.skipped:
        return _skip(f"{counts.skipped} of {counts.total} upstream tasks were skipped")
    return _run("all upstream tasks succeeded")


def _all_failed(counts: UpstreamCounts) -> Judgement:
    if counts.success or counts.skipped:
        return _skip(f"{counts.success + counts.skipped} of {counts.total} upstream tasks did not fail")
    return _run("all upstream tasks failed") if counts.all_done else WAITING


def _all_done(counts: UpstreamCounts) -> Judgement:
    return _run("all upstream tasks ended") if counts.all_done else WAITING


def _all_done_min_one_success(counts: UpstreamCounts) -> Judgement:
    if counts.skipped:
        return _skip(f"{counts.skipped} of {counts.total} upstream tasks were skipped")
    if not counts.all_done:
        return WAITING
    if counts.success:
        return _run(f"all upstream tasks ended, {counts.success} with success")
    return _fail("all upstream tasks ended, none with success")


def _all_done_setup_success(counts: UpstreamCounts) -> Judgement:
    if not counts.all_done:
        return WAITING
    if counts.setup_total and counts.setup_skipped >= counts.setup_total:
        return _skip("every upstream setup was skipped")
    if counts.setup_total and not counts.setup_success:
        return _fail("no upstream setup succeeded")
    return _run("all upstream tasks ended")


def _one_success(counts: UpstreamCounts) -> Judgement:
    if counts.success:
        return _run("an upstream task succeeded")
    if not counts.all_done:
        return WAITING
    if counts.skipped == counts.total:
        return _skip("all upstream tasks were skipped")
    return _fail("no upstream task succeeded")


def _one_failed(counts: UpstreamCounts) -> Judgement:
    if counts.failures:
        return _run("an upstream task failed")
    return _skip("no upstream task failed") if counts.all_done else WAITING


def _one_done(counts: UpstreamCounts) -> Judgement:
    if counts.success or counts.failed:
        return _run("an upstream task succeeded or failed")
    return _skip("no upstream task ran") if counts.all_done else WAITING


def _none_failed(counts: UpstreamCounts) -> Judgement:
    if counts.failures:
        return _fail(f"{counts.failures} of {counts.total} upstream tasks failed")
    return _run("no upstream task failed") if counts.all_done else WAITING


def _none_failed_min_one_success(counts: UpstreamCounts) -> Judgement:
    if counts.failures:
        return _fail(f"{counts.failures} of {counts.total} upstream tasks failed")
    if not counts.all_done:
        return WAITING
    if counts.skipped == counts.total:
        return _skip("all upstream tasks were skipped")
    if not counts.success:
        return _fail("no upstream task succeeded")
    return _run(f"no upstream task failed and {counts.success} succeeded")


def _none_skipped(counts: UpstreamCounts) -> Judgement:
    if counts.skipped:
        return _skip(f"{counts.skipped} of {counts.total} upstream tasks were skipped")
    return _run("no upstream task was skipped") if counts.all_done else WAITING


def _all_skipped(counts: UpstreamCounts) -> Judgement:
    # Airflow leaves a task whose upstream was removed without a state and calls the run deadlocked; a removed task was
    # not skipped, so here it counts as any other that was not.
    if counts.done > counts.skipped:
        return _skip(f"{counts.done - counts.skipped} of {counts.total} upstream tasks were not skipped")
    return _run("all upstream tasks were skipped") if counts.all_done else WAITING


def _always(counts: UpstreamCounts) -> Judgement:
    del counts
    return _run("its rule is to start in any case")


_RULES: dict[TriggerRule, Rule] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: _all_done_min_one_success,
    TriggerRule.ALL_DONE_SETUP_SUCCESS: _all_done_setup_success,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.ALL_SKIPPED: _all_skipped,
    TriggerRule.ALWAYS: _always,
}
