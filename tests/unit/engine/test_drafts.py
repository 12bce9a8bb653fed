"""What follows from an end, tasks that need no process included."""

from small_dags import dag, task

from sailplane.engine.draft import draft, draft_all
from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.states import RunState, TaskState, TriggerRule
from sailplane.planner.plan import Snapshot

PAIR = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=2),))


def after(*names: str) -> Expansion:
    return Expansion(sources=tuple(Source(kind=SourceKind.XCOM, task_id=name) for name in names))


def first_ended(of: SerializedDag) -> Snapshot:
    return Snapshot(states={TaskKey(of.tasks[0].task_id): TaskState.SUCCESS}, complete=True)


def test_a_run_is_over_when_its_last_tasks_need_no_process_and_mapped_ones_were_settled_before() -> None:
    of = dag(
        task("a"),
        task("b", "a", trigger_rule=TriggerRule.ALL_FAILED),
        task("empty", "a", needs_code=False),
        task("mapped", "b", expansion=PAIR),
    )
    for drafted in (draft(of, first_ended(of), [TaskKey("a")]), draft_all(of, first_ended(of))):
        assert drafted.run is RunState.SUCCESS
        assert drafted.states[TaskKey("mapped", 1)] is TaskState.SKIPPED


def test_what_is_mapped_over_a_task_without_a_process_is_decided_with_it() -> None:
    of = dag(
        task("a"),
        task("empty", "a", needs_code=False, is_mapped_over=True),
        task("b", "empty", expansion=after("empty")),
    )
    drafted = draft(of, first_ended(of), [TaskKey("a")])
    assert drafted.states[TaskKey("b")] is TaskState.UPSTREAM_FAILED
    assert drafted.run is RunState.FAILED


def test_what_is_mapped_over_mapped_tasks_without_a_process_is_skipped_with_them() -> None:
    of = dag(
        task("a"),
        task("empty", "a", needs_code=False, is_mapped_over=True, expansion=PAIR),
        task("b", "empty", expansion=after("empty")),
    )
    drafted = draft(of, first_ended(of), [TaskKey("a")])
    assert drafted.states[TaskKey("b")] is TaskState.SKIPPED
    assert drafted.run is RunState.SUCCESS
