"""Variables and Connections of the store in real tasks: found, masked wherever something is shown, and read once."""

import json

import pytest
from engine_flights import Flight
from engine_stage import Stage

from sailplane.engine import stored_values
from sailplane.model.errors import AlreadyExists
from sailplane.model.states import TaskState
from sailplane.model.values import Connection, Variable

SECRET = "hunter22-p@ss"
DB = Connection(conn_id="db", conn_type="postgres", host="h", password=SECRET, extra='{"token": "t0ken-of-extra"}')


def test_no_secret_is_shown_anywhere(stage: Stage, flight: Flight) -> None:
    store = stage.cloud.store
    stored_values.put(
        store, [DB, Variable(key="api_key", value="k3y-of-variable"), Variable(key="city", value="Seattle")]
    )
    key = flight.fly("""
        import logging, subprocess, sys
        from sailplane import BashOperator, BaseHook, DAG, Variable, task

        @task
        def speak():
            db, key = BaseHook.get_connection("db"), Variable.get("api_key")
            print("printed", db.password, Variable.get("city"))
            logging.getLogger("mine").warning("logged %s %s", key, db.get_uri())
            subprocess.run(["echo", "echoed", db.password], check=True)
            print("to stderr", db.extra_dejson["token"], file=sys.stderr)
            raise ValueError(f"failed with {db.password}")

        with DAG("flight"):
            say = "echo said {{ conn.db.password }} {{ var.value.api_key }} {{ var.value.city }}"
            env = {"X": "{{ conn.db.get_uri() }}"}
            BashOperator(task_id="say", bash_command=say, env=env, append_env=True) >> speak()
        """)
    said, spoken = stage.instance(key, "say"), stage.instance(key, "speak")
    assert (said.state, spoken.state) == (TaskState.SUCCESS, TaskState.FAILED)
    assert spoken.error is not None
    assert spoken.error.message == "failed with ***"
    rendered = json.loads(said.rendered)
    assert rendered["bash_command"] == "echo said *** *** Seattle"
    assert rendered["env"] == {"X": "postgres://:***@h/?token=***"}
    log = flight.log(spoken)
    for text in (
        "printed *** Seattle",
        "logged *** postgres://:***@h",
        "echoed ***",
        "to stderr ***",
        "failed with ***",
    ):
        assert text in log
    assert "said *** *** Seattle" in flight.log(said)
    shown = [log, flight.log(said), said.rendered, spoken.rendered, spoken.error.message, *map(str, flight.messages)]
    for secret in (SECRET, "hunter22", "t0ken", "k3y"):
        assert all(secret not in text for text in shown)


def test_what_a_task_sets_the_next_one_gets(stage: Stage, flight: Flight) -> None:
    key = flight.fly("""
        from sailplane import DAG, Variable, task

        @task
        def first():
            assert Variable.get("seen", None) is None
            Variable.set("seen", [1], description="by the first", serialize_json=True)
            Variable.set("gone", "x")

        @task
        def second():
            assert Variable.get("seen", deserialize_json=True) == [1]
            assert Variable.keys("go") == ["gone"]
            Variable.delete("gone")
            assert Variable.get("gone", "no more") == "no more"

        with DAG("flight"):
            first() >> second()
        """)
    assert set(stage.states(key).values()) == {"success"}, stage.instance(key, "second").error
    assert stage.cloud.store.variable("gone") is None
    seen = stage.cloud.store.variable("seen")
    assert seen is not None
    assert (json.loads(seen.value), seen.description) == ([1], "by the first")


def test_a_missing_variable_names_the_places(stage: Stage, flight: Flight) -> None:
    key = flight.fly("""
        from sailplane import DAG, Variable, task

        @task
        def ask():
            Variable.get("city")

        with DAG("flight"):
            ask()
        """)
    error = stage.instance(key, "ask").error
    assert error is not None
    assert "looked in the environment (AIRFLOW_VAR_..., AIRFLOW_CONN_...), then the store" in error.message


@pytest.mark.localcloud
def test_many_tasks_that_read_one_variable_cost_one_read(stage: Stage, flight: Flight) -> None:
    stored_values.put(stage.cloud.store, [Variable(key="city", value="Seattle")])
    text = """
        from sailplane import DAG, Variable, task

        @task
        def ask():
            {}

        with DAG("flight"):
            for _ in range(20):
                ask()
        """
    before = stage.count()
    flight.fly(text.format("pass"))
    plain = stage.since(before)["firestore.reads"]
    before = stage.count()
    key = flight.fly(text.format("assert Variable.get('city') == 'Seattle'"), "second")
    # Twenty, if each asked for itself. How often ends look at the others depends on which of them meet.
    assert stage.since(before)["firestore.reads"] < plain + 10
    assert set(stage.states(key).values()) == {"success"}


def test_the_store_adds_once_and_removes(stage: Stage) -> None:
    store = stage.cloud.store
    odd = Variable(key="a/b..__c__", value="")
    stored_values.add(store, odd)
    with pytest.raises(AlreadyExists, match=r"a/b\.\.__c__"):
        stored_values.add(store, odd)
    stored_values.put(store, [DB, Variable(key="x", value="1")])
    assert [one.key for one in store.variables()] == ["a/b..__c__", "x"]
    found = store.connection("db")
    assert found is not None
    assert found.secrets() == DB.secrets()
    stored_values.remove(store, odd)
    assert [one.key for one in store.variables()] == ["x"]
