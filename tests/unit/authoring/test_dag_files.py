"""What a DAG file may declare, and how, seen in what it becomes when it is read."""

from datetime import UTC, datetime, timedelta

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.authoring.serialization import serialize
from sailplane.model.dags import SerializedTask


def edges(dag: DAG) -> set[tuple[str, str]]:
    return {(up, task.task_id) for task in dag.tasks for up in task.upstream_task_ids}


def task_of(dag: DAG, task_id: str) -> SerializedTask:
    return serialize(dag, "flow.py").task_dict[task_id]


FOUR = "a, b, c, d = [E(task_id=x) for x in 'abcd']"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a >> b >> c", {"ab", "bc"}),
        ("a << b << c", {"ba", "cb"}),
        ("a >> [b, c] >> d", {"ab", "ac", "bd", "cd"}),
        ("[a, b] << c", {"ca", "cb"}),
        ("a.set_downstream([b, c])", {"ab", "ac"}),
        ("a.set_upstream(b)", {"ba"}),
        ("a >> Label('yes') >> b", {"ab"}),
        ("a >> Label('yes') >> [b, c]", {"ab", "ac"}),
        ("b << Label('yes') << a", {"ab"}),
        ("[a, b] >> Label('x') >> c", {"ac", "bc"}),
        ("chain(a, [b, c], d)", {"ab", "ac", "bd", "cd"}),
        ("chain([a, b], [c, d])", {"ac", "bd"}),
        ("chain(a, Label('x'), b)", {"ab"}),
        ("chain_linear(a, [b, c], [d])", {"ab", "ac", "bd", "cd"}),
        ("cross_downstream([a, b], [c, d])", {"ac", "ad", "bc", "bd"}),
        ("a >> b; a >> b", {"ab"}),
    ],
)
def test_tasks_are_linked_as_written(bundle: Bundle, line: str, expected: set[str]) -> None:
    dag = bundle.one(
        f"from sailplane import DAG, EmptyOperator as E, Label, chain, chain_linear, cross_downstream\n"
        f"with DAG('x'):\n    {FOUR}\n    {line}\n"
    )
    assert edges(dag) == {(up, down) for up, down in expected}


def test_a_call_of_a_task_wires_its_arguments_however_deep_they_are(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task, PythonOperator
        with DAG("x"):
            @task
            def make(n=0): return {"a": n}
            @task
            def take(*args, **kwargs): ...
            take(make()["a"], {"in": [make(), (make(),)]}, other=make.override(task_id="last")())
            PythonOperator(task_id="classic", python_callable=print, op_args=[make.override(task_id="first")()])
        """)
    assert dag.get_task("take").upstream_task_ids == {"make", "make__1", "make__2", "last"}
    assert dag.get_task("classic").upstream_task_ids == {"first"}
    assert task_of(dag, "take").reads == ("last", "make", "make__1", "make__2")


def test_a_templated_argument_that_is_set_later_is_wired_too(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, task, BashOperator
        with DAG("x"):
            @task
            def make(): ...
            shell = BashOperator(task_id="shell", bash_command="true")
            shell.env = {"X": make()}
            BashOperator(task_id="text", bash_command=f"echo {make()}")
        """)
    assert dag.get_task("shell").upstream_task_ids == {"make"}
    assert dag.get_task("text").upstream_task_ids == set()
    assert dag.get_task("text").bash_command.startswith("echo {{ task_instance.xcom_pull(task_ids='make__1'")


def test_groups_prefix_ids_nest_and_are_linked_as_one(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, EmptyOperator as E, TaskGroup
        with DAG("x", default_args={"retries": 1, "owner": "dag"}):
            start, end = E(task_id="start"), E(task_id="end")
            with TaskGroup("outer", tooltip="tip", default_args={"retries": 2}) as outer:
                first = E(task_id="first")
                with TaskGroup("inner", default_args={"owner": "inner"}) as inner:
                    E(task_id="one") >> E(task_id="two")
                with TaskGroup("plain", prefix_group_id=False) as plain:
                    E(task_id="bare", retries=5)
                first >> [inner, plain]
            start >> outer >> end
        """)
    assert edges(dag) == {
        ("start", "outer.first"),
        ("outer.first", "outer.inner.one"),
        ("outer.first", "bare"),
        ("outer.inner.one", "outer.inner.two"),
        ("outer.inner.two", "end"),
        ("bare", "end"),
    }
    groups = {group.group_id: (group.parent_id, group.label, group.tooltip) for group in serialize(dag, "f").groups}
    assert groups == {
        "outer": (None, "outer", "tip"),
        "outer.inner": ("outer", "inner", ""),
        "outer.plain": ("outer", "plain", ""),
    }
    two = task_of(dag, "outer.inner.two")
    assert (two.group_id, two.label, two.retries, two.owner) == ("outer.inner", "two", 2, "inner")
    assert (task_of(dag, "bare").retries, task_of(dag, "start").retries) == (5, 1)


def test_a_task_group_function_may_be_called_twice_and_gives_its_result_or_itself(bundle: Bundle) -> None:
    dag = bundle.one('''
        from sailplane import DAG, task, task_group, EmptyOperator
        with DAG("x"):
            @task
            def double(n): return n * 2
            @task_group
            def stage(n):
                """Doubles twice."""
                return double(double(n))
            @task_group(group_id="silent")
            def quiet():
                EmptyOperator(task_id="e")
            double(stage(stage(1))) >> quiet()
        ''')
    assert set(dag.task_dict) == {
        "stage.double",
        "stage.double__1",
        "stage__1.double",
        "stage__1.double__1",
        "double",
        "silent.e",
    }
    assert dag.get_task("stage__1.double").upstream_task_ids == {"stage.double__1"}
    assert dag.get_task("silent.e").upstream_task_ids == {"double"}
    assert dag.group_dict["stage"].tooltip == "Doubles twice."


def test_a_file_may_declare_dags_in_every_way_airflow_knows(bundle: Bundle) -> None:
    dags = bundle.load("""
        from sailplane import DAG, dag, EmptyOperator
        with DAG("block"):
            EmptyOperator(task_id="t")
        plain = DAG("module_level")
        EmptyOperator(task_id="t", dag=plain)
        @dag(schedule="@hourly", dag_id="named")
        def made():
            EmptyOperator(task_id="t")
        made()
        @dag
        def never_called(): ...
        def factory(n):
            with DAG(f"loop_{n}"):
                EmptyOperator(task_id="t")
        for n in range(2):
            factory(n)
        def hidden():
            with DAG("hidden", auto_register=False):
                EmptyOperator(task_id="t")
        hidden()
        """)
    assert set(dags) == {"block", "module_level", "named", "loop_0", "loop_1"}
    assert all(dag.task_ids == ["t"] for dag in dags.values())


def test_default_args_reach_every_operator_and_give_way_to_its_own(bundle: Bundle) -> None:
    dag = bundle.one("""
        from datetime import datetime, timedelta
        from sailplane import DAG, BaseOperator, BashOperator, task
        class Load(BaseOperator):
            template_fields = ("table",)
            def __init__(self, *, table, mode="append", **kwargs):
                super().__init__(**kwargs)
                self.table, self.mode = table, mode
        args = {"retries": 3, "table": "t", "mode": "replace", "start_date": datetime(2024, 1, 1), "append_env": True,
                "retry_delay": timedelta(seconds=7), "n": 5, "not_an_argument": 1}
        with DAG("x", default_args=args):
            Load(task_id="inherits")
            Load(task_id="overrides", table="own", retries=0, default_args={"mode": "merge"})
            BashOperator(task_id="shell", bash_command="true")
            @task
            def function(n): return n
            function()
        """)
    inherits, overrides = dag.get_task("inherits"), dag.get_task("overrides")
    assert (inherits.table, inherits.mode, inherits.retries) == ("t", "replace", 3)
    assert (overrides.table, overrides.mode, overrides.retries) == ("own", "merge", 0)
    assert inherits.retry_delay == timedelta(seconds=7)
    assert dag.start_date == inherits.start_date == datetime(2024, 1, 1, tzinfo=UTC)
    assert dag.get_task("shell").append_env is True
    assert dag.get_task("function").op_kwargs == {"n": 5}


def test_the_defaults_are_airflows(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import DAG, EmptyOperator
        with DAG("x"):
            EmptyOperator(task_id="t")
        """)
    serialized = serialize(dag, "flow.py")
    task = serialized.task_dict["t"]
    assert (serialized.catchup, serialized.max_active_runs, serialized.max_active_tasks) == (False, 16, 0)
    assert (serialized.schedule.kind, serialized.schedule.summary) == ("none", "None")
    assert (task.retries, task.retry_delay, task.max_retry_delay) == (0, timedelta(seconds=300), timedelta(hours=24))
    assert (task.trigger_rule, task.pool, task.pool_slots, task.queue) == ("all_success", "default_pool", 1, "default")
    assert (task.priority_weight, task.owner, task.needs_code, task.line) == (1, "airflow", False, 3)


@pytest.mark.parametrize(
    ("arguments", "needs_code"),
    [("", False), ("on_success_callback=print", True), ("pre_execute=print", True), ("trigger_rule='always'", False)],
)
def test_only_an_empty_operator_without_hooks_needs_no_code(bundle: Bundle, arguments: str, needs_code: bool) -> None:
    dag = bundle.one(f"""
        from sailplane import DAG, EmptyOperator
        with DAG("x"):
            EmptyOperator(task_id="t", {arguments})
        """)
    assert task_of(dag, "t").needs_code is needs_code


@pytest.mark.parametrize(
    ("given", "kept"),
    [("True", 2.0), ("False", 0.0), ("3", 3.0), ("1.5", 1.5)],
)
def test_backoff_is_a_factor(bundle: Bundle, given: str, kept: float) -> None:
    dag = bundle.one(f"""
        from sailplane import DAG, EmptyOperator
        with DAG("x"):
            EmptyOperator(task_id="t", retry_exponential_backoff={given}, retries="2", retry_delay=1.5)
        """)
    task = task_of(dag, "t")
    assert (task.retry_exponential_backoff, task.retries, task.retry_delay) == (kept, 2, timedelta(seconds=1.5))


@pytest.mark.parametrize(
    ("annotation", "split"),
    [
        ("dict", True),
        ("dict[str, int]", True),
        ("Mapping[str, Any]", True),
        ("'dict[str, int]'", True),
        ("int", False),
        ("None", False),
        ("'NotThere'", False),
        ("list[dict]", False),
        ("Any", False),
    ],
)
def test_a_mapping_as_return_annotation_means_multiple_outputs(bundle: Bundle, annotation: str, split: bool) -> None:
    dag = bundle.one(f"""
        from collections.abc import Mapping
        from typing import Any
        from sailplane import DAG, task
        with DAG("x"):
            @task
            def f() -> {annotation}: ...
            f()
            f.override(task_id="forced", multiple_outputs=True)()
        """)
    assert dag.get_task("f").multiple_outputs is split
    assert dag.get_task("forced").multiple_outputs is True


def test_serializing_does_not_depend_on_the_order_of_declaration(bundle: Bundle) -> None:
    head = "from sailplane import DAG, EmptyOperator as E\nwith DAG('x', tags={'b', 'a'}):\n    "
    one = bundle.one(head + "a, b, c = E(task_id='a'), E(task_id='b'), E(task_id='c'); [a, b] >> c")
    other = bundle.one(head + "c, b, a = E(task_id='c'), E(task_id='b'), E(task_id='a'); c << b; a >> c")
    assert serialize(one, "f") == serialize(other, "f")
    assert [task.task_id for task in serialize(one, "f").tasks] == ["a", "b", "c"]


def test_docs_come_from_docstrings(bundle: Bundle) -> None:
    dag = bundle.one('''
        from sailplane import dag, task
        @dag
        def documented():
            """About the DAG."""
            @task
            def f():
                """About the task."""
            f()
            @task(doc_md="given")
            def g():
                """Not this."""
            g()
        documented()
        ''')
    assert (dag.doc_md, task_of(dag, "f").doc_md, task_of(dag, "g").doc_md) == (
        "About the DAG.",
        "About the task.",
        "given",
    )


def test_arguments_of_a_dag_function_are_its_params(bundle: Bundle) -> None:
    dag = bundle.one("""
        from sailplane import dag, task, Param
        @dag(params={"other": 1})
        def flow(city="Seattle", days=Param(3, type="integer")):
            @task
            def show(c, d): return f"{c} {d}"
            show(city, days)
        flow()
        """)
    assert dag.params.dump() == {"other": 1, "city": "Seattle", "days": 3}
    assert bundle.value(dag, "show") == "Seattle 3"
    assert bundle.value(dag, "show", conf={"city": "Paris", "days": 9}) == "Paris 9"
