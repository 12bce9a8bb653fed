"""Tasks that run SQL, on SQLite."""

import sqlite3
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from authored_bundle import Bundle

from sailplane.hooks.sql import DbApiHook
from sailplane.model import xcom
from sailplane.model.execution import Outcome, OutcomeKind

HEAD = """
from sailplane import (DAG, BranchSQLOperator, EmptyOperator, PostgresHook, SQLCheckOperator, SQLExecuteQueryOperator,
    SqlSensor, SqliteHook, task)
with DAG("x") as dag:
"""


@pytest.fixture
def database(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "flights.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE flights (name TEXT, km INTEGER)")
        connection.execute("INSERT INTO flights VALUES ('a', 1), ('b', 2)")
    connection.close()
    bundle.services.connections["db"] = f'{{"conn_type": "sqlite", "host": "{path}"}}'
    return path


def run(bundle: Bundle, body: str, **job: Any) -> Outcome:
    return bundle.run(bundle.one(HEAD + "".join(f"    {line}\n" for line in body.splitlines())), "t", **job)


def value(bundle: Bundle, body: str) -> Any:
    outcome = run(bundle, body)
    assert outcome.error is None, outcome.error
    envelope = outcome.xcoms.get("return_value")
    return None if envelope is None else xcom.loads(envelope)


QUERIES: dict[str, Any] = {
    "sql='SELECT * FROM flights ORDER BY km'": [("a", 1), ("b", 2)],
    "sql='SELECT km FROM flights WHERE name = ?', parameters=('b',)": [(2,)],
    "sql='SELECT km FROM flights WHERE name = :n', parameters={'n': '{{ dag.dag_id and \"a\" }}'}": [(1,)],
    "sql=['SELECT 1', 'SELECT 2'], return_last=False": [[(1,)], [(2,)]],
    "sql='SELECT 1; SELECT 2;', split_statements=True": [(2,)],
    "sql='SELECT 1; SELECT 2', split_statements=True, return_last=False": [[(1,)], [(2,)]],
    "sql=\"SELECT ';'\", split_statements=True": [(";",)],
    "sql='SELECT 7', handler=lambda cursor: cursor.fetchone()[0]": 7,
    "sql='DELETE FROM flights'": None,
    "sql='SELECT 1', do_xcom_push=False": None,
}


@pytest.mark.parametrize(("arguments", "rows"), QUERIES.items(), ids=list(QUERIES))
def test_what_a_query_returns(bundle: Bundle, database: Path, arguments: str, rows: Any) -> None:
    assert value(bundle, f"SQLExecuteQueryOperator(task_id='t', conn_id='db', {arguments})") == rows


def test_sql_may_stand_in_a_file(bundle: Bundle, database: Path) -> None:
    bundle.write("count.sql", "SELECT count(*) FROM {{ params.table }}")
    body = "SQLExecuteQueryOperator(task_id='t', conn_id='db', sql='count.sql', params={'table': 'flights'})"
    assert value(bundle, body) == [(2,)]


@pytest.mark.parametrize(("autocommit", "left"), [(True, 1), (False, 2)])
def test_a_failure_takes_back_what_was_done_unless_autocommit(
    bundle: Bundle, database: Path, autocommit: bool, left: int
) -> None:
    sql = "[\"DELETE FROM flights WHERE name = 'a'\", 'SELECT * FROM gone']"
    outcome = run(bundle, f"SQLExecuteQueryOperator(task_id='t', conn_id='db', sql={sql}, autocommit={autocommit})")
    assert outcome.error is not None
    assert outcome.error.message == "no such table: gone"
    connection = sqlite3.connect(database)
    assert connection.execute("SELECT count(*) FROM flights").fetchone() == (left,)
    connection.close()


HOOK = """
@task
def t():
    hook = SqliteHook("db")
    hook.insert_rows("flights", [("c", 3), ("d", 4), ("e", 5)], target_fields=["name", "km"], commit_every=2)
    hook.insert_rows("flights", [])
    return hook.get_first("SELECT sum(km) FROM flights"), hook.get_records("SELECT name FROM flights WHERE km > 3")
t()
"""


def test_a_hook_inserts_and_reads(bundle: Bundle, database: Path) -> None:
    assert value(bundle, HOOK.strip()) == ((15,), [("d",), ("e",)])


CHECKS = {
    "SELECT count(*) FROM flights": None,
    "SELECT 1, 0": "the check of task 't' failed with (1, 0): SELECT 1, 0",
    "SELECT km FROM flights WHERE km > 9": "the check of task 't' gave no row: SELECT km FROM flights WHERE km > 9",
}


@pytest.mark.parametrize(("sql", "message"), CHECKS.items(), ids=list(CHECKS))
def test_a_check_fails_unless_all_is_true(bundle: Bundle, database: Path, sql: str, message: str | None) -> None:
    outcome = run(bundle, f"SQLCheckOperator(task_id='t', conn_id='db', sql='{sql}')")
    assert (outcome.error.message if outcome.error else None) == message


WAYS = {"SELECT 1": "a", "SELECT 0": "b", "SELECT NULL": "b", 'SELECT "Yes"': "a", 'SELECT "off"': "b"}


@pytest.mark.parametrize(("sql", "way"), WAYS.items(), ids=list(WAYS))
def test_a_branch_goes_by_the_first_value(bundle: Bundle, database: Path, sql: str, way: str) -> None:
    ways = "follow_task_ids_if_true='a', follow_task_ids_if_false='b'"
    branch = f"BranchSQLOperator(task_id='t', conn_id='db', sql='{sql}', {ways})"
    outcome = run(bundle, f"{branch} >> [EmptyOperator(task_id='a'), EmptyOperator(task_id='b')]")
    assert outcome.error is None
    assert outcome.skip_tasks == (("b",) if way == "a" else ("a",))


def test_a_branch_by_what_is_neither_true_nor_false_fails(bundle: Bundle, database: Path) -> None:
    ways = "follow_task_ids_if_true='a', follow_task_ids_if_false='b'"
    outcome = run(bundle, f"BranchSQLOperator(task_id='t', conn_id='db', sql='SELECT \"maybe\"', {ways})")
    assert outcome.error is not None
    assert outcome.error.message.startswith("the query of branch 't' gave 'maybe', which is neither true nor false")


WAITS: dict[str, OutcomeKind] = {
    "sql='SELECT 5'": OutcomeKind.SUCCESS,
    "sql='SELECT 0'": OutcomeKind.RESCHEDULE,
    "sql='SELECT NULL'": OutcomeKind.RESCHEDULE,
    "sql='SELECT km FROM flights WHERE km > 9'": OutcomeKind.RESCHEDULE,
    "sql='SELECT km FROM flights WHERE km > 9', fail_on_empty=True": OutcomeKind.FAILED,
    "sql='SELECT 0', success=lambda value: value == 0": OutcomeKind.SUCCESS,
    "sql='SELECT 3', failure=lambda value: value == 3": OutcomeKind.FAILED,
    "sql='SELECT 0, 1', selector=lambda row: row[1]": OutcomeKind.SUCCESS,
}


@pytest.mark.parametrize(("arguments", "kind"), WAITS.items(), ids=list(WAITS))
def test_a_sensor_waits_for_a_row(bundle: Bundle, database: Path, arguments: str, kind: OutcomeKind) -> None:
    sensor = f"SqlSensor(task_id='t', conn_id='db', mode='reschedule', {arguments})"
    assert run(bundle, sensor).kind is kind


def failure(bundle: Bundle, arguments: str) -> str:
    outcome = run(bundle, f"SQLExecuteQueryOperator(task_id='t', sql='SELECT 1', {arguments})")
    assert outcome.error is not None
    return outcome.error.message


def test_a_connection_that_does_not_do_is_named(bundle: Bundle) -> None:
    bundle.services.connections |= {"web": "http://localhost", "lost": '{"conn_type": "sqlite"}'}
    assert "leads to no database: its hook is a HttpHook" in failure(bundle, "conn_id='web'")
    assert failure(bundle, "conn_id='lost'") == "the Connection 'lost' names no SQLite file: give its path as host"
    assert "'gone'" in failure(bundle, "conn_id='gone'")


@pytest.mark.skipif(find_spec("psycopg") is not None, reason="psycopg is installed")
def test_a_driver_that_is_missing_names_the_extra(bundle: Bundle) -> None:
    bundle.services.connections["pg"] = "postgres://user:secret@localhost:1/db"
    assert "pip install 'sailplane[postgres]'" in failure(bundle, "conn_id='pg'")


def test_a_text_without_a_statement_is_refused(bundle: Bundle, database: Path) -> None:
    outcome = run(bundle, "SQLExecuteQueryOperator(task_id='t', sql=' ; ', split_statements=True, conn_id='db')")
    assert outcome.error is not None
    assert outcome.error.message == "there is no SQL statement to run: the text is empty"


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\n SELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT 'a;b'; -- done; \nSELECT 2", ["SELECT 'a;b'", "-- done; \nSELECT 2"]),
        ("", []),
    ],
)
def test_statements_are_parted_at_their_ends(sql: str, statements: list[str]) -> None:
    assert DbApiHook("x").split_sql_string(sql) == statements
