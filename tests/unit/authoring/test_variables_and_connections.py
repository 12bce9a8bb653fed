"""`Variable`, `Connection`, `BaseHook` and `mask_secret` in tasks, and what is said when something is not there."""

import json

import pytest
from authored_bundle import Bundle

from sailplane.authoring.connection import Connection
from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException, VariableNotFound
from sailplane.authoring.variable import Variable
from sailplane.hooks.base import BaseHook
from sailplane.hooks.gcs import GCSHook


def value_of(bundle: Bundle, body: str) -> object:
    """What a task with this body returns."""
    indented = body.replace("\n", "\n            ")
    dag = bundle.one(f"""
        from sailplane import BaseHook, Connection, DAG, Variable, task
        from sailplane.authoring.masking import mask_secret

        @task
        def ask():
            {indented}

        with DAG("flow"):
            ask()
        """)
    return bundle.value(dag, "ask")


def failure_of(bundle: Bundle, body: str) -> tuple[str, str]:
    indented = body.replace("\n", "\n            ")
    dag = bundle.one(f"""
        from sailplane import BaseHook, Connection, DAG, Variable, task

        @task
        def ask():
            {indented}

        with DAG("flow"):
            ask()
        """)
    error = bundle.run(dag, "ask").error
    assert error is not None
    return error.kind, error.message


def test_a_task_gets_sets_and_deletes_variables(bundle: Bundle) -> None:
    bundle.services.variables = {"city": "Seattle", "limits": '{"low": 3}'}
    assert value_of(bundle, "return [Variable.get('city'), Variable.get('limits', deserialize_json=True)]") == [
        "Seattle",
        {"low": 3},
    ]
    assert value_of(bundle, "Variable.set('a', {'b': 1}, serialize_json=True)\nreturn Variable.keys('a')") == ["a"]
    assert json.loads(bundle.services.variables["a"]) == {"b": 1}
    value_of(bundle, "Variable.set('n', 5)\nVariable.delete('a')")
    assert bundle.services.variables["n"] == "5"
    assert "a" not in bundle.services.variables


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("Variable.get('x', 'd')", "d"),
        ("Variable.get('x', default=None)", None),
        ("Variable.get('x', default_var='d')", "d"),
        ("Variable.get('x', default={'a': 1}, deserialize_json=True)", {"a": 1}),
        ("Variable.setdefault('x', 'd') + Variable.get('x')", "dd"),
    ],
)
def test_a_variable_that_is_not_set_has_its_default(bundle: Bundle, call: str, value: object) -> None:
    assert value_of(bundle, f"return {call}") == value


def test_a_missing_variable_says_where_was_looked_and_how_to_set_it(bundle: Bundle) -> None:
    kind, message = failure_of(bundle, "Variable.get('city')")
    assert kind == "VariableNotFound"
    assert message == (
        "the Variable 'city' is not set; looked in the test's dicts; set it with `sailplane variables set city VALUE`"
    )


def test_a_missing_connection_says_where_was_looked_and_how_to_add_it(bundle: Bundle) -> None:
    kind, message = failure_of(bundle, "BaseHook.get_connection('db')")
    assert kind == "AirflowNotFoundException"
    assert message == (
        "the Connection 'db' is not set; looked in the test's dicts; add it with "
        "`sailplane connections add db --conn-uri URI`"
    )


def test_a_variable_that_is_no_json_fails_without_quoting_it(bundle: Bundle) -> None:
    bundle.services.variables = {"api_key": "hunter22"}
    kind, message = failure_of(bundle, "Variable.get('api_key', deserialize_json=True)")
    assert (kind, "the Variable 'api_key' is not JSON" in message, "hunter22" in message) == ("ValueError", True, False)


def test_a_task_gets_connections_and_their_hooks(bundle: Bundle) -> None:
    bundle.services.connections = {
        "db": "postgres://ada:s%40fe@db:5432/main?x=1",
        "gcp": '{"conn_type": "google_cloud_platform"}',
        "odd": "odd://",
    }
    ask = "c = Connection.get('db')\nreturn [c.password, c.port, c.extra_dejson, BaseHook.get_connection('db') == c]"
    assert value_of(bundle, ask) == ["s@fe", 5432, {"x": "1"}, True]
    assert value_of(bundle, "return type(BaseHook.get_hook('gcp')).__name__") == "GCSHook"
    kind, message = failure_of(bundle, "BaseHook.get_hook('odd')")
    assert kind == "AirflowException"
    assert "no hook for Connections of the type 'odd', as 'odd' is; there are hooks for fs, " in message


def test_templates_read_variables_and_connections_with_defaults(bundle: Bundle) -> None:
    bundle.services.variables = {"limits": '{"low": 3}'}
    bundle.services.connections = {"db": "http://ada:pw@h"}
    dag = bundle.one("""
        from sailplane import BashOperator, DAG

        text = (
            "echo {{ var.json.limits.low }} {{ conn.db.host }} "
            "{{ var.value.get('x', 'd') }} {{ conn.get('y', 'e') }}"
        )
        with DAG("flow"):
            BashOperator(task_id="say", bash_command=text)
        """)
    assert bundle.value(dag, "say") == "3 h d e"


def test_what_a_task_wants_masked_is_handed_on(bundle: Bundle) -> None:
    value_of(bundle, "mask_secret('hunter22')\nmask_secret(['a1', 'b2'])\nmask_secret({'token': 't1', 'user': 'ada'})")
    assert bundle.services.masked == ["hunter22", "a1", "b2", "t1"]
    value_of(bundle, "mask_secret('x', 'city')\nVariable.get('api_key', 'fallback')")
    assert bundle.services.masked[4:] == ["fallback"]


def test_callbacks_may_ask_too(bundle: Bundle) -> None:
    bundle.services.variables = {"city": "Seattle"}
    dag = bundle.one("""
        from sailplane import DAG, Variable, task

        @task(on_success_callback=lambda context: Variable.set("seen", Variable.get("city")))
        def ask(): ...

        with DAG("flow"):
            ask()
        """)
    bundle.run(dag, "ask")
    assert bundle.services.variables["seen"] == "Seattle"


def test_a_dag_file_reads_variables_of_the_environment(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Seattle")
    monkeypatch.setenv("AIRFLOW_CONN_DB", "http://h")
    assert Variable.get("city") == "Seattle"
    assert Connection.get("db").host == "h"
    assert Variable.get("none", "d") == "d"
    with pytest.raises(VariableNotFound, match="the only place that is asked outside of a deployment"):
        Variable.get("none")
    with pytest.raises(AirflowNotFoundException, match="AIRFLOW_CONN"):
        Connection.get("none")
    with pytest.raises(AirflowException, match=r"Variable.set\(\) works only while a task runs"):
        Variable.set("a", "b")


def test_a_connection_is_made_of_fields_or_of_a_uri() -> None:
    made = Connection(conn_id="c", conn_type="http", host="h", extra={"a": 1})
    assert (made.extra, made.to_dict()["extra"], made.to_dict(prune_empty=True).keys()) == (
        '{"a": 1}',
        {"a": 1},
        {"conn_id", "conn_type", "host", "extra"},
    )
    assert Connection(conn_id="c", uri=made.get_uri()) == made
    assert Connection.from_json(made.as_json(), "c") == made
    assert "secret" not in repr(Connection(conn_id="c", password="secret"))
    with pytest.raises(AirflowException, match="use one"):
        Connection(conn_id="c", uri="http://h", host="h")
    with pytest.raises(AirflowException, match="unknown fields user"):
        Connection(conn_id="c", user="ada")


def test_hooks_are_made_with_their_arguments() -> None:
    hook = Connection(conn_id="gcp", conn_type="google-cloud-platform").get_hook(hook_params={"project_id": "p"})
    assert isinstance(hook, GCSHook)
    assert (hook.gcp_conn_id, hook.project_id) == ("gcp", "p")
    with pytest.raises(NotImplementedError, match="BaseHook has no get_conn"):
        BaseHook().get_conn()
