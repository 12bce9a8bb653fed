"""Tasks with start and end dates of their own: runs outside of these do not have them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sailplane.model.dags import SerializedDag, SerializedGroup, SerializedTask
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.runs import RunContext
from sailplane.model.states import RunType
from sailplane.model.windows import of_run


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def task(task_id: str, *upstream: str, **fields: Any) -> SerializedTask:
    return SerializedTask(task_id=task_id, operator="EmptyOperator", upstream=tuple(sorted(upstream)), **fields)


def dag(*tasks: SerializedTask, **fields: Any) -> SerializedDag:
    return SerializedDag(dag_id="flow", file="flow.py", tasks=tasks, **fields)


def run(logical_date: datetime | None, run_type: RunType = RunType.SCHEDULED) -> RunContext:
    return RunContext(
        dag_id="flow",
        run_id="r",
        version=1,
        bundle="",
        file="flow.py",
        run_type=run_type,
        logical_date=logical_date,
        data_interval_start=logical_date,
        data_interval_end=logical_date,
        run_after=day(1),
        started_at=None,
    )


def edges(found: SerializedDag) -> dict[str, tuple[str, ...]]:
    return {each.task_id: each.upstream for each in found.tasks}


FLOW = dag(
    task("check"),
    task("fly", "check", start_date=day(10), end_date=day(20)),
    task("land", "fly", reads=("fly",)),
)


@pytest.mark.parametrize("number", [10, 15, 20])
def test_a_run_within_the_dates_has_the_task(number: int) -> None:
    assert of_run(FLOW, run(day(number))) is FLOW


@pytest.mark.parametrize("number", [9, 21])
def test_outside_of_them_it_is_not_there_and_what_is_behind_it_waits_for_what_is_before(number: int) -> None:
    found = of_run(FLOW, run(day(number)))
    assert edges(found) == {"check": (), "land": ("check",)}
    assert found.task_dict["land"].reads == ()


def test_a_run_without_a_date_and_one_of_a_backfill_have_all_tasks() -> None:
    assert of_run(FLOW, run(None)) is FLOW
    assert of_run(FLOW, run(day(1), RunType.BACKFILL)) is FLOW


def test_two_in_a_row_are_both_bridged() -> None:
    flow = dag(task("a"), task("b", "a", start_date=day(5)), task("c", "b", start_date=day(5)), task("d", "c"))
    assert edges(of_run(flow, run(day(1)))) == {"a": (), "d": ("a",)}


def test_what_is_mapped_over_it_is_not_there_either() -> None:
    over = Expansion(sources=(Source(kind=SourceKind.XCOM, task_id="a"),))
    flow = dag(
        task("a", start_date=day(5)),
        task("b", "a", expansion=over),
        task("c", "a", group_id="g"),
        task("d", "b", "c"),
        groups=(SerializedGroup(group_id="g", expansion=over),),
    )
    assert edges(of_run(flow, run(day(1)))) == {"d": ()}


def test_a_dag_without_such_tasks_is_handed_on_and_another_is_made_once() -> None:
    plain = dag(task("a"))
    assert of_run(plain, run(day(1))) is plain
    assert of_run(FLOW, run(day(1))) is of_run(FLOW, run(day(2)))
