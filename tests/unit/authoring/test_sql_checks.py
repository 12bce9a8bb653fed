"""Checks of what is in a table, against SQLite."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sailplane import (
    DAG,
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLIntervalCheckOperator,
    SQLTableCheckOperator,
    SQLThresholdCheckOperator,
    SQLValueCheckOperator,
)
from sailplane.authoring.exceptions import AirflowException, AirflowFailException


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "air"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE flights (id, km, day)")
        rows = [(1, 100, "2024-05-01"), (2, 300, "2024-05-01"), (3, None, "2024-05-01"), (4, 160, "2024-04-24")]
        connection.executemany("INSERT INTO flights VALUES (?, ?, ?)", rows)
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_AIR", f'{{"conn_type": "sqlite", "host": "{file}"}}')


def check(kind: Any, **arguments: Any) -> None:
    with DAG("x"):
        named = {} if "sql" in arguments else {"table": "flights"}
        task = kind(task_id="t", conn_id="air", **named, **arguments)
    if isinstance(task, SQLIntervalCheckOperator):
        task.sql1, task.sql2 = task.sql1.replace("{{ ds }}", "2024-05-01"), task.sql2.split("'")[0] + "'2024-04-24'"
    task.execute({})


COLUMNS: list[tuple[dict[str, Any], bool]] = [
    ({"km": {"min": {"equal_to": 100}, "max": {"leq_to": 300}}}, True),
    ({"km": {"max": {"less_than": 300}}}, False),
    ({"km": {"max": {"less_than": 290, "tolerance": 0.1}}}, True),
    ({"km": {"null_check": {"equal_to": 0}}}, False),
    ({"km": {"null_check": {"equal_to": 0, "partition_clause": "id < 3"}}}, True),
    ({"id": {"unique_check": {"equal_to": 0}, "distinct_check": {"geq_to": 4}}}, True),
    ({"km": {"min": {"equal_to": 95, "tolerance": 0.1}}}, True),
    ({"km": {"min": {"greater_than": 100}}}, False),
    ({"km": {"max": {"equal_to": 0, "partition_clause": "id = 3"}}}, True),
]


@pytest.mark.parametrize(("mapping", "passes"), COLUMNS, ids=[str(number) for number in range(len(COLUMNS))])
def test_columns_are_held_against_bounds(mapping: dict[str, Any], passes: bool) -> None:
    if passes:
        check(SQLColumnCheckOperator, column_mapping=mapping)
        return
    with pytest.raises(AirflowException, match=r"the check of task 't' failed: \w+ of km is \d+, and must be"):
        check(SQLColumnCheckOperator, column_mapping=mapping)


def test_a_column_without_values_is_zero_only_if_that_is_accepted() -> None:
    empty = {"km": {"max": {"equal_to": 0, "partition_clause": "id = 3"}}}
    with pytest.raises(AirflowException, match="max of km is None, and must be equal_to 0"):
        check(SQLColumnCheckOperator, column_mapping=empty, accept_none=False)


SENSELESS: list[tuple[str, dict[str, Any], str]] = [
    ("mean", {"equal_to": 0}, "the check mean of the column km is none; there are null_check, "),
    ("min", {}, "needs one of equal_to, geq_to"),
    ("min", {"equal_to": 0, "less_than": 2}, "has equal_to and less_than: one of them is enough"),
    ("min", {"greater_than": 0, "geq_to": 2}, "has geq_to and greater_than: give one of them"),
    ("min", {"geq_to": 2, "less_than": 2}, "can never be met: geq_to 2 and less_than 2"),
]


@pytest.mark.parametrize(("kind", "bounds", "told"), SENSELESS, ids=[told for _, _, told in SENSELESS])
def test_a_check_that_makes_no_sense_is_refused_when_it_is_written(kind: str, bounds: Any, told: str) -> None:
    with pytest.raises((AirflowException, ValueError), match=told):
        check(SQLColumnCheckOperator, column_mapping={"km": {kind: bounds}})


def test_tables_are_held_against_statements() -> None:
    far = {"far": {"check_statement": "km > 50", "partition_clause": "km IS NOT NULL"}}
    check(SQLTableCheckOperator, checks=far, partition_clause="id < 4")
    low = {**far, "low": {"check_statement": "id < 3"}}
    with pytest.raises(AirflowException, match=r"failed: not true of the table flights: low \(id < 3\)"):
        check(SQLTableCheckOperator, checks=low)


def test_a_table_without_rows_passes_only_if_that_is_accepted() -> None:
    nobody = {"far": {"check_statement": "km > 50", "partition_clause": "id > 9"}}
    check(SQLTableCheckOperator, checks=nobody, accept_none=True)
    with pytest.raises(AirflowException, match="not true of the table flights"):
        check(SQLTableCheckOperator, checks=nobody)


def test_a_value_lies_between_thresholds_which_may_be_sql() -> None:
    longest = "SELECT MAX(km) FROM flights"
    check(SQLThresholdCheckOperator, sql=longest, min_threshold=300, max_threshold="SELECT 3 * MIN(km) FROM flights")
    with pytest.raises(AirflowException, match=r"failed: 300 is not between 1.0 and 100: SELECT MAX"):
        check(SQLThresholdCheckOperator, sql=longest, min_threshold="1", max_threshold="SELECT MIN(km) FROM flights")
    with pytest.raises(AirflowException, match="gave no row: SELECT km"):
        check(SQLThresholdCheckOperator, sql="SELECT km FROM flights WHERE id = 9", min_threshold=0, max_threshold=1)


def test_a_metric_is_held_against_that_of_days_before() -> None:
    near = {"date_filter_column": "day", "metrics_thresholds": {"MAX(km)": 2}}
    check(SQLIntervalCheckOperator, **near)
    far = {"date_filter_column": "day", "metrics_thresholds": {"MAX(km)": 1.5, "COUNT(*)": 4}}
    with pytest.raises(
        AirflowException, match=r"failed: MAX\(km\) was 160 and is 300, which is not below the ratio 1\.5"
    ):
        check(SQLIntervalCheckOperator, **far)
    zero = {"date_filter_column": "day", "metrics_thresholds": {"SUM(id = 4)": 2}}
    check(SQLIntervalCheckOperator, **zero)
    with pytest.raises(AirflowException, match="was 1 and is 0"):
        check(SQLIntervalCheckOperator, **zero, ignore_zero=False)
    with pytest.raises(AirflowException, match="ratio_formula is 'mean'; it may be max_over_min, relative_diff"):
        check(SQLIntervalCheckOperator, **near, ratio_formula="mean")


def test_a_failed_check_may_be_final() -> None:
    with pytest.raises(AirflowFailException, match=r"gave \(1,\) instead of 2"):
        check(SQLValueCheckOperator, sql="SELECT 1", pass_value=2, retry_on_failure=False)


def test_results_are_processed_with_the_names_of_their_columns() -> None:
    def named(results: list[Any], descriptions: Any) -> list[Any]:
        return [
            [dict(zip([column[0] for column in columns], row, strict=True)) for row in rows]
            for rows, columns in zip(results, descriptions, strict=True)
        ]

    def run(sql: Any) -> Any:
        with DAG("x"):
            return SQLExecuteQueryOperator(task_id="t", conn_id="air", sql=sql, output_processor=named).execute({})

    assert run("SELECT id, km FROM flights WHERE id < 3") == [{"id": 1, "km": 100}, {"id": 2, "km": 300}]
    assert run(["SELECT 1 AS a", "SELECT 2 AS b"]) == [[{"a": 1}], [{"b": 2}]]
