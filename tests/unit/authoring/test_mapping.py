"""Dynamic mapping as authors write it: what they are told when it is wrong, and what one instance gets."""

from collections.abc import Sequence
from typing import Any

import pytest
from authored_bundle import Bundle
from run_in_memory import MemoryRun, run_in_memory

from sailplane.authoring.lazy_xcom import CHUNK, LazyXComSequence
from sailplane.model import xcom
from sailplane.model.errors import AuthorError
from sailplane.model.execution import OutcomeKind, XComItems, XComRef

FILE = """
from sailplane import DAG, AirflowSkipException, BashOperator, BaseOperator, TaskGroup, get_current_context
from sailplane import task, task_group
with DAG("x") as dag:
    @task
    def make(): return [1, 2, 3]
    @task
    def f(x, y=0): return [x, y]
    @task
    def g(**values): return [values.get(name) for name in 'abc']
    @task_group
    def group(x, y=0): f(x)
    made = make()
    {line}
"""

MISTAKES = [
    ("f.expand()", "f.expand() needs at least one argument to map over"),
    ("f.expand(z=[1])", "f.expand() got an unexpected keyword argument 'z'"),
    ("f.partial(z=1)", "f.partial() got an unexpected keyword argument 'z'"),
    ("f.partial(y=1).expand(y=[1])", "f.expand() got multiple values for the argument 'y': partial() has it already"),
    (
        "f.expand(x='abc')",
        "f.expand() cannot map 'x' over 'abc': it takes a list, a dict or a task's result, not",
    ),
    ("f.expand(x=3)", "f.expand() cannot map 'x' over 3: it takes a list, a dict or a task's result, not a int"),
    ("f.expand(x={1})", "f.expand() cannot map 'x' over {1}: it takes a list, a dict or a task's result, not a set"),
    ("f.expand(x=(n for n in [1]))", "it takes a list, a dict or a task's result, not a generator"),
    ("f.expand(y=[1])", "f(): missing a required argument: 'x'"),
    ("f.expand_kwargs('abc')", "f.expand_kwargs() takes a list of dicts or a task's result, not a str: 'abc'"),
    ("f.expand_kwargs({'x': 1})", "f.expand_kwargs() takes a list of dicts or a task's result, not a dict"),
    ("f.expand_kwargs([{'x': 1}, 2])", "f.expand_kwargs() takes a list of dicts, but item 1 is a int: 2"),
    ("f.expand(x=made['key'])", "tasks can be mapped over what task 'make' returns, not over its XCom 'key'"),
    ("f.expand(x=made.map(3))", "map() needs a function, not 3"),
    ("f.expand(x=made.zip([1]))", "zip() and concat() take results of tasks, not [1]"),
    ("f.expand(x=made.concat(3))", "zip() and concat() take results of tasks, not 3"),
    ("BashOperator.partial(bash_command='x')", "BashOperator.partial() needs the argument 'task_id'"),
    ("BashOperator.partial(task_id='b').expand()", "BashOperator.expand() needs at least one argument to map over"),
    ("BashOperator.partial(task_id='b', cmd='x')", "BashOperator.partial() got unexpected keyword argument 'cmd'"),
    (
        "BashOperator.partial(task_id='b').expand(cmd=['x'])",
        "BashOperator.expand() got unexpected keyword argument 'cmd'",
    ),
    (
        "BashOperator.partial(task_id='b', env={}).expand(env=[{}])",
        "BashOperator.expand() got multiple values for the argument 'env': partial() has it already",
    ),
    (
        "BashOperator.partial(task_id='b', bash_command='x').expand(retries=[1])",
        "BashOperator.expand() cannot map 'retries': it is the same for all instances of a task; use partial()",
    ),
    (
        "BashOperator.partial(task_id='b').expand(bash_command='ls')",
        "BashOperator.expand() cannot map 'bash_command' over 'ls'",
    ),
    ("group.expand()", "group.expand() needs at least one argument to map over"),
    ("group.expand(z=[1])", "group.expand() got an unexpected keyword argument 'z'"),
    ("group.partial(z=1)", "group.partial() got an unexpected keyword argument 'z'"),
    ("group.partial(y=1).expand(x=[1], y=[1])", "group.expand() got multiple values for the argument 'y'"),
    ("group.expand(x=5)", "group.expand() cannot map 'x' over 5"),
    ("group.expand(y=[1])", "group() missing 1 required positional argument: 'x'"),
    ("group.expand_kwargs([1])", "group.expand_kwargs() takes a list of dicts, but item 0 is a int: 1"),
    (
        "task_group(lambda x: f.expand(x=[1]), group_id='t').expand(x=[1])",
        "task 't.f' is mapped inside the mapped group 't'; a task can be mapped, or stand in a mapped group, not both",
    ),
    (
        "task_group(lambda x: f.expand(x=x), group_id='t').expand(x=[[1]])",
        "f.expand() cannot map 'x' over MappedArgument('x'): the argument of a mapped group is one item",
    ),
    (
        "task_group(lambda x: group.expand(x=[1]), group_id='t').expand(x=[1])",
        "task group 't.group' is mapped inside the mapped group 't'; a mapped group cannot hold another",
    ),
    ("[*made.zip(made)]", "what is made of the result of task 'make' is only known when it has run and cannot be iter"),
    (
        "made.map(str)[0]",
        "is only known when it has run: it cannot be indexed by 0; do that inside the task that uses it",
    ),
    ("[*f.expand(x=[1])]", "cannot be iterated over in the DAG file; do that inside the task that uses it"),
    ("f.expand(x=[1])[0]", "it takes keys that are strings, not 0; index it inside the task that uses it"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_with_its_line(bundle: Bundle, line: str, message: str) -> None:
    with pytest.raises(AuthorError) as told:
        bundle.one(FILE.format(line=line))
    assert str(told.value).startswith("flow.py, line 13, DAG 'x': ")
    assert message in str(told.value)


def ran(bundle: Bundle, line: str) -> MemoryRun:
    return run_in_memory(bundle.one(FILE.format(line=line.replace("\n", "\n    "))))


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("pass", "XComForMappingNotPushed", "and it returned nothing: return a list or a dict, an empty one for none"),
        ("return 'abc'", "UnmappableXComTypePushed", "and it returned a str: return a list or a dict"),
        ("return 7", "UnmappableXComTypePushed", "and it returned a int: return a list or a dict"),
        (
            "return [0] * 1025",
            "UnmappableXComLengthPushed",
            "it returned 1025 items, more than the 1024 that are",
        ),
    ],
)
def test_a_producer_fails_when_others_cannot_be_mapped_over_its_result(
    bundle: Bundle, body: str, kind: str, message: str
) -> None:
    dag = bundle.one(FILE.format(line=f"@task\n    def bad(): {body}\n    f.expand(x=bad())"))
    outcome = bundle.run(dag, "bad")
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == kind
    assert "other tasks are mapped over what task 'bad' returns" in outcome.error.message
    assert message in outcome.error.message
    assert outcome.xcoms == {}


@pytest.mark.parametrize("name", ["SAILPLANE_MAX_MAP_LENGTH", "AIRFLOW__CORE__MAX_MAP_LENGTH"])
def test_the_longest_result_is_a_setting(bundle: Bundle, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    dag = bundle.one(FILE.format(line="f.expand(x=made)"))
    monkeypatch.setenv(name, "2")
    outcome = bundle.run(dag, "make")
    assert outcome.error is not None
    assert "it returned 3 items, more than the 2 that are allowed" in outcome.error.message
    monkeypatch.setenv(name, "3")
    assert bundle.run(dag, "make").map_length == 3
    monkeypatch.setenv(name, "many")
    outcome = bundle.run(dag, "make")
    assert outcome.error is not None
    assert outcome.error.message == "SAILPLANE_MAX_MAP_LENGTH='many' must be a whole number"


def test_only_tasks_that_others_are_mapped_over_say_how_much_they_returned(bundle: Bundle) -> None:
    dag = bundle.one(FILE.format(line="f(made)"))
    assert bundle.run(dag, "make").map_length is None


def test_the_last_argument_varies_fastest(bundle: Bundle) -> None:
    run = ran(bundle, "f.expand(x=made, y=['a', 'b'])")
    assert [run.values[f"f[{index}]"] for index in range(6)] == [[x, y] for x in (1, 2, 3) for y in ("a", "b")]


def test_a_task_with_any_arguments_takes_any_rows(bundle: Bundle) -> None:
    run = ran(bundle, "g.partial(a=0).expand_kwargs([{'b': 1}, {'c': 2}, {'a': 3}])")
    assert run.errors() == {}
    assert [run.values[f"g[{index}]"] for index in range(3)] == [[0, 1, None], [0, None, 2], [3, None, None]]


def test_rows_may_be_results_of_tasks(bundle: Bundle) -> None:
    run = ran(bundle, "@task\ndef row(): return {'x': 5}\nf.expand_kwargs([row(), {'x': 6}])")
    assert run.values["f[0]"] == [5, 0]
    assert run.values["f[1]"] == [6, 0]


def test_what_a_row_has_wrong_is_told_by_its_instance(bundle: Bundle) -> None:
    run = ran(bundle, "@task\ndef rows(): return [{'z': 1}, 5, {'x': 1}]\nf.expand_kwargs(rows())")
    assert run.errors() == {
        "f[0]": "f(): missing a required argument: 'x'",
        "f[1]": "f.expand_kwargs() needs a list of dicts, but item 1 is a int: 5",
    }
    assert run.states["f[2]"] == "success"


def test_templates_are_rendered_in_literals_and_not_in_results(bundle: Bundle) -> None:
    line = "@task\ndef commands(): return ['echo {{ dag.dag_id }}']\n"
    line += "BashOperator.partial(task_id='own').expand(bash_command=['echo {{ dag.dag_id }} {{ ti.map_index }}'])\n"
    line += "BashOperator.partial(task_id='got').expand(bash_command=commands())"
    run = ran(bundle, line)
    assert run.values["own[0]"] == "x 0"
    assert run.values["got[0]"] == "{{ dag.dag_id }}"


def test_a_mapped_instance_keeps_the_arguments_of_all_operators(bundle: Bundle) -> None:
    line = "BashOperator.partial(task_id='b', retries=4, queue='big', env={'A': 'shared'}, append_env=True)"
    dag = bundle.one(FILE.format(line=line + ".expand(bash_command=['echo $A'])"))
    assert (dag.get_task("b").retries, dag.get_task("b").queue) == (4, "big")
    assert bundle.value(dag, "b", map_index=0) == "shared"


def test_functions_of_map_run_in_the_instance_and_may_skip_it(bundle: Bundle) -> None:
    line = "def odd(n):\n    if n == 2: raise AirflowSkipException('even')\n    return n * 10\n"
    line += "f.expand(x=made.map(odd))"
    run = ran(bundle, line)
    assert run.states == {"f[0]": "success", "f[1]": "skipped", "f[2]": "success", "make": "success"}
    assert run.values["f[2]"] == [30, 0]


@pytest.mark.parametrize(
    ("arg", "items"),
    [
        ("made.zip(made)", [[1, 1], [2, 2], [3, 3]]),
        ("made.zip(two())", [[1, "a"], [2, "b"]]),
        ("made.zip(two(), fillvalue=0)", [[1, "a"], [2, "b"], [3, 0]]),
        ("made.concat(two())", [1, 2, 3, "a", "b"]),
        ("two().concat(made.map(str)).map(lambda s: s * 2)", ["aa", "bb", "11", "22", "33"]),
        ("made.zip(two().concat(two()))", [[1, "a"], [2, "b"], [3, "a"]]),
    ],
)
def test_results_are_put_together(bundle: Bundle, arg: str, items: Sequence[Any]) -> None:
    run = ran(bundle, f"@task\ndef two(): return ['a', 'b']\nf.expand(x={arg})")
    made = [run.values[f"f[{index}]"][0] for index in range(len(items))]
    assert [list(item) if isinstance(item, tuple) else item for item in made] == items
    assert f"f[{len(items)}]" not in run.states


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("no {{ ti.map_index }} of {{ dag.dag_id }}", {"f[0]": "no 0 of x", "f[1]": "no 1 of x"}),
        ("{{ task.op_kwargs['x'] }}", {"f[0]": "a", "f[1]": "b"}),
        ("{{ not_there.at_all }}", {}),
    ],
)
def test_instances_are_named_by_their_template(bundle: Bundle, template: str, names: dict[str, str]) -> None:
    run = ran(bundle, f"f.override(map_index_template={template!r}).expand(x=['a', 'b'])")
    assert run.map_names == names
    assert set(run.states.values()) == {"success"}


def test_a_failed_instance_is_named_too(bundle: Bundle) -> None:
    line = "@task(map_index_template='{{ name }}')\ndef h(x):\n"
    line += "    get_current_context()['name'] = f'is {x}'\n    raise ValueError(x)\nh.expand(x=['a'])"
    run = ran(bundle, line)
    assert run.map_names == {"h[0]": "is a"}


def test_results_of_instances_are_pulled_by_index_or_all(bundle: Bundle) -> None:
    line = "many = f.expand(x=made)\n@task\ndef pull(ti=None):\n"
    line += "    return [ti.xcom_pull(task_ids='f', map_indexes=2), ti.xcom_pull(task_ids='f', map_indexes=[1, 0]),\n"
    line += "        ti.xcom_pull(task_ids='f'), ti.xcom_pull(task_ids='f', map_indexes=9, default='none')]\n"
    run = ran(bundle, line + "many >> pull()")
    assert run.values["pull"] == [[3, 0], [[2, 0], [1, 0]], [[1, 0], [2, 0], [3, 0]], "none"]


def test_tasks_of_a_mapped_group_hand_values_on_within_their_instance(bundle: Bundle) -> None:
    line = "@task_group\ndef both(x, y):\n    return f(f(x), y)\n"
    line += "@task\ndef last(values): return [str(value) for value in values]\nlast(both.partial(y=9).expand(x=made))"
    run = ran(bundle, line)
    assert run.values["last"] == ["[[1, 0], 9]", "[[2, 0], 9]", "[[3, 0], 9]"]


class Answers:
    """A supervisor that notes what it is asked."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked: list[tuple[int, int]] = []

    def xcom_items(self, ref: XComRef, start: int, stop: int) -> XComItems:
        self.asked.append((start, stop))
        values = [xcom.dumps(number, key="k", where="here") for number in range(self.size)[start:stop]]
        return XComItems(total=self.size, envelopes=tuple(values))


def sequence(size: int) -> tuple[LazyXComSequence, Answers]:
    answers = Answers(size)
    return LazyXComSequence(XComRef(task_id="f"), answers), answers  # type: ignore[arg-type]


def test_the_length_of_a_sequence_reads_no_value() -> None:
    values, answers = sequence(10_000)
    assert len(values) == 10_000
    assert len(values) == 10_000
    assert answers.asked == [(0, 0)]


def test_a_sequence_is_gone_through_in_chunks() -> None:
    values, answers = sequence(250)
    assert list(values) == list(range(250))
    assert [stop - start for start, stop in answers.asked] == [0, *[CHUNK] * 4]


def test_a_sequence_reads_only_what_is_asked_for() -> None:
    values, answers = sequence(500)
    assert (values[3], values[-1], values[10:12], values[498:]) == (3, 499, [10, 11], [498, 499])
    assert values[4:0:-2] == [4, 2]
    assert sum(stop - start for start, stop in answers.asked) < 10
    with pytest.raises(IndexError, match="task 'f' returned 500 values; there is none at 500"):
        values[500]
    with pytest.raises(IndexError, match="none at -501"):
        values[-501]


def test_an_empty_sequence_is_false_and_has_nothing() -> None:
    values, _ = sequence(0)
    assert not values
    assert list(values) == []
    assert values[:5] == []
