"""What is unfinished before a task, and how little is looked at to know it."""

from collections.abc import ItemsView, Iterator

from small_dags import dag, task

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.states import TaskState
from sailplane.planner.advance import advance
from sailplane.planner.plan import Snapshot
from sailplane.planner.unfinished import Unfinished
from sailplane.planner.wiring import wiring

PAIR = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=2),))


class WatchedStates(dict[TaskKey, TaskState]):
    """Counts how many of its items are looked at."""

    seen = 0

    def items(self) -> ItemsView[TaskKey, TaskState]:
        return _WatchedItems(self)


class _WatchedItems(ItemsView[TaskKey, TaskState]):
    def __init__(self, states: WatchedStates) -> None:
        super().__init__(states)
        self._states = states

    def __iter__(self) -> Iterator[tuple[TaskKey, TaskState]]:
        for item in dict.items(self._states):
            self._states.seen += 1
            yield item


def unfinished(of: SerializedDag, states: dict[str, TaskState], **decided: TaskState) -> Unfinished:
    known = {TaskKey.parse(name if ":" in name else f"{name}:-1"): state for name, state in states.items()}
    settled = {TaskKey(name): state for name, state in decided.items()}
    return Unfinished(wiring(of), known, settled, known.get)


def fan(width: int) -> SerializedDag:
    parts = [task(f"p{number:04}") for number in range(width)]
    return dag(*parts, task("join", *(part.task_id for part in parts)), task("other"))


def test_an_end_before_a_wide_join_looks_at_few_of_the_others() -> None:
    of = fan(1000)
    states = WatchedStates({TaskKey(each.task_id): TaskState.RUNNING for each in of.tasks if each.task_id != "join"})
    states[TaskKey("p0500")] = TaskState.SUCCESS
    plan = advance(of, Snapshot(states=states), [TaskKey("p0500")])
    assert (plan.starts, plan.settles, plan.looks) == ((), (), ())
    assert states.seen < 10


def test_only_what_is_upstream_is_before_a_task() -> None:
    of = fan(3)
    join = wiring(of).nodes["join"]
    assert not unfinished(of, {"p0000": TaskState.SUCCESS, "other": TaskState.RUNNING}).is_before(join, -1)
    assert unfinished(of, {"p0000": TaskState.SUCCESS, "p0001": TaskState.QUEUED}).is_before(join, -1)


def test_what_was_settled_since_is_unfinished_no_more() -> None:
    of = fan(2)
    assert unfinished(of, {"p0000": TaskState.NONE})
    assert not unfinished(of, {"p0000": TaskState.NONE}, p0000=TaskState.SKIPPED)


def test_that_a_mapped_task_does_not_stand_alone_leaves_nothing_open() -> None:
    of = dag(task("mapped", expansion=PAIR), task("join", "mapped"))
    join = wiring(of).nodes["join"]
    assert not unfinished(of, {"mapped": TaskState.NONE, "mapped:0": TaskState.SUCCESS}).is_before(join, -1)
    assert unfinished(of, {"mapped": TaskState.NONE, "mapped:1": TaskState.RUNNING}).is_before(join, -1)
