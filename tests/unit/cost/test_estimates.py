"""Estimates from the structure of a DAG, and from runs."""

import pytest

from sailplane.cost.estimate import RUN, Basis, Habit, from_runs, from_structure
from sailplane.model.dags import SerializedDag, SerializedTask
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.usage import Usage


def task(task_id: str, *upstream: str, **fields) -> SerializedTask:
    return SerializedTask(task_id=task_id, operator="PythonOperator", upstream=tuple(sorted(upstream)), **fields)


def dag(*tasks: SerializedTask) -> SerializedDag:
    return SerializedDag(dag_id="d", file="d.py", tasks=tasks)


def once_a_day(**fields) -> Habit:
    return Habit(**{"runs_per_day": 1, "seconds": {}, **fields})


CHAIN = dag(task("a"), task("b", "a"), task("c", "b"))
FAN = dag(*(task(f"f{n:02}") for n in range(20)), task("join", *(f"f{n:02}" for n in range(20))))
DIAMOND = dag(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))


@pytest.mark.parametrize(
    ("shape", "writes", "messages"),
    [
        (CHAIN, 3 + 2 + 2, 1),
        (FAN, 20 * 3 + 2, 3),
        (DIAMOND, 3 + 2 + 3 + 2, 2),
        (dag(task("a"), task("b", "a", queue="gpu")), 3 + 3, 2),
        (dag(task("a"), task("e", "a", needs_code=False), task("b", "e")), 3 + 1 + 2, 1),
    ],
    ids=["chain", "fan", "diamond", "another queue", "empty between"],
)
def test_a_worker_keeps_one_successor_and_the_others_travel(shape: SerializedDag, writes: int, messages: int) -> None:
    run = from_structure(shape, once_a_day()).run
    assert run.writes - RUN.writes == writes
    assert run.messages == run.requests == messages


def test_tasks_one_after_the_other_are_billed_in_full() -> None:
    run = from_structure(CHAIN, once_a_day(each=10)).run
    assert run.vcpu_seconds == pytest.approx(30, rel=0.01)


def test_tasks_side_by_side_share_a_machine() -> None:
    run = from_structure(FAN, once_a_day(each=80)).run
    assert run.vcpu_seconds == pytest.approx(20 * 80 / 8 + 80, rel=0.01)


def test_known_times_of_tasks_go_before_the_common_one() -> None:
    run = from_structure(CHAIN, once_a_day(each=10, seconds={"b": 100})).run
    assert run.vcpu_seconds == pytest.approx(120, rel=0.01)


def test_a_mapped_task_counts_as_many_times_as_it_is_said_to() -> None:
    over_a = Expansion(sources=(Source(kind=SourceKind.XCOM, task_id="a"),))
    shape = dag(task("a"), task("m", "a", expansion=over_a), task("z", "m"))
    one, many = (from_structure(shape, once_a_day(mapped=number)).run for number in (1, 50))
    assert many.writes == one.writes + 49 * 3 + 1, "all of them through the queue, where a single one is kept"
    assert many.messages == 1 + 7
    assert many.class_a == 52


def test_lengths_that_the_dag_file_names_are_known() -> None:
    over_list = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=30),))
    run = from_structure(dag(task("m", expansion=over_list)), once_a_day(mapped=5)).run
    assert run.writes - RUN.writes == 90


def test_a_task_that_is_mapped_over_nothing_costs_nothing() -> None:
    over_nothing = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=0),))
    assert from_structure(dag(task("m", expansion=over_nothing)), once_a_day()).run == RUN


def test_a_month_has_thirty_days_of_runs() -> None:
    made = from_structure(CHAIN, once_a_day(runs_per_day=24))
    assert made.basis is Basis.STRUCTURE
    assert made.month.writes == pytest.approx(made.run.writes * 720)
    assert made.month.document_gib_months > 0


def test_measured_runs_go_before_the_structure() -> None:
    used = [Usage(writes=10, vcpu_seconds=1, requests=1), Usage(writes=20, vcpu_seconds=3, requests=1)]
    made = from_runs(CHAIN, used, 2)
    assert (made.basis, made.runs) == (Basis.RUNS, 2)
    assert (made.run.writes, made.run.vcpu_seconds) == (15, 2)
    assert made.month.writes == 15 * 60


def test_a_dag_without_tasks_costs_its_runs() -> None:
    assert from_structure(dag(), once_a_day()).run == RUN
