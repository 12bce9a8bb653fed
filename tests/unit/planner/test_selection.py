"""Which task instances are meant by those that are named."""

import pytest
from small_dags import dag, task

from sailplane.model.ids import TaskKey
from sailplane.planner.selection import Wish, group_tasks, missing, widened


def names(wish: Wish) -> set[str]:
    return set(wish.tasks)


CHAIN = dag(task("a"), task("b", "a"), task("c", "b"), task("d", "a"))
BRACKET = dag(
    task("up", is_setup=True),
    task("lone", is_setup=True),
    task("work", "up", "lone"),
    task("down", "up", "work", is_teardown=True),
    task("after", "work"),
)


@pytest.mark.parametrize(
    ("named", "options", "found"),
    [
        ("b", {}, {"b"}),
        ("b", {"downstream": True}, {"b", "c"}),
        ("b", {"upstream": True}, {"a", "b"}),
        ("a", {"downstream": True}, {"a", "b", "c", "d"}),
        ("b", {"upstream": True, "downstream": True}, {"a", "b", "c"}),
    ],
)
def test_relatives_come_along_when_they_are_asked_for(named: str, options: dict[str, bool], found: set[str]) -> None:
    assert names(widened(CHAIN, Wish.of([named], **options))) == found


def test_setups_come_along_and_their_teardowns() -> None:
    assert names(widened(BRACKET, Wish.of(["work"]))) == {"up", "lone", "work", "down"}
    assert names(widened(BRACKET, Wish.of(["up"]))) == {"up", "down"}
    assert names(widened(BRACKET, Wish.of(["after"]))) == {"after", "lone"}
    assert names(widened(BRACKET, Wish.of(["down"]))) == {"down"}


def test_names_that_the_dag_does_not_have_are_left_out() -> None:
    assert names(widened(CHAIN, Wish.of(["nobody", "c"]))) == {"c"}


def test_a_task_that_is_named_as_a_whole_means_each_of_its_instances() -> None:
    wish = Wish.of(["a", TaskKey("b", 2), TaskKey("b", 4), TaskKey("a", 1)])
    assert wish.means(TaskKey("a", 7))
    assert [index for index in range(6) if wish.means(TaskKey("b", index))] == [2, 4]
    assert not wish.means(TaskKey("c"))


def test_what_does_not_exist_is_found_by_task() -> None:
    assert missing(CHAIN, ["b", "c"], {TaskKey("b")}, {}) == [TaskKey("c")]


def test_the_tasks_of_no_group_are_all() -> None:
    assert group_tasks(CHAIN, "") == tuple(each.task_id for each in CHAIN.tasks)
