"""Task groups and DAGs with retries, as authors write and try them."""

import pytest

from sailplane import DAG, EmptyOperator, TaskGroup, dag, task, task_group
from sailplane.authoring.serialization import serialize
from sailplane.model.errors import AuthorError

CALLS: list[str] = []


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


@task
def fetch() -> int:
    CALLS.append("fetch")
    return len([each for each in CALLS if each == "fetch"])


@task
def check(number: int, needed: int) -> None:
    CALLS.append("check")
    assert number >= needed


@task
def report() -> None:
    CALLS.append("report")


def of(needed: int, retries: int = 2) -> DAG:
    with DAG("group") as made:

        @task_group(retries=retries, retry_delay=30)
        def part() -> None:
            check(fetch(), needed)

        part() >> report()
    return made


def test_all_of_a_group_runs_again_until_it_succeeds() -> None:
    run = of(needed=3).test()
    assert run.state == "success"
    assert CALLS == ["fetch", "check"] * 3 + ["report"]
    assert run.states == {"part.check": "success", "part.fetch": "success", "report": "success"}
    assert run.get_task_instance("part.fetch").try_number == 3


def test_a_group_fails_when_its_retries_are_used_up() -> None:
    run = of(needed=9, retries=1).test()
    assert run.state == "failed"
    assert CALLS == ["fetch", "check"] * 2
    assert run.states["report"] == "upstream_failed"


def test_a_whole_dag_runs_again() -> None:
    @dag(retries=1, retry_delay=0)
    def whole() -> None:
        check(fetch(), 2)
        report()

    run = whole().test()
    assert run.state == "success"
    assert sorted(CALLS) == sorted(["fetch", "check", "report"] * 2)


def test_groups_and_dags_without_retries_have_no_gates() -> None:
    with DAG("plain") as plain, TaskGroup("g"):
        EmptyOperator(task_id="a")
    assert serialize(plain, "plain.py").gates == {}


def test_a_group_with_retries_that_is_left_and_entered_again_is_refused() -> None:
    with DAG("twisted") as twisted:
        with TaskGroup("g", retries=1):
            first, last = EmptyOperator(task_id="first"), EmptyOperator(task_id="last")
        first >> EmptyOperator(task_id="between") >> last
    with pytest.raises(AuthorError, match=r"task .between. would wait for itself.*Put it into the group"):
        serialize(twisted, "twisted.py")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"retries": -1}, "task group 'g': retries must be 0 or more, not -1"),
        ({"retries": "2"}, "retries must be 0 or more, not '2'"),
        ({"retries": 1, "retry_delay": "1h"}, "retry_delay must be a timedelta or seconds, 0 or more, not '1h'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, object], message: str) -> None:
    with DAG("wrong"), pytest.raises(AuthorError, match=message):
        TaskGroup("g", **arguments)  # type: ignore[arg-type]
