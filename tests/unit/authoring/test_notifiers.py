"""Callbacks that are objects, and arguments that are no templates."""

import pytest
from authored_bundle import Bundle

NOTIFIER = """
    from airflow.sdk import DAG, BaseNotifier, task
    told = []

    class Tell(BaseNotifier):
        template_fields = ("message",)

        def __init__(self, message):
            super().__init__()
            self.message = message

        def notify(self, context):
            told.append((self.message, context["message"], context["ti"].task_id))

    with DAG("x"):
        @task(on_success_callback=[Tell("{{ ds }} {{ ti.task_id }}")])
        def f(): ...
        f()
"""


def test_a_notifier_renders_its_templates_each_time_it_is_called(bundle: Bundle) -> None:
    dag = bundle.one(NOTIFIER)
    for _ in range(2):
        assert bundle.run(dag, "f").error is None
    (notifier,) = dag.get_task("f").on_success_callback
    told = notifier.notify.__globals__["told"]
    assert told == [("2024-05-01 f", "2024-05-01 f", "f")] * 2
    assert notifier.message == "{{ ds }} {{ ti.task_id }}"


def test_a_notifier_without_notify_says_so(bundle: Bundle) -> None:
    dag = bundle.one("from airflow.sdk import DAG, BaseNotifier\nclass N(BaseNotifier): ...\nd = DAG('x', params={})\n")
    assert dag.dag_id == "x"
    from sailplane import BaseNotifier

    with pytest.raises(NotImplementedError, match=r"BaseNotifier has no notify\(\)"):
        BaseNotifier()({})


def test_a_literal_is_given_as_it_stands(bundle: Bundle) -> None:
    dag = bundle.one("""
        from airflow.sdk import DAG, literal
        from airflow.operators.python import PythonOperator
        with DAG("x"):
            PythonOperator(
                task_id="f",
                python_callable=lambda *given: list(given),
                op_args=["{{ ds }}", literal("{{ ds }}"), literal("x.sh")],
            )
    """)
    assert bundle.value(dag, "f") == ["2024-05-01", "{{ ds }}", "x.sh"]


def test_a_file_is_read_for_all_its_dags(bundle: Bundle) -> None:
    dag = bundle.one("""
        from airflow.sdk import DAG, get_parsing_context
        assert get_parsing_context().dag_id is None
        with DAG("x"): ...
    """)
    assert dag.dag_id == "x"
