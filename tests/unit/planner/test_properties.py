"""Whole runs by simulated workers: whatever goes wrong, they end as Airflow's rules say."""

from dataclasses import replace
from typing import Any

import plain_rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_engine import Script, Simulation
from small_dags import dag, task

from sailplane.model.dags import SerializedDag, SerializedGroup, SerializedTask
from sailplane.model.mapping import Expansion, Source, SourceKind
from sailplane.model.states import TaskState, TriggerRule

LETTERS = "abcdefghijklmnop"
RULES = st.one_of(st.just(TriggerRule.ALL_SUCCESS), st.sampled_from(TriggerRule))
OUTCOMES = st.sampled_from((TaskState.SUCCESS, TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED))
quick = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def narrow_dags(draw: st.DrawFn) -> SerializedDag:
    tasks: list[SerializedTask] = []
    for task_id in LETTERS[: draw(st.integers(3, 12))]:
        earlier = [each.task_id for each in tasks]
        upstream = draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)) if earlier else []
        tasks.append(task(task_id, *upstream, trigger_rule=draw(RULES)))
    return dag(*tasks)


@st.composite
def wide_dags(draw: st.DrawFn) -> SerializedDag:
    """first -> nine to twelve parts, some of which wait for others -> joins over all or nearly all -> last"""
    width = draw(st.integers(9, 12))
    parts = [f"p{number:02}" for number in range(width)]
    tasks = [task("first")]
    for place, part in enumerate(parts):
        upstream = draw(st.sampled_from(["first", *parts[:place]]))
        tasks.append(task(part, upstream, trigger_rule=draw(RULES)))
    for join in ("y", "z"):
        left_out = draw(st.integers(0, width - 9))
        tasks.append(task(join, *parts[left_out:], trigger_rule=draw(RULES)))
    return dag(*tasks, task("~last", "y", "z", trigger_rule=draw(RULES)))


@st.composite
def setup_dags(draw: st.DrawFn) -> SerializedDag:
    """Work between setups and teardowns, some of it early or indirect."""
    rules = st.sampled_from((TriggerRule.ALL_SUCCESS, TriggerRule.ONE_SUCCESS, TriggerRule.ALL_DONE))
    setups = [task(name, is_setup=True) for name in ("s1", "s2")[: draw(st.integers(1, 2))]]
    names = [each.task_id for each in setups]
    work: list[SerializedTask] = []
    for task_id in LETTERS[: draw(st.integers(1, 6))]:
        earlier = names + [each.task_id for each in work]
        upstream = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=2, unique=True))
        work.append(task(task_id, *upstream, trigger_rule=draw(rules)))
    ending = draw(st.lists(st.sampled_from([each.task_id for each in work]), min_size=1, max_size=2, unique=True))
    teardown = task(
        "t",
        *ending,
        *draw(st.lists(st.sampled_from(names), unique=True)),
        trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
        is_teardown=True,
        on_failure_fail_dagrun=draw(st.booleans()),
    )
    return dag(*setups, *work, teardown, *[task("after", "t")] * draw(st.integers(0, 1)))


@st.composite
def mapped_dags(draw: st.DrawFn) -> SerializedDag:
    """Tasks that stand alone, tasks mapped over them or over mapped ones, and perhaps a mapped group."""
    tasks: list[SerializedTask] = []
    group: SerializedGroup | None = None
    letters = LETTERS[: draw(st.integers(3, 8))]
    for task_id in letters:
        earlier = [each.task_id for each in tasks]
        kind = draw(st.sampled_from(("plain", "plain", "own", "literal", "group")))
        upstream = set(draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else [])
        outside = [each.task_id for each in tasks if each.group_id is None]
        fields: dict[str, Any] = {"trigger_rule": draw(RULES)}
        if kind == "own" and earlier:
            producers = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=2, unique=True))
            fields["expansion"] = Expansion(sources=tuple(from_task(each) for each in producers))
            upstream |= set(producers)
        elif kind == "literal":
            fields["expansion"] = Expansion(sources=(Source(kind=SourceKind.LITERAL, length=draw(st.integers(0, 3))),))
        elif kind == "group" and outside:
            if group is None:
                producer = draw(st.sampled_from(outside))
                group = SerializedGroup(group_id="group", expansion=Expansion(sources=(from_task(producer),)))
            assert group.expansion is not None
            producer = group.expansion.producers[0]
            inside = {each.task_id for each in tasks if each.group_id == "group"}
            upstream |= set() if upstream & inside else {producer}
            fields["group_id"] = "group"
        tasks.append(task(task_id, *upstream, **fields))
    made_of = {each for item in tasks if item.expansion for each in item.expansion.producers}
    made_of |= set(group.expansion.producers) if group and group.expansion else set()
    marked = tuple(replace(each, is_mapped_over=each.task_id in made_of) for each in tasks)
    return SerializedDag(dag_id="mapped", file="mapped.py", tasks=marked, groups=(group,) if group else ())


def from_task(task_id: str) -> Source:
    return Source(kind=SourceKind.XCOM, task_id=task_id)


@st.composite
def scripts(draw: st.DrawFn, of: SerializedDag, *, trouble: int) -> Script:
    indexes = ("", "[0]", "[1]", "[2]")
    names = [each.task_id + index for each in of.tasks for index in (indexes if of.mapped_by else ("",))]
    tries = [(name, number) for name in names for number in (1, 2, 3)]
    some = st.integers(0, trouble)
    producers = [each.task_id for each in of.tasks if each.is_mapped_over]
    return Script(
        outcomes=draw(st.fixed_dictionaries(dict.fromkeys(tries, OUTCOMES))),
        lengths=draw(st.fixed_dictionaries(dict.fromkeys(producers, st.integers(0, 3)))),
        unchosen=draw(branches(of)),
        crashes=draw(some),
        losses=draw(some),
        duplicates=draw(some),
        expiries=draw(some),
        reconciles=draw(some),
    )


@st.composite
def branches(draw: st.DrawFn, of: SerializedDag) -> dict[str, frozenset[str]]:
    """A branch leaves out tasks that wait for it alone: with others, the order of ends decides, in Airflow too."""
    if of.mapped_by or any(each.is_setup for each in of.tasks) or not draw(st.booleans()):
        return {}
    alone: dict[str, list[str]] = {each.task_id: [] for each in of.tasks}
    for each in of.tasks:
        if len(each.upstream) == 1:
            alone[each.upstream[0]].append(each.task_id)
    brancher = draw(st.sampled_from([task_id for task_id, after in alone.items() if after] or [of.tasks[0].task_id]))
    after = alone[brancher]
    return {brancher: frozenset(draw(st.sets(st.sampled_from(after))) if after else ())}


@st.composite
def cases(draw: st.DrawFn, dags: st.SearchStrategy[SerializedDag], trouble: int = 0) -> tuple[SerializedDag, Script]:
    of = draw(dags)
    return of, draw(scripts(of, trouble=trouble))


def check(case: tuple[SerializedDag, Script], seed: int) -> Simulation:
    of, script = case
    simulation = Simulation(of, script, seed)
    simulation.play()
    ends = simulation.by_task()
    assert not simulation.early_starts, "a task started before its rule allowed"
    assert len(set(simulation.tries_run)) == len(simulation.tries_run), "a try ran twice"
    ran = {str(key): ends[str(key)] for key, _ in simulation.tries_run}
    if of.mapped_by:
        assert ends == plain_rules.mapped_end_states(of, ran, script.lengths)
        sizes = {key.task_id: document.size for key, document in simulation.documents.items() if document.size}
        assert simulation.run is plain_rules.run_state(plain_rules.unrolled(of, sizes), ends)
    else:
        assert ends == plain_rules.end_states(of, ran, script.unchosen)
        assert simulation.run is plain_rules.run_state(of, ends)
    assert simulation.closings == 1
    if not simulation.lost_tries:
        check_outcomes(simulation, ran)
    return simulation


def check_outcomes(simulation: Simulation, ran: dict[str, TaskState]) -> None:
    """No worker was lost, so the last try of each task decided."""
    for task_id, state in ran.items():
        number = max(number for key, number in simulation.tries_run if str(key) == task_id)
        assert state is simulation.script.outcomes.get((task_id, number), TaskState.SUCCESS)


seeds = st.integers(0, 2**32)


@quick
@given(cases(narrow_dags()), seeds)
def test_a_run_without_trouble_ends_as_the_rules_say(case: tuple[SerializedDag, Script], seed: int) -> None:
    assert check(case, seed).stalls == 0


@quick
@given(cases(st.one_of(wide_dags(), setup_dags())), seeds)
def test_without_trouble_no_step_is_left_to_the_alarm_of_the_run(case: tuple[SerializedDag, Script], seed: int) -> None:
    assert check(case, seed).stalls == 0


@quick
@given(cases(narrow_dags(), trouble=4), seeds)
def test_a_run_ends_as_the_rules_say_through_crashes_losses_and_duplicates(
    case: tuple[SerializedDag, Script], seed: int
) -> None:
    check(case, seed)


@quick
@given(cases(wide_dags(), trouble=4), seeds)
def test_counted_joins_decide_as_read_ones(case: tuple[SerializedDag, Script], seed: int) -> None:
    check(case, seed)


@quick
@given(cases(setup_dags(), trouble=3), seeds)
def test_setups_and_teardowns_keep_their_scope(case: tuple[SerializedDag, Script], seed: int) -> None:
    check(case, seed)


@quick
@given(cases(mapped_dags()), seeds)
def test_mapped_tasks_end_as_the_rules_say_of_them_written_out(case: tuple[SerializedDag, Script], seed: int) -> None:
    assert check(case, seed).stalls == 0


@quick
@given(cases(mapped_dags(), trouble=4), seeds)
def test_mapped_tasks_do_so_through_crashes_losses_and_duplicates(
    case: tuple[SerializedDag, Script], seed: int
) -> None:
    check(case, seed)
