"""BigQuery's hook, operators and sensors, over Google's client, against a server that speaks BigQuery's REST API."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fake_bigquery import FakeBigQuery, Table
from rest_server import rest_server

from sailplane import (
    DAG,
    BigQueryCheckOperator,
    BigQueryColumnCheckOperator,
    BigQueryCreateEmptyDatasetOperator,
    BigQueryCreateTableOperator,
    BigQueryDeleteDatasetOperator,
    BigQueryDeleteTableOperator,
    BigQueryGetDataOperator,
    BigQueryGetDatasetOperator,
    BigQueryGetDatasetTablesOperator,
    BigQueryHook,
    BigQueryInsertJobOperator,
    BigQueryIntervalCheckOperator,
    BigQueryTableCheckOperator,
    BigQueryTableExistenceSensor,
    BigQueryToBigQueryOperator,
    BigQueryToGCSOperator,
    BigQueryUpdateTableOperator,
    BigQueryUpdateTableSchemaOperator,
    BigQueryUpsertTableOperator,
    BigQueryValueCheckOperator,
    GCSToBigQueryOperator,
    SQLExecuteQueryOperator,
)
from sailplane.authoring.exceptions import AirflowException, AirflowSkipException, TaskDeferred
from sailplane.authoring.trigger import TriggerEvent

QUERY = {"query": {"query": "SELECT 1 AS a, 'x' AS b", "useLegacySql": False}}
SCHEMA = {"fields": [{"name": "id", "type": "INTEGER"}, {"name": "name", "type": "STRING"}]}


@pytest.fixture
def bigquery(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBigQuery]:
    fake = FakeBigQuery(datasets={"d": {"datasetReference": {"datasetId": "d", "projectId": "p"}}})
    fake.tables["d.t"] = table("t", [[1, "far"], [2, "high"]])
    with rest_server(fake.answer) as server:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
        yield fake


def table(name: str, rows: list[list[Any]]) -> Table:
    return Table({"tableReference": {"projectId": "p", "datasetId": "d", "tableId": name}, "schema": SCHEMA}, rows)


def context(store: dict[str, Any] | None = None, try_number: int = 1) -> dict[str, Any]:
    kept = {} if store is None else store
    return {
        "task_state_store": SimpleNamespace(get=kept.get, set=kept.__setitem__),
        "dag_run": SimpleNamespace(start_date=datetime(2024, 5, 1, tzinfo=UTC)),
        "ti": SimpleNamespace(try_number=try_number),
    }


def make(kind: Any, **arguments: Any) -> Any:
    with DAG("glide"):
        return kind(task_id="land", **arguments)


def run(kind: Any, **arguments: Any) -> Any:
    return make(kind, **arguments).execute(context())


def test_a_job_is_run_and_labelled_and_its_id_returned(bigquery: FakeBigQuery) -> None:
    bigquery.looks_until_done = 2
    job_id = run(BigQueryInsertJobOperator, configuration=QUERY)
    assert job_id.startswith("airflow_glide_land_2024_05_01T00_00_00_00_00_")
    labels = bigquery.jobs[job_id]["configuration"]["labels"]
    assert labels == {"airflow-dag": "glide", "airflow-task": "land"}
    assert BigQueryHook().get_query_results(job_id) == [{"a": 1, "b": "x"}]


def test_a_configuration_may_be_json(bigquery: FakeBigQuery) -> None:
    assert run(BigQueryInsertJobOperator, configuration='{"query": {"query": "SELECT 1"}}') in bigquery.jobs
    with pytest.raises(AirflowException, match="configuration is neither a dict nor JSON"):
        run(BigQueryInsertJobOperator, configuration="SELECT 1")
    with pytest.raises(AirflowException, match="must have one of load, copy, extract, query; it has nothing"):
        run(BigQueryInsertJobOperator, configuration={})


def test_a_job_that_fails_fails_the_task_with_what_bigquery_says(bigquery: FakeBigQuery) -> None:
    with pytest.raises(AirflowException, match=r"^BigQuery job airflow_glide_land\w+ failed: no such table: gone$"):
        run(BigQueryInsertJobOperator, configuration={"query": {"query": "SELECT * FROM gone"}})


def test_a_later_try_goes_on_with_the_job_of_an_earlier_one(bigquery: FakeBigQuery) -> None:
    store: dict[str, Any] = {}
    first = make(BigQueryInsertJobOperator, configuration=QUERY)
    job_id = first.submit_job(context(store))
    bigquery.jobs[job_id]["looks"] = 2
    second = make(BigQueryInsertJobOperator, configuration=QUERY)
    assert second.execute(context(store, 2)) == job_id
    lose_the_end(store)
    third = make(BigQueryInsertJobOperator, configuration=QUERY)
    assert third.execute(context(store, 3)) == job_id
    assert bigquery.insertions == 1
    cleared = make(BigQueryInsertJobOperator, configuration=QUERY)
    assert cleared.execute(context(store, 4)) != job_id
    assert bigquery.insertions == 2


def lose_the_end(store: dict[str, Any]) -> None:
    """As when the worker dies before the task has ended."""
    del store["bigquery_job_id.ended"]


def test_a_job_that_failed_or_never_began_is_run_again(bigquery: FakeBigQuery) -> None:
    store = {"bigquery_job_id": "airflow_never_begun"}
    broken = {"query": {"query": "SELECT * FROM later"}}
    operator = make(BigQueryInsertJobOperator, configuration=broken, force_rerun=False)
    with pytest.raises(AirflowException, match="no such table"):
        operator.execute(context(store))
    bigquery.tables["later"] = table("later", [])
    again = make(BigQueryInsertJobOperator, configuration=broken, force_rerun=False)
    job_id = again.execute(context(store, 2))
    assert job_id.endswith("_2")
    assert bigquery.insertions == 2


def test_one_configuration_is_run_once_unless_it_is_forced(bigquery: FakeBigQuery) -> None:
    def operator(**arguments: Any) -> Any:
        return make(BigQueryInsertJobOperator, configuration=QUERY, force_rerun=False, durable=False, **arguments)

    job_id = operator().execute(context())
    with pytest.raises(AirflowException, match=f"{job_id} is there already, and has ended; use force_rerun=True"):
        operator().execute(context())
    bigquery.jobs[job_id]["looks"] = 9
    with pytest.raises(
        AirflowException, match=r"is there already, and is RUNNING; .* add 'RUNNING' to reattach_states"
    ):
        operator().execute(context())
    bigquery.jobs[job_id]["looks"] = 3
    assert operator(reattach_states={"RUNNING"}).execute(context()) == job_id


def test_an_answer_that_was_lost_does_no_harm(bigquery: FakeBigQuery) -> None:
    store: dict[str, Any] = {}
    operator = make(BigQueryInsertJobOperator, configuration=QUERY)

    class Losing(BigQueryHook):
        def insert_job(self, *arguments: Any, **options: Any) -> Any:
            super().insert_job(*arguments, **options)
            return super().insert_job(*arguments, **options)

    operator.hook = Losing()
    assert operator.execute(context(store)) == store["bigquery_job_id"]
    assert bigquery.insertions == 1


def test_a_deferred_job_is_waited_for_by_its_trigger(bigquery: FakeBigQuery) -> None:
    bigquery.looks_until_done = 1
    operator = make(BigQueryInsertJobOperator, configuration=QUERY, deferrable=True)
    store: dict[str, Any] = {}
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context(store))
    trigger = deferred.value.trigger
    path, arguments = trigger.serialize()
    assert path == "sailplane.triggers.bigquery.BigQueryInsertJobTrigger"
    event = first_event(type(trigger)(**arguments))
    job_id = store["bigquery_job_id"]
    assert event.payload == {"status": "success", "message": "Job completed", "job_id": job_id}
    assert operator.execute_complete(context(store), event.payload) == job_id
    lose_the_end(store)
    assert operator.execute(context(store, 2)) == job_id
    bigquery.jobs[job_id]["error"] = {"reason": "x", "message": "broken"}
    failed = first_event(trigger).payload
    with pytest.raises(AirflowException, match="broken"):
        operator.execute_complete(context(store), failed)


def first_event(trigger: Any) -> TriggerEvent:
    import asyncio

    async def first() -> TriggerEvent:
        async for event in trigger.run():
            return event
        raise AssertionError("the trigger fired nothing")

    return asyncio.run(first())


def test_a_job_in_another_region_is_found_by_its_location(bigquery: FakeBigQuery) -> None:
    bigquery.location, bigquery.looks_until_done = "europe-west1", 2
    store: dict[str, Any] = {}
    job_id = make(BigQueryInsertJobOperator, configuration=QUERY).execute(context(store))
    assert store["bigquery_job_id"] == f"europe-west1.{job_id}"
    for deferrable in (False, True):
        lose_the_end(store)
        again = make(BigQueryInsertJobOperator, configuration=QUERY, deferrable=deferrable)
        assert again.execute(context(store, 2)) == job_id
    waiting = make(BigQueryInsertJobOperator, configuration=QUERY, deferrable=True)
    check = make(BigQueryValueCheckOperator, sql="SELECT 7", pass_value=7, deferrable=True)
    for operator in (waiting, check):
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(context({}))
        event = first_event(deferred.value.trigger)
        operator.execute_complete(context(), event.payload, **(deferred.value.kwargs or {}))
    waiting.on_kill()
    assert len(bigquery.cancelled) == 1
    assert bigquery.insertions == 3


def test_a_task_that_is_stopped_cancels_its_job(bigquery: FakeBigQuery) -> None:
    operator = make(BigQueryInsertJobOperator, configuration=QUERY)
    operator.on_kill()
    job_id = operator.submit_job(context())
    operator.on_kill()
    make(BigQueryInsertJobOperator, configuration=QUERY, cancel_on_kill=False).on_kill()
    assert bigquery.cancelled == [job_id]
    BigQueryHook().cancel_job("gone")


def test_objects_are_loaded_and_tables_written_and_copied(bigquery: FakeBigQuery) -> None:
    bigquery.objects = {"gs://b/1.csv": "id,name\n7,low\n"}
    greatest = run(
        GCSToBigQueryOperator,
        bucket="b",
        source_objects="1.csv",
        destination_project_dataset_table="d.loaded",
        skip_leading_rows=1,
        schema_fields=SCHEMA["fields"],
        max_id_key="id",
    )
    assert str(greatest) == "7"
    run(
        BigQueryToBigQueryOperator,
        source_project_dataset_tables=["p.d.t", "d.loaded"],
        destination_project_dataset_table="p:d.all",
    )
    assert bigquery.tables["d.all"].rows == [[1, "far"], [2, "high"], [7, "low"]]
    uris = run(
        BigQueryToGCSOperator, source_project_dataset_table="d.all", destination_cloud_storage_uris=["gs://b/all.csv"]
    )
    assert uris == ["gs://b/all.csv"]
    assert bigquery.objects["gs://b/all.csv"] == "id,name\n1,far\n2,high\n7,low\n"


def test_a_load_says_only_what_its_format_knows(bigquery: FakeBigQuery) -> None:
    operator = make(
        GCSToBigQueryOperator,
        bucket="b",
        source_objects=["1", "2"],
        destination_project_dataset_table="d.t",
        source_format="parquet",
        time_partitioning={"type": "DAY"},
        cluster_fields=["id"],
        labels={"team": "sky"},
        extra_config={"maxBadRecords": 3},
    )
    assert operator.job_configuration() == {
        "load": {
            "createDisposition": "CREATE_IF_NEEDED",
            "writeDisposition": "WRITE_EMPTY",
            "timePartitioning": {"type": "DAY"},
            "clustering": {"fields": ["id"]},
            "destinationTableProperties": {"labels": {"team": "sky"}},
            "autodetect": True,
            "destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"},
            "sourceFormat": "PARQUET",
            "sourceUris": ["gs://b/1", "gs://b/2"],
            "maxBadRecords": 3,
        }
    }
    with pytest.raises(ValueError, match="source_format is 'txt'; it may be CSV, "):
        make(
            GCSToBigQueryOperator,
            bucket="b",
            source_objects="1",
            destination_project_dataset_table="d.t",
            source_format="txt",
        )


def test_rows_are_read_from_tables_and_jobs(bigquery: FakeBigQuery) -> None:
    assert run(BigQueryGetDataOperator, dataset_id="d", table_id="t") == [[1, "far"], [2, "high"]]
    assert run(BigQueryGetDataOperator, dataset_id="d", table_id="t", max_results=1, selected_fields="name") == [
        ["far"]
    ]
    job_id = run(BigQueryInsertJobOperator, configuration=QUERY)
    assert run(BigQueryGetDataOperator, job_id=job_id, as_dict=True) == [{"a": 1, "b": "x"}]
    with pytest.raises(AirflowException, match="takes job_id or table_id: one, and not both"):
        run(BigQueryGetDataOperator, dataset_id="d", table_id="t", job_id="j")


def test_checks_judge_the_first_row(bigquery: FakeBigQuery) -> None:
    run(BigQueryCheckOperator, sql="SELECT 1, 'x'", labels={"a": "b"})
    assert next(iter(bigquery.jobs.values()))["configuration"]["labels"] == {"a": "b"}
    with pytest.raises(AirflowException, match=r"the check of task 'land' failed with \(1, 0\)"):
        run(BigQueryCheckOperator, sql="SELECT 1, 0", use_legacy_sql=False)
    with pytest.raises(AirflowException, match="gave no row"):
        run(BigQueryCheckOperator, sql="SELECT id FROM `d.t` WHERE id > 5", use_legacy_sql=False)
    run(BigQueryValueCheckOperator, sql="SELECT COUNT(*) FROM `p.d.t`", pass_value=2, use_legacy_sql=False)
    run(BigQueryValueCheckOperator, sql="SELECT 105", pass_value="100", tolerance=0.05)
    with pytest.raises(AirflowException, match=r"gave \(106,\) instead of 100, give or take 5.0%"):
        run(BigQueryValueCheckOperator, sql="SELECT 106", pass_value="100", tolerance=0.05)


def test_a_deferred_check_judges_when_its_statement_has_ended(bigquery: FakeBigQuery) -> None:
    check = make(BigQueryValueCheckOperator, sql="SELECT 7", pass_value=8, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        check.execute(context())
    event = first_event(deferred.value.trigger)
    with pytest.raises(AirflowException, match=r"gave \(7,\) instead of 8"):
        check.execute_complete(context(), event.payload)
    broken = {"status": "error", "message": "no lift", "job_id": "j"}
    with pytest.raises(AirflowException, match="no lift"):
        check.execute_complete(context(), broken)


def test_a_check_takes_parameters_of_standard_sql(bigquery: FakeBigQuery) -> None:
    parameter = {"name": "n", "parameterType": {"type": "INT64"}, "parameterValue": {"value": "2"}}
    hook = make(BigQueryCheckOperator, sql="SELECT 1", use_legacy_sql=False, query_params=[parameter]).get_db_hook()
    assert hook.api_resource_configs == {"query": {"queryParameters": [parameter]}}


def test_bigquery_is_a_database_as_others(bigquery: FakeBigQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BQ", '{"conn_type": "gcpbigquery", "extra": {"use_legacy_sql": false}}')
    rows = run(SQLExecuteQueryOperator, conn_id="bq", sql="SELECT id, name FROM `d.t`")
    assert rows == [(1, "far"), (2, "high")]
    hook = BigQueryHook(use_legacy_sql=False)
    assert hook.get_first("SELECT name FROM `d.t` WHERE id = %(n)s", {"n": 2}) == ("high",)


def test_tables_and_datasets_are_made_changed_and_deleted(bigquery: FakeBigQuery) -> None:
    run(BigQueryCreateEmptyDatasetOperator, dataset_id="new", location="EU")
    assert bigquery.datasets["new"]["location"] == "EU"
    create = {"dataset_id": "new", "table_id": "n", "table_resource": {"schema": SCHEMA}}
    run(BigQueryCreateTableOperator, **create)
    run(BigQueryCreateTableOperator, **create)
    run(BigQueryCreateTableOperator, **create, if_exists="ignore")
    with pytest.raises(AirflowException, match=r"task 'land': table new\.n already exists"):
        run(BigQueryCreateTableOperator, **create, if_exists="fail")
    with pytest.raises(AirflowSkipException, match="dataset new already exists"):
        run(BigQueryCreateEmptyDatasetOperator, dataset_id="new", if_exists="skip")
    updated = run(
        BigQueryUpdateTableOperator, dataset_id="new", table_id="n", table_resource={"description": "what is new"}
    )
    assert updated["description"] == "what is new"
    (listed,) = run(BigQueryGetDatasetTablesOperator, dataset_id="new")
    assert listed["tableId"] == "n"
    assert BigQueryHook().get_schema("new", "n")["fields"][0]["name"] == "id"
    run(BigQueryDeleteTableOperator, deletion_dataset_table="new.n")
    run(BigQueryDeleteTableOperator, deletion_dataset_table="new.n", ignore_if_missing=True)
    with pytest.raises(AirflowException, match=r"there is no table new\.n; ignore_if_missing=True would pass"):
        run(BigQueryDeleteTableOperator, deletion_dataset_table="new.n")
    run(BigQueryDeleteDatasetOperator, dataset_id="new", delete_contents=True)
    assert "new" not in bigquery.datasets


def test_a_table_is_held_against_checks(bigquery: FakeBigQuery) -> None:
    run(
        BigQueryColumnCheckOperator,
        table="`d.t`",
        column_mapping={"id": {"max": {"equal_to": 2}}},
        use_legacy_sql=False,
    )
    with pytest.raises(AirflowException, match=r"not true of the table `d\.t`: few \(id < 2\)"):
        run(
            BigQueryTableCheckOperator,
            table="`d.t`",
            checks={"few": {"check_statement": "id < 2"}, "some": {"check_statement": "id > 0"}},
            use_legacy_sql=False,
        )
    interval = make(BigQueryIntervalCheckOperator, table="d.t", metrics_thresholds={"MAX(id)": 2}, days_back=1)
    assert interval.sql2 == "SELECT MAX(id) FROM d.t WHERE ds='{{ macros.ds_add(ds, -1) }}'"


def test_a_table_is_made_or_changed_to_what_it_should_be(bigquery: FakeBigQuery) -> None:
    resource = {"tableReference": {"tableId": "u"}, "schema": SCHEMA}
    for words in ("first", "second"):
        made = run(BigQueryUpsertTableOperator, dataset_id="d", table_resource={**resource, "description": words})
        assert made["description"] == words
    updates = [{"name": "id", "description": "of the flight"}, {"name": "pilot", "type": "STRING", "policyTags": {}}]
    updated = run(BigQueryUpdateTableSchemaOperator, dataset_id="d", table_id="u", schema_fields_updates=updates)
    fields = {field["name"]: field for field in updated["schema"]["fields"]}
    assert list(fields) == ["id", "name", "pilot"]
    assert (fields["id"]["description"], "policyTags" in fields["pilot"]) == ("of the flight", False)
    assert run(BigQueryGetDatasetOperator, dataset_id="d")["datasetReference"]["datasetId"] == "d"


def test_a_data_frame_needs_an_extra_of_its_own(bigquery: FakeBigQuery) -> None:
    with pytest.raises(AirflowException, match=r"get_df needs (pandas|db-dtypes), .* 'sailplane\[bigquery-pandas\]'"):
        BigQueryHook().get_df("SELECT 1")
    with pytest.raises(AirflowException, match="makes data frames of pandas, not of 'polars'"):
        BigQueryHook().get_df("SELECT 1", df_type="polars")


def test_rows_are_streamed(bigquery: FakeBigQuery) -> None:
    hook = BigQueryHook()
    hook.insert_all(None, "d", "t", [{"id": 3, "name": "wide"}])
    assert bigquery.tables["d.t"].rows[-1] == ["3", "wide"]
    with pytest.raises(AirflowException, match=r"1 rows were refused by d\.t"):
        hook.insert_all(None, "d", "t", [{"wrong": 1}], fail_on_error=True)


def test_a_sensor_waits_for_a_table(bigquery: FakeBigQuery) -> None:
    there = make(BigQueryTableExistenceSensor, project_id="p", dataset_id="d", table_id="t")
    missing = make(BigQueryTableExistenceSensor, project_id="p", dataset_id="d", table_id="u", deferrable=True)
    assert there.poke({})
    assert not missing.poke({})
    with pytest.raises(TaskDeferred) as deferred:
        missing.execute(context())
    bigquery.tables["d.u"] = table("u", [])
    trigger = deferred.value.trigger
    event = first_event(type(trigger)(**trigger.serialize()[1]))
    assert missing.execute_complete({}, event.payload) == "success"


NAMES = [
    ("d.t", ("mine", "d", "t")),
    ("p.d.t", ("p", "d", "t")),
    ("p:d.t", ("p", "d", "t")),
    ("example.com:p:d.t", ("example.com:p", "d", "t")),
    ("example.com:p.d.t", ("example.com:p", "d", "t")),
]


@pytest.mark.parametrize(("text", "parts"), NAMES, ids=[text for text, _ in NAMES])
def test_the_names_of_tables_are_read_in_all_their_forms(text: str, parts: tuple[str, str, str]) -> None:
    assert BigQueryHook().split_tablename(text, "mine") == parts


@pytest.mark.parametrize("text", ["t", "a.b.c.d", "d.", "p:t"])
def test_what_names_no_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"names no table: it must be \[project\.\]dataset\.table"):
        BigQueryHook().split_tablename(text, "mine")
