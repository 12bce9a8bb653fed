"""What a DAG gives as its result, which runs it allows, coroutines as tasks, and details of `ti`."""

import pytest
from authored_bundle import Bundle

from sailplane.authoring.serialization import serialize
from sailplane.model.errors import AuthorError
from sailplane.model.states import RunType


def results(bundle: Bundle, text: str) -> list[str]:
    return [task.task_id for task in serialize(bundle.one(text), "flow.py").tasks if task.returns_dag_result]


def test_a_task_under_result_gives_the_dags_result_also_when_it_is_overridden_or_mapped(bundle: Bundle) -> None:
    assert results(
        bundle,
        """
        from airflow.sdk import DAG, result, task
        with DAG("flow"):
            @result
            @task
            def sum_up(x=1): return x
            @task
            def other(): return 2
            sum_up()
            sum_up.override(task_id="again")()
            sum_up.override(task_id="many").expand(x=[1, 2])
            other()
        """,
    ) == ["again", "many", "sum_up"]


def test_what_a_dag_function_returns_is_its_result(bundle: Bundle) -> None:
    assert results(
        bundle,
        """
        from airflow.sdk import dag, task
        @dag
        def flow():
            @task
            def land(): return {"at": 5}
            return land()
        flow()
        """,
    ) == ["land"]


def test_only_what_a_task_returns_can_be_a_result(bundle: Bundle) -> None:
    with pytest.raises(AuthorError, match="only what a task returns can be the result"):
        bundle.one("""
            from sailplane import DAG, task
            with DAG("flow") as dag:
                @task(multiple_outputs=True)
                def land(): return {"at": 5}
                dag.add_result(land()["at"])
        """)
    with pytest.raises(AuthorError, match="@result stands above @task"):
        bundle.load("from sailplane import result\n@result\ndef f(): ...\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("schedule='@daily', allowed_run_types=['manual']", "must include SCHEDULED"),
        ("allowed_run_types='scheduled'", "must include MANUAL"),
        ("allowed_run_types=['yearly']", "yearly"),
    ],
)
def test_run_types_that_leave_out_the_dags_own_are_refused(bundle: Bundle, arguments: str, complaint: str) -> None:
    with pytest.raises(AuthorError, match=complaint):
        bundle.one(f"from sailplane import DAG\nwith DAG('flow', {arguments}): ...\n")


def test_run_types_are_kept(bundle: Bundle) -> None:
    arguments = "schedule='@daily', allowed_run_types=['scheduled', 'backfill']"
    text = f"from sailplane import DAG\nwith DAG('flow', {arguments}): ..."
    assert serialize(bundle.one(text), "flow.py").allowed_run_types == (RunType.BACKFILL, RunType.SCHEDULED)


def test_an_operator_may_be_a_coroutine_and_push_and_pull_as_one(bundle: Bundle) -> None:
    dag = bundle.one("""
        import asyncio
        from airflow.sdk import DAG, BaseAsyncOperator
        class Fly(BaseAsyncOperator):
            async def aexecute(self, context):
                await asyncio.sleep(0)
                await context["ti"].axcom_push("height", 900)
                return await context["ti"].axcom_pull(key="height") + 1
        with DAG("flow"):
            Fly(task_id="f")
    """)
    assert bundle.value(dag, "f") == 901


def test_details_of_a_task_instance(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://flights.example/")
    dag = bundle.one("""
        from sailplane import DAG, task
        with DAG("flow"):
            @task(executor_config={"a": 1}, priority_weight=3)
            def f(ti=None):
                return [ti.log_url, ti.key.try_number, ti.rendered_map_index, ti.executor_config, ti.priority_weight,
                        ti.get_dagrun().run_id == ti.run_id]
            f()
    """)
    url = "https://flights.example/dags/flow/runs/scheduled__2024-05-01/tasks/f?try_number=1"
    assert bundle.value(dag, "f") == [url, 1, None, {"a": 1}, 3, True]


def test_the_documentation_of_a_dag_may_stand_in_a_file_beside_it(bundle: Bundle) -> None:
    bundle.write("flow.md", "# Flow")
    assert bundle.one("from sailplane import DAG\nwith DAG('flow', doc_md='flow.md'): ...\n").doc_md == "# Flow"
