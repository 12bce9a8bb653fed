"""Arguments of DAGs and tasks that name, describe and adorn."""

import pytest
from authored_bundle import Bundle

from sailplane.authoring.serialization import serialize
from sailplane.model.errors import AuthorError
from sailplane.model.execution import OutcomeKind

HEAD = "from sailplane import DAG, BashOperator, EmptyOperator, PythonOperator, task\n"


def test_a_dag_has_its_names_tags_and_owners(bundle: Bundle) -> None:
    dag = bundle.one(f"""{HEAD}
with DAG("flow", dag_display_name="The flow", description="flows", doc_md="# Flow", tags=["b", "a"],
         owner_links={{"tower": "mailto:tower@example.org"}}):
    EmptyOperator(task_id="land", owner="tower")
    EmptyOperator(task_id="park", owner="crew")
""")
    found = serialize(dag, "flow.py")
    assert (found.display_name, found.description, found.doc_md) == ("The flow", "flows", "# Flow")
    assert (found.tags, found.owners) == (("a", "b"), ("crew", "tower"))
    assert found.owner_links == {"tower": "mailto:tower@example.org"}


def test_a_task_has_its_names_and_words(bundle: Bundle) -> None:
    dag = bundle.one(f"""{HEAD}
with DAG("flow"):
    EmptyOperator(task_id="land", task_display_name="Land!",
                  doc="d", doc_md="m", doc_json="{{}}", doc_yaml="y", doc_rst="r")
""")
    task = dag.get_task("land")
    assert (task.doc, task.doc_md, task.doc_json, task.doc_yaml, task.doc_rst) == ("d", "m", "{}", "y", "r")
    (stored,) = serialize(dag, "flow.py").tasks
    assert (stored.label, stored.doc_md) == ("Land!", "m")


def test_what_says_where_a_task_runs_is_kept(bundle: Bundle) -> None:
    dag = bundle.one(f"""{HEAD}
with DAG("flow"):
    EmptyOperator(task_id="land", queue="big", executor="LocalExecutor", executor_config={{"a": 1}},
                  resources={{"cpus": 2}}, run_as_user="pilot")
""")
    task = dag.get_task("land")
    assert (task.executor, task.executor_config, task.resources, task.run_as_user) == (
        "LocalExecutor",
        {"a": 1},
        {"cpus": 2},
        "pilot",
    )
    assert serialize(dag, "flow.py").tasks[0].queue == "big"


def test_callbacks_of_a_skip_and_of_a_retry_are_called(bundle: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    dag = bundle.one(f"""{HEAD}
from airflow.exceptions import AirflowSkipException
def say(word):
    return lambda context: print(word, context["ti"].state, flush=True)
with DAG("flow", default_args={{"on_skipped_callback": say("skip"), "on_retry_callback": [say("one"), say("two")]}}):
    @task
    def skip():
        raise AirflowSkipException("no")
    @task(retries=1)
    def fail():
        raise ValueError("no")
    skip(), fail()
""")
    assert bundle.run(dag, "skip").kind is OutcomeKind.SKIPPED
    assert bundle.run(dag, "fail").kind is OutcomeKind.FAILED
    assert capfd.readouterr().out.splitlines() == ["skip skipped", "one up_for_retry", "two up_for_retry"]


def test_an_unknown_name_is_what_template_undefined_says(bundle: Bundle) -> None:
    text = f"""{HEAD}
import jinja2
with DAG("flow", template_undefined=jinja2.Undefined):
    BashOperator(task_id="say", bash_command="echo x{{{{ nothing }}}}y")
"""
    assert bundle.value(bundle.one(text), "say") == "xy"
    outcome = bundle.run(bundle.one(text.replace("template_undefined=jinja2.Undefined", "")), "say")
    assert outcome.error is not None
    assert "'nothing' is undefined" in outcome.error.message


def test_a_dict_of_templates_may_name_files(bundle: Bundle) -> None:
    bundle.write("q.sql", "select {{ ds_nodash }}")
    dag = bundle.one(f"""{HEAD}
with DAG("flow"):
    PythonOperator(task_id="ask", python_callable=lambda templates_dict: templates_dict,
                   templates_dict={{"query": "q.sql", "word": "{{{{ ti.task_id }}}}"}}, templates_exts=[".sql"])
""")
    assert bundle.value(dag, "ask") == {"query": "select 20240501", "word": "ask"}


def test_a_file_is_read_for_all_its_dags_at_once(bundle: Bundle) -> None:
    dags = bundle.load("""
        from airflow.sdk import DAG, get_parsing_context
        wanted = get_parsing_context().dag_id
        for name in ("a", "b"):
            if wanted in (None, name):
                with DAG(name): ...
    """)
    assert sorted(dags) == ["a", "b"]


def test_what_is_wrong_with_an_argument_is_told_with_its_task_and_line(bundle: Bundle) -> None:
    with pytest.raises(AuthorError, match=r"flow.py, line 4, DAG 'flow': TypeError: task 'land': start_date must be"):
        bundle.one(f"{HEAD}\nwith DAG('flow'):\n    EmptyOperator(task_id='land', start_date='2026-01-01')\n")
