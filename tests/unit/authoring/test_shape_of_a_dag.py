"""What can be asked about the shape of a DAG."""

import pytest
from authored_bundle import Bundle

from sailplane.authoring.dag import DAG
from sailplane.authoring.exceptions import AirflowDagCycleException

TEXT = """
from sailplane import Asset, DAG, EmptyOperator, Label, TaskGroup, task
with DAG("flow") as dag:
    a, b, c = (EmptyOperator(task_id=each) for each in "abc")
    a >> Label("steep") >> b >> c
    with TaskGroup("g"):
        EmptyOperator(task_id="d")
    @task
    def f(**context):
        dag.get_task("f").xcom_push(context, "k", 5)
        return context["task"].xcom_pull(context, key="k")
    f()
"""


@pytest.fixture
def dag(bundle: Bundle) -> DAG:
    return bundle.one(TEXT)


def test_the_relatives_of_a_task(dag: DAG) -> None:
    a, c = dag.get_task("a"), dag.get_task("c")
    assert [each.task_id for each in a.get_direct_relatives()] == ["b"]
    assert [each.task_id for each in a.get_flat_relatives()] == ["b", "c"]
    assert [each.task_id for each in c.get_flat_relatives(upstream=True)] == ["a", "b"]
    assert (a.node_id, a.get_dag(), a.inherits_from_empty_operator, a.extra_links) == ("a", dag, True, [])


def test_inlets_and_outlets_can_be_added(dag: DAG) -> None:
    task = dag.get_task("a")
    task.add_inlets(["in"])
    task.add_outlets(["out"])
    assert (task.get_inlet_defs(), task.get_outlet_defs()) == (["in"], ["out"])


def test_a_task_pushes_and_pulls_by_its_context(bundle: Bundle, dag: DAG) -> None:
    assert bundle.value(dag, "f") == 5


def test_the_order_the_edges_and_the_groups_of_a_dag(dag: DAG) -> None:
    order = [task.task_id for task in dag.topological_sort()]
    assert order.index("a") < order.index("b") < order.index("c")
    assert (dag.task_count, list(dag.task_group_dict)) == (5, ["g"])
    assert dag.get_edge_info("a", "b") == {"label": "steep"}
    assert dag.get_edge_info("b", "c") == {}
    dag.set_edge_info("b", "c", {"label": "flat"})
    assert dag.get_edge_info("b", "c") == {"label": "flat"}


def test_a_circle_is_found(dag: DAG) -> None:
    dag.validate()
    dag.get_task("c").set_downstream(dag.get_task("a"))
    with pytest.raises(AirflowDagCycleException):
        dag.check_cycle()
