"""Setups and teardowns: how they are marked, and what a with-block links."""

import re

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.model.errors import AuthorError
from sailplane.model.states import TriggerRule

HEAD = """
from sailplane import DAG, EmptyOperator, TaskGroup, context_wrapper, setup, task, task_group, teardown
def empty(task_id, **more):
    return EmptyOperator(task_id=task_id, **more)
@setup
def create(): ...
@teardown
def delete(): ...
@task
def work(): ...
with DAG("x") as dag:
"""


def declared(bundle: Bundle, body: str) -> DAG:
    return bundle.one(HEAD + "".join(f"    {line}\n" for line in body.strip().splitlines()))


def edges(dag: DAG) -> set[str]:
    return {f"{up}>{task.task_id}" for task in dag.tasks for up in task.upstream_task_ids}


def test_decorated_functions_make_setups_and_teardowns(bundle: Bundle) -> None:
    dag = declared(bundle, "create() >> work() >> delete()")
    assert [t.task_id for t in dag.tasks if t.is_setup] == ["create"]
    assert [t.task_id for t in dag.tasks if t.is_teardown] == ["delete"]
    assert dag.get_task("delete").trigger_rule is TriggerRule.ALL_DONE_SETUP_SUCCESS


def test_operators_become_setup_and_teardown(bundle: Bundle) -> None:
    dag = declared(
        bundle,
        "a, b, c = empty('a'), empty('b'), empty('c')\na >> b >> c.as_teardown(setups=a, on_failure_fail_dagrun=True)",
    )
    assert edges(dag) == {"a>b", "b>c", "a>c"}
    assert dag.get_task("a").is_setup
    assert dag.get_task("c").is_teardown
    assert dag.get_task("c").on_failure_fail_dagrun


def test_results_of_tasks_become_setup_and_teardown(bundle: Bundle) -> None:
    dag = declared(bundle, "a, b = work(), work()\nb.as_teardown(setups=[a.as_setup()])")
    assert dag.get_task("work").is_setup
    assert dag.get_task("work__1").is_teardown
    assert edges(dag) == {"work>work__1"}


def test_options_of_a_teardown_survive_override(bundle: Bundle) -> None:
    dag = declared(
        bundle,
        "late = teardown(on_failure_fail_dagrun=True)(task(retries=3)(lambda: 1))\nlate.override(task_id='t')()",
    )
    task = dag.get_task("t")
    assert (task.is_teardown, task.on_failure_fail_dagrun, task.retries) == (True, True, 3)


BLOCKS = {
    "setup and teardown bracket what is inside": (
        "with create() >> delete():\n    a = empty('a')\n    a >> empty('b')",
        {"create>delete", "create>a", "a>b", "b>delete"},
    ),
    "a setup alone finds its teardown": (
        "s = create()\ns >> delete()\nwith s:\n    empty('a')",
        {"create>delete", "create>a", "a>delete"},
    ),
    "a setup without teardown": ("with create():\n    empty('a')\n    empty('b')", {"create>a", "create>b"}),
    "a teardown without setup": ("with delete():\n    empty('a')\n    empty('b')", {"a>delete", "b>delete"}),
    "blocks in blocks": (
        "with create() >> delete():\n    empty('a')\n    with create() >> delete():\n        empty('b')",
        {
            "create>delete",
            "create>a",
            "a>delete",
            "create__1>delete__1",
            "create__1>b",
            "b>delete__1",
            "create>create__1",
            "delete__1>delete",
        },
    ),
    "tasks made outside": (
        "a = empty('a')\nwith create() >> delete() as scope:\n    scope.add_task(a)",
        {"create>delete", "create>a", "a>delete"},
    ),
    "several setups in a list": (
        "with context_wrapper([create(), create()]):\n    empty('a')",
        {"create>a", "create__1>a"},
    ),
    "several setups before one teardown": (
        "with [create(), create()] >> delete():\n    empty('a')",
        {"create>delete", "create__1>delete", "create>a", "create__1>a", "a>delete"},
    ),
    "nothing inside": ("with create() >> delete():\n    pass", {"create>delete"}),
    "tasks that wait for something outside": (
        "o = empty('o')\nwith create() >> delete():\n    o >> empty('a')",
        {"create>delete", "o>a", "create>a", "a>delete"},
    ),
}


@pytest.mark.parametrize(("body", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_a_with_block_links(bundle: Bundle, body: str, expected: set[str]) -> None:
    assert edges(declared(bundle, body)) == expected


def test_what_follows_a_group_does_not_wait_for_its_teardown(bundle: Bundle) -> None:
    dag = declared(
        bundle,
        "with TaskGroup('g') as g:\n    s = empty('s')\n    w = empty('w')\n"
        "    s >> w >> empty('t').as_teardown(setups=s)\ng >> empty('after')",
    )
    assert edges(dag) == {"g.s>g.w", "g.w>g.t", "g.s>g.t", "g.w>after"}


def test_mapped_tasks_can_be_teardowns(bundle: Bundle) -> None:
    dag = declared(bundle, "s = create()\ntask(lambda n: n).override(task_id='t').expand(n=[1]).as_teardown(setups=s)")
    assert dag.get_task("t").is_teardown
    assert edges(dag) == {"create>t"}


def test_a_block_that_raises_leaves_nothing_open(bundle: Bundle) -> None:
    dag = declared(
        bundle,
        "try:\n    with create() >> delete():\n        raise ValueError\nexcept ValueError: pass\nempty('a')",
    )
    assert edges(dag) == {"create>delete"}


MISTAKES = {
    "with empty('a'): pass": "AirflowException: `with` takes setups and teardowns, and 'a' is neither",
    "with context_wrapper([create(), delete()]): pass": "`with` takes setups or teardowns in one list, not both",
    "create() >> empty('a', trigger_rule='all_done')": "task 'a' directly follows the setup 'create' and must have the "
    "trigger_rule all_success, not all_done",
    "empty('a').as_setup().as_teardown()": "task 'a' is a setup and cannot be a teardown too",
    "empty('a').as_teardown().as_setup()": "task 'a' is a teardown and cannot be a setup too",
    "empty('a').as_teardown(setups='b')": "setups must be a task, a result of one or a list of them, not 'b'",
    "empty('a').as_teardown(setups=[create])": "call the @setup function to get a task",
    "TaskGroup('g').as_setup()": "task group 'g' cannot be a setup; mark tasks in it",
    "TaskGroup('g').as_teardown(setups=create())": "task group 'g' cannot be a teardown; mark tasks in it",
    "setup(task_group(lambda: 1))": "task groups cannot be marked as setup or teardown",
    "setup(3)": "@setup decorates functions, not 3",
    "delete.override(trigger_rule='all_done')()": "teardown 'delete' cannot have a trigger_rule",
}


@pytest.mark.parametrize(("line", "message"), MISTAKES.items(), ids=list(MISTAKES))
def test_a_mistake_says_what_would_be_right(bundle: Bundle, line: str, message: str) -> None:
    with pytest.raises(AuthorError, match=rf"^flow\.py, line \d+, DAG 'x': .*{re.escape(message)}"):
        declared(bundle, line)
