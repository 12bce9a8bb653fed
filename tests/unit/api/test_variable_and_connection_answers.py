"""`/api/v2/variables` and `/api/v2/connections`: Airflow's answers, with what is secret masked."""

import json

import pytest

from sailplane.model.values import Connection, Variable

VARIABLES, CONNECTIONS = "/api/v2/variables", "/api/v2/connections"


@pytest.fixture
def filled(backend):
    backend.put_value(
        Variable(key="city", value="Seattle", description="where"),
        Variable(key="api_key", value="hunter22"),
        Variable(key="settings", value='{"user": "ada", "password": "hunter22"}'),
        Connection(
            conn_id="db", conn_type="postgres", host="h", password="hunter22", port=5432, extra='{"token": "t1"}'
        ),
        Connection(conn_id="web", conn_type="http"),
    )
    return backend


def answer(client, method, url, body=None):
    response = client.ask(method, url, body)
    return response.status, json.loads(response.body) if response.body else None


def test_variables_are_listed_with_secrets_masked(client, filled):
    listed = client.read(VARIABLES)
    assert listed["total_entries"] == 3
    assert {one["key"]: one["value"] for one in listed["variables"]} == {
        "api_key": "***",
        "city": "Seattle",
        "settings": '{"user": "ada", "password": "***"}',
    }
    assert [one["key"] for one in client.read(f"{VARIABLES}?variable_key_pattern=i&order_by=-key")["variables"]] == [
        "settings",
        "city",
        "api_key",
    ]
    assert client.read(f"{VARIABLES}?variable_key_prefix_pattern=api")["total_entries"] == 1


def test_a_variable_is_shown(client, filled):
    assert client.read(f"{VARIABLES}/city") == {
        "key": "city",
        "value": "Seattle",
        "description": "where",
        "is_encrypted": False,
        "team_name": None,
    }
    assert answer(client, "GET", f"{VARIABLES}/none") == (
        404,
        {"detail": "The Variable with key: `none` was not found"},
    )


def test_a_variable_is_created_once(client, backend):
    status, made = answer(client, "POST", VARIABLES, {"key": "a/b", "value": {"low": 3}})
    assert (status, made["value"]) == (201, '{"low": 3}')
    assert json.loads(backend.variable("a/b").value) == {"low": 3}
    assert answer(client, "POST", VARIABLES, {"key": "a/b", "value": "x"})[0] == 409
    assert client.read(f"{VARIABLES}/a/b")["key"] == "a/b"


@pytest.mark.parametrize("body", [{"key": "a"}, {"value": "a"}, {"key": "a", "value": "1", "colour": "red"}])
def test_a_body_that_makes_no_variable_is_refused(client, body):
    assert answer(client, "POST", VARIABLES, body)[0] == 422


def test_a_variable_is_changed_in_the_fields_that_are_given(client, filled):
    changed = answer(client, "PATCH", f"{VARIABLES}/city", {"key": "city", "value": "Olympia"})[1]
    assert (changed["value"], changed["description"]) == ("Olympia", "where")
    body = {"key": "city", "value": "Tacoma", "description": None}
    changed = answer(client, "PATCH", f"{VARIABLES}/city?update_mask=description", body)[1]
    assert (changed["value"], changed["description"]) == ("Olympia", None)
    assert answer(client, "PATCH", f"{VARIABLES}/city", {"key": "other", "value": "x"})[0] == 400
    assert answer(client, "PATCH", f"{VARIABLES}/none", {"key": "none", "value": "x"})[0] == 404


def test_a_masked_value_that_comes_back_leaves_the_secret_as_it_is(client, filled):
    for key in ("api_key", "settings"):
        before = filled.variable(key).value
        answer(client, "PATCH", f"{VARIABLES}/{key}", client_body(client.read(f"{VARIABLES}/{key}")))
        assert json_or_text(filled.variable(key).value) == json_or_text(before)
    shown = {name: value for name, value in client.read(f"{CONNECTIONS}/db").items() if name != "team_name"}
    before = filled.connection("db")
    assert answer(client, "PATCH", f"{CONNECTIONS}/db", {**shown, "host": "other"})[0] == 200
    after = filled.connection("db")
    assert (after.password, after.extra, after.host) == (before.password, before.extra, "other")


def client_body(shown):
    return {name: shown[name] for name in ("key", "value", "description")}


def json_or_text(text):
    return json.loads(text) if text.startswith("{") else text


def test_a_variable_is_deleted(client, filled):
    assert answer(client, "DELETE", f"{VARIABLES}/city") == (204, None)
    assert answer(client, "DELETE", f"{VARIABLES}/city")[0] == 404


def test_connections_never_show_their_secrets(client, filled):
    assert client.read(f"{CONNECTIONS}/db") == {
        "connection_id": "db",
        "conn_type": "postgres",
        "description": None,
        "host": "h",
        "login": None,
        "schema": None,
        "port": 5432,
        "password": "***",
        "extra": '{"token": "***"}',
        "team_name": None,
    }
    assert "hunter22" not in json.dumps(client.read(CONNECTIONS))
    assert client.read(f"{CONNECTIONS}?connection_id_pattern=w")["total_entries"] == 1


def test_a_connection_is_created_changed_and_deleted(client, backend):
    body = {"connection_id": "db", "conn_type": "mysql", "password": "hunter22", "extra": '{"a": 1}'}
    assert answer(client, "POST", CONNECTIONS, body)[0] == 201
    assert answer(client, "POST", CONNECTIONS, body)[0] == 409
    change = {"connection_id": "db", "conn_type": "postgres", "port": 5432}
    assert answer(client, "PATCH", f"{CONNECTIONS}/db", change)[1]["conn_type"] == "postgres"
    assert (backend.connection("db").password, backend.connection("db").port) == ("hunter22", 5432)
    assert answer(client, "DELETE", f"{CONNECTIONS}/db") == (204, None)
    assert answer(client, "GET", f"{CONNECTIONS}/db")[0] == 404


@pytest.mark.parametrize(
    "wrong", [{"connection_id": "a b"}, {"extra": "[1]"}, {"extra": "{"}, {"port": "x"}, {"colour": "red"}]
)
def test_a_body_that_makes_no_connection_is_refused(client, wrong):
    assert answer(client, "POST", CONNECTIONS, {"connection_id": "db", "conn_type": "http", **wrong})[0] == 422


def test_connections_are_not_tested_beside_the_api(client):
    assert answer(client, "POST", f"{CONNECTIONS}/test", {"connection_id": "db", "conn_type": "http"})[0] == 403


def bulk(client, url, *actions):
    status, told = answer(client, "PATCH", url, {"actions": list(actions)})
    assert status == 200
    return told


def test_many_variables_are_created_updated_and_deleted_with_one_request(client, filled):
    entities = [{"key": "city", "value": "Tacoma"}, {"key": "new", "value": [1]}]
    told = bulk(
        client,
        VARIABLES,
        {"action": "create", "entities": entities, "action_on_existence": "skip"},
        {
            "action": "update",
            "entities": [{"key": "city", "value": "Olympia", "description": "x"}],
            "update_mask": ["value"],
        },
        {"action": "delete", "entities": ["api_key", "none"], "action_on_non_existence": "skip"},
    )
    assert told == {
        "create": {"success": ["new"], "errors": []},
        "update": {"success": ["city"], "errors": []},
        "delete": {"success": ["api_key"], "errors": []},
    }
    assert (filled.variable("city").value, filled.variable("city").description) == ("Olympia", "where")
    assert filled.variable("api_key") is None


def test_a_bulk_action_that_fails_does_nothing_and_says_why(client, filled):
    told = bulk(
        client,
        VARIABLES,
        {"action": "create", "entities": [{"key": "city", "value": "x"}, {"key": "new", "value": "x"}]},
        {"action": "update", "entities": [{"key": "none", "value": "x"}]},
        {"action": "delete", "entities": ["none"]},
    )
    assert {verb: one["errors"][0]["status_code"] for verb, one in told.items()} == {
        "create": 409,
        "update": 404,
        "delete": 404,
    }
    assert told["create"]["errors"][0]["error"] == "The variables with these keys: city already exist."
    assert filled.variable("new") is None


def test_many_connections_are_set_with_one_request(client, filled):
    shown = {"connection_id": "db", "conn_type": "mysql", "password": "***"}
    told = bulk(
        client,
        CONNECTIONS,
        {"action": "update", "entities": [shown]},
        {"action": "create", "entities": [{"connection_id": "a b", "conn_type": "http"}]},
        {"action": "delete", "entities": ["web"]},
    )
    assert (filled.connection("db").conn_type, filled.connection("db").password) == ("mysql", "hunter22")
    assert told["create"]["errors"][0]["status_code"] == 422
    assert filled.connection("web") is None


def test_a_bulk_action_that_nobody_knows_is_refused(client):
    assert answer(client, "PATCH", VARIABLES, {"actions": [{"action": "burn", "entities": []}]})[0] == 422
