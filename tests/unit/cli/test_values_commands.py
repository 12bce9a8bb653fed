"""`sailplane variables` and `sailplane connections`."""

import json
import stat

import pytest
import yaml

from sailplane.model.values import Connection, Variable

DB = Connection(
    conn_id="db", conn_type="postgres", host="h", login="ada", password="hunter22", port=5432, schema="main"
)


@pytest.fixture
def filled(backend):
    backend.put_value(
        Variable(key="city", value="Seattle", description="where"), Variable(key="api_key", value="hunter22")
    )
    backend.put_value(Variable(key="limits", value='{"low": 3}'), DB)
    return backend


def test_variables_are_set_got_and_deleted(cli, backend):
    assert cli("variables", "set", "city", "Seattle", "--description", "where").code == 0
    assert backend.variable("city") == Variable(key="city", value="Seattle", description="where")
    assert cli("variables", "get", "city").out == "Seattle\n"
    assert cli("variables", "delete", "city").code == 0
    assert cli("variables", "get", "city", "--default", "none").out == "none\n"
    missing = cli("variables", "get", "city")
    assert (missing.code, missing.err) == (
        1,
        "Error: the store has no Variable 'city'; `sailplane variables list` shows all\n",
    )


def test_a_listed_secret_is_masked_unless_asked_for(cli, filled):
    assert {one["key"]: one["value"] for one in cli("variables", "list", "-o", "json").json} == {
        "api_key": "***",
        "city": "Seattle",
        "limits": '{"low": 3}',
    }
    assert "hunter22" not in cli("variables", "list").out + cli("connections", "list").out
    assert "hunter22" not in cli("connections", "get", "db").out
    assert "hunter22" in cli("variables", "list", "--show-values").out
    assert "hunter22" not in cli("variables", "list", "--show-values", "--hide-sensitive").out
    assert "postgres://ada:hunter22@h:5432/main" in cli("connections", "get", "db", "--show-values").out


def test_json_is_checked_when_it_is_said_to_be(cli, backend):
    assert cli("variables", "set", "limits", "{", "--json").code == 2
    assert cli("variables", "set", "limits", '{"low": 3}', "--json").code == 0
    assert json.loads(cli("variables", "get", "limits", "--json").out) == {"low": 3}


def test_variables_come_back_from_an_export(cli, filled, tmp_path):
    file = tmp_path / "v.json"
    assert cli("variables", "export", str(file)).code == 0
    assert json.loads(file.read_text()) == {
        "api_key": "hunter22",
        "city": {"value": "Seattle", "description": "where"},
        "limits": {"low": 3},
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = dict(filled.stored_variables)
    filled.stored_variables.clear()
    assert cli("variables", "import", str(file)).err == "3 Variables set.\n"
    assert {key: one.description for key, one in filled.stored_variables.items()} == {
        key: one.description for key, one in before.items()
    }
    assert filled.variable("city").value == "Seattle"


@pytest.mark.parametrize(
    ("action", "code", "city"), [("overwrite", 0, "new"), ("skip", 0, "Seattle"), ("fail", 1, "Seattle")]
)
def test_an_import_does_with_what_is_there_as_told(cli, filled, tmp_path, action, code, city):
    file = tmp_path / "v.yaml"
    file.write_text("city: new\nother: 1\n")
    assert cli("variables", "import", str(file), "--action-on-existing-key", action).code == code
    assert filled.variable("city").value == city
    assert (filled.variable("other") is not None) == (code == 0)


def test_a_connection_is_added_in_each_form(cli, backend):
    assert cli("connections", "add", "a", "--conn-uri", "http://u:p@h:80/s?x=1").code == 0
    assert cli("connections", "add", "b", "--conn-json", '{"conn_type": "http", "extra": {"x": "1"}}').code == 0
    fields = ("--conn-type", "http", "--conn-host", "h", "--conn-port", "80", "--conn-description", "why")
    assert cli("connections", "add", "c", *fields).code == 0
    assert backend.connection("a").extra_dejson == backend.connection("b").extra_dejson == {"x": "1"}
    assert (backend.connection("c").port, backend.connection("c").description) == (80, "why")
    again = cli("connections", "add", "c", *fields)
    assert (again.code, again.err) == (1, "Error: The Connection with connection_id: `c` already exists\n")


@pytest.mark.parametrize("wrong", [(), ("--conn-uri", "http://h", "--conn-host", "h"), ("--conn-json", "{")])
def test_a_connection_that_is_not_said_clearly_is_refused(cli, backend, wrong):
    assert cli("connections", "add", "a", *wrong).code in (1, 2)
    assert backend.connection("a") is None


@pytest.mark.parametrize("name", ["c.json", "c.yaml", "c.env"])
@pytest.mark.parametrize("form", [(), ("--serialization-format", "uri"), ("--serialization-format", "json")])
def test_connections_come_back_from_an_export(cli, filled, tmp_path, name, form):
    file = tmp_path / name
    assert cli("connections", "export", str(file), *form).code == 0
    filled.stored_connections.clear()
    assert cli("connections", "import", str(file)).err == "1 Connections set.\n"
    assert filled.connection("db") == DB


def test_an_import_leaves_connections_that_are_there_unless_told(cli, filled, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump({"db": "http://other"}))
    assert "1 left as they were" in cli("connections", "import", str(file)).err
    assert filled.connection("db") == DB
    cli("connections", "import", str(file), "--overwrite")
    assert filled.connection("db").conn_type == "http"


def test_a_connection_is_deleted(cli, filled):
    assert cli("connections", "delete", "db").code == 0
    assert cli("connections", "delete", "db").code == 1
