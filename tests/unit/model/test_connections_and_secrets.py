"""The forms of Connections, and what of them and of Variables is secret."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sailplane.model.secrets import is_sensitive, maskable, redacted, redacted_text, secrets_of_variable
from sailplane.model.values import Connection, InvalidConnection, connection_from, parse_connection

TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
HOSTS = st.none() | st.text("abz09.-", min_size=1, max_size=8).filter(lambda text: not text.startswith("."))


@given(host=HOSTS, login=TEXTS, password=TEXTS, schema=TEXTS, port=st.none() | st.integers(1, 65535))
def test_a_connection_comes_back_from_its_uri_and_its_json(host, login, password, schema, port):
    made = Connection(
        conn_id="c", conn_type="my_db", host=host, login=login, password=password, schema=schema, port=port,
        extra='{"a": {"b": 1}}',
    )  # fmt: skip
    assert parse_connection("c", made.as_json()) == made
    back = parse_connection("c", made.get_uri())
    if schema is None or not schema.startswith("/"):
        assert back == made


def test_extra_of_plain_texts_is_the_query_of_a_uri():
    made = Connection(conn_id="c", conn_type="http", host="h", extra='{"a": "1"}')
    assert made.get_uri() == "http://h/?a=1"
    assert parse_connection("c", made.get_uri()).extra_dejson == {"a": "1"}


def test_a_host_may_name_a_protocol_of_its_own():
    made = parse_connection("c", "http://https://example.org:8443/x")
    assert (made.conn_type, made.host, made.port, made.schema) == ("http", "https://example.org", 8443, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "neither a URI nor JSON"),
        ('{"port": "x"}', "the port of the Connection 'c' must be a number, not 'x'"),
        ('{"user": "ada"}', "unknown fields user; there are conn_type, description"),
        ("http://h:port", "is no URI"),
    ],
)
def test_what_is_no_connection_is_refused_with_the_reason(text, message):
    with pytest.raises(InvalidConnection, match=message):
        parse_connection("c", text)


def test_a_password_that_breaks_the_uri_is_not_quoted():
    with pytest.raises(InvalidConnection) as told:
        parse_connection("c", "http://ada:hunter/22@h")
    assert "hunter" not in str(told.value)


def test_extra_may_be_text_or_an_object():
    assert connection_from("c", {"extra": {"a": 1}}).extra == '{"a": 1}'
    assert connection_from("c", {"extra_dejson": {"a": 1}}).extra == '{"a": 1}'
    assert connection_from("c", {"extra": "x"}).extra == "x"
    assert connection_from("c", {"extra": None}).extra is None


@pytest.mark.parametrize("name", ["PASSWORD", "db_password", "my-api-key", "Api Key", "token", "keyfile_dict"])
def test_a_name_with_a_sensitive_word_is_sensitive(name):
    assert is_sensitive(name)


@pytest.mark.parametrize("name", ["city", "", None, "pass", "key"])
def test_other_names_are_not(name):
    assert not is_sensitive(name)


def test_secrets_of_a_variable_are_all_of_it_or_what_its_keys_say():
    assert secrets_of_variable("api_key", "abcdef") == ["abcdef"]
    assert secrets_of_variable("city", "Seattle") == []
    nested = json.dumps({"user": "ada", "password": "hunter2", "more": [{"token": 12345}]})
    assert secrets_of_variable("settings", nested) == ["hunter2", "12345"]
    assert secrets_of_variable("tokens", '["one11", "two22"]') == ['["one11", "two22"]', "one11", "two22"]


def test_secrets_of_a_connection_are_its_password_and_the_sensitive_of_its_extra():
    made = Connection(conn_id="c", login="ada", password="p@ss w", extra='{"private_key": "xyz", "region": "eu"}')
    assert made.secrets() == ["p@ss w", "xyz", "p%40ss%20w"]


def test_redacting_keeps_the_shape():
    assert redacted({"password": "x", "a": [{"token": "y"}, 1], "secret": None}) == {
        "password": "***",
        "a": [{"token": "***"}, 1],
        "secret": None,
    }
    assert redacted_text('{"password": "x", "a": 1}') == '{"password": "***", "a": 1}'
    assert redacted_text("plain", "api_key") == "***"
    assert redacted_text("5", "limit") == "5"


def test_short_and_common_secrets_are_not_looked_for():
    assert list(maskable(["abcd", "airflow", "abcde"])) == ["abcde", "abcde"]
