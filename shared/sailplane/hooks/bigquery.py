"""BigQuery for tasks. `BIGQUERY_EMULATOR_HOST` leads to an emulator; needs `sailplane[bigquery]`."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.bigquery_tables import BigQueryTables, bigquery
from sailplane.hooks.extras import load_extra
from sailplane.hooks.google import DEFAULT_CONNECTION, google_errors
from sailplane.hooks.sql import DbApiHook, Handler, Parameters

_KINDS = {"load": "LoadJob", "copy": "CopyJob", "extract": "ExtractJob", "query": "QueryJob"}
"""What a job's configuration has -> the class of such jobs."""
_DEFAULTS = ("use_legacy_sql", "location", "priority", "api_resource_configs", "labels")
"""Arguments that the Connection's extra may have too."""


class BigQueryHook(BigQueryTables, DbApiHook):
    """Jobs, tables and datasets of BigQuery, and SQL as of any other database.

    SQL that is not run by `insert_job` is legacy SQL unless `use_legacy_sql=False` says otherwise, as in Airflow.
    """

    conn_type = "gcpbigquery"
    conn_name_attr = "gcp_conn_id"
    default_conn_name = "google_cloud_bigquery_default"
    hook_name = "Google Bigquery"

    def __init__(
        self,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        impersonation_chain: str | Sequence[str] | None = None,
        *,
        use_legacy_sql: bool | None = None,
        location: str | None = None,
        priority: str | None = None,
        api_resource_configs: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        impersonation_scopes: str | Sequence[str] | None = None,
        project_id: str | None = None,
        quota_project_id: str | None = None,
    ) -> None:
        BigQueryTables.__init__(
            self, gcp_conn_id, impersonation_chain, project_id=project_id, quota_project_id=quota_project_id
        )
        given = dict(zip(_DEFAULTS, (use_legacy_sql, location, priority, api_resource_configs, labels), strict=True))
        known: dict[str, Any] = {
            name: self.extras.get(name) if value is None else value for name, value in given.items()
        }
        self.use_legacy_sql = True if known["use_legacy_sql"] is None else bool(known["use_legacy_sql"])
        self.impersonation_scopes = impersonation_scopes
        self.location, self.priority = known["location"], known["priority"] or "INTERACTIVE"
        self.api_resource_configs, self.labels = dict(known["api_resource_configs"] or {}), known["labels"]

    @property
    def scopes(self) -> Sequence[str]:
        given = self.impersonation_scopes
        if not (self.chain and given):
            return super().scopes
        return given.split(",") if isinstance(given, str) else given

    def get_conn(self) -> Any:
        """A connection of Google's DB-API."""
        dbapi = bigquery(".dbapi")
        client = self.new_client()
        client.default_query_job_config = bigquery().QueryJobConfig.from_api_repr(self.query_configuration())
        return dbapi.connect(client, prefer_bqstorage_client=False)

    def query_configuration(self, sql: str | None = None) -> dict[str, Any]:
        """A query job as the hook's own settings have it, in the words of the REST API."""
        options = {"useLegacySql": self.use_legacy_sql, "priority": self.priority, **({"query": sql} if sql else {})}
        query = {**options, **self.api_resource_configs.get("query", {})}
        return {**self.api_resource_configs, "query": query, **({"labels": self.labels} if self.labels else {})}

    def run(
        self,
        sql: str | Iterable[str],
        autocommit: bool = False,
        parameters: Parameters = None,
        handler: Handler | None = None,
        split_statements: bool = False,
        return_last: bool = True,
    ) -> Any:
        """Run one statement or several; `handler` makes their results. There are no transactions."""
        wrapped = None if handler is None else lambda cursor: _plain(handler(cursor))
        return super().run(sql, True, parameters, wrapped, split_statements, return_last)

    def set_autocommit(self, connection: Any, autocommit: bool) -> None:
        """Nothing: each statement is a job of its own."""

    def get_df(
        self, sql: str, parameters: Parameters = None, dialect: str | None = None, *, df_type: str = "pandas", **_: Any
    ) -> Any:
        """What the query gives as a data frame of pandas: needs `sailplane[bigquery-pandas]`."""
        if df_type != "pandas":
            raise AirflowException(f"BigQueryHook makes data frames of pandas, not of {df_type!r}")
        legacy = self.use_legacy_sql if dialect is None else dialect == "legacy"
        config = bigquery().QueryJobConfig(use_legacy_sql=legacy)
        if parameters:
            raise AirflowException("get_df takes no parameters; use get_records, or insert_job with queryParameters")
        for module, package in (("pandas", "pandas"), ("db_dtypes", "db-dtypes")):
            load_extra(module, package=package, extra="bigquery-pandas", user="BigQueryHook.get_df")
        return self.get_client().query(sql, job_config=config).to_dataframe(create_bqstorage_client=False)

    def insert_job(
        self,
        configuration: Mapping[str, Any],
        job_id: str | None = None,
        project_id: str | None = None,
        location: str | None = None,
        nowait: bool = False,
        retry: Any = None,
        timeout: float | None = None,
    ) -> Any:
        """Google's job, begun as `configuration`, a dict of the REST API, says; ended, unless `nowait`.

        Raises Google's `Conflict` when there is a job with this id, and `AirflowException` when the job failed.
        """
        kind = next((name for name in _KINDS if name in configuration), None)
        if kind is None:
            raise AirflowException(
                f"the configuration of a BigQuery job must have one of {', '.join(_KINDS)}; it has "
                f"{', '.join(name for name in configuration if name != 'labels') or 'nothing'}"
            )
        client = self.get_client(project_id, location)
        reference = {"jobId": job_id or str(uuid.uuid4()), "projectId": client.project, "location": client.location}
        resource = {"configuration": dict(configuration), "jobReference": reference}
        job = getattr(bigquery(), _KINDS[kind]).from_api_repr(resource, client)
        with _in_words(f"BigQuery job {job.job_id}"):
            job._begin()
        if not nowait:
            self.wait_for(job, timeout=timeout, retry=retry)
        return job

    def wait_for(self, job: Any, timeout: float | None = None, retry: Any = None) -> None:
        """Wait until the job has ended. Raises `AirflowException` when it failed, or `timeout` seconds are over."""
        options = {"retry": retry} if retry is not None else {}
        with _in_words(f"BigQuery job {job.job_id}"):
            job.result(timeout=timeout, **options)
        self.check(job)

    def check(self, job: Any) -> None:
        """Raises `AirflowException` when the job has not succeeded."""
        for error in job.errors or ():
            self.log.error("BigQuery job error: %s", error)
        if job.error_result:
            raise AirflowException(f"BigQuery job {job.job_id} failed: {job.error_result}")
        if job.state != "DONE":
            raise AirflowException(f"BigQuery job {job.job_id} is {job.state}")

    def get_job(self, job_id: str, project_id: str | None = None, location: str | None = None) -> Any:
        """Google's job. Raises Google's `NotFound` when there is none."""
        return self.get_client(project_id, location).get_job(job_id)

    def poll_job_complete(self, job_id: str, project_id: str | None = None, location: str | None = None) -> bool:
        """True when the job has ended."""
        return bool(self.get_job(job_id, project_id, location).done(reload=False))

    def cancel_job(self, job_id: str, project_id: str | None = None, location: str | None = None) -> None:
        """Ask BigQuery to end the job; nothing happens when it has ended, or there is none."""
        try:
            self.get_client(project_id, location).cancel_job(job_id)
        except google_errors().NotFound:
            self.log.info("There is no BigQuery job %s to cancel", job_id)

    def get_query_results(
        self,
        job_id: str,
        location: str | None = None,
        max_results: int | None = None,
        selected_fields: Sequence[str] | str | None = None,
        project_id: str | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of a query job that has ended."""
        job = self.get_job(job_id, project_id, location)
        if job.job_type != "query":
            raise AirflowException(f"BigQuery job {job_id} is no query, but of the type {job.job_type}")
        if job.state != "DONE":
            raise AirflowException(f"BigQuery job {job_id} is {job.state}: its results cannot be read yet")
        names = selected_fields.split(",") if isinstance(selected_fields, str) else selected_fields
        wanted = {name.strip() for name in names} if names else None
        rows = [dict(row) for row in job.result(max_results=max_results)]
        return [{name: value for name, value in row.items() if wanted is None or name in wanted} for row in rows]

    def generate_job_id(
        self,
        job_id: str | None,
        dag_id: str,
        task_id: str,
        logical_date: datetime | None,
        configuration: Mapping[str, Any],
        run_after: datetime | None = None,
        force_rerun: bool = False,
        try_number: int | None = None,
    ) -> str:
        """An id that says whose job it is; it follows from the configuration, unless `force_rerun` makes a new one."""
        base = str(uuid.uuid4()) if force_rerun else json.dumps(configuration, sort_keys=True, default=str)
        unique = hashlib.md5(base.encode(), usedforsecurity=False).hexdigest()
        if job_id:
            return f"{job_id}_{unique}"
        moment = logical_date or run_after or datetime.now(UTC)
        attempt = f"_{try_number}" if try_number else ""
        return re.sub(r"[:\-+.]", "_", f"airflow_{dag_id}_{task_id}_{moment.isoformat()}_{unique}{attempt}")


@contextmanager
def _in_words(what: str) -> Any:
    """Google's error of a job that failed as `AirflowException`; `Conflict` stays: it says that the job is there."""
    errors = google_errors()
    try:
        yield
    except errors.Conflict:
        raise
    except errors.GoogleAPICallError as error:
        # Alone: the calls that led there say nothing to whoever wrote the statement.
        told = "; ".join(each["message"] for each in error.errors if each.get("message"))
        raise AirflowException(f"{what} failed: {told or error.message}") from None
    except TimeoutError as error:
        raise AirflowException(f"{what} has not ended in time: {error}") from error


def _plain(result: Any) -> Any:
    """Google's rows as tuples, alone or in a list."""
    if isinstance(result, list):
        return [_plain(each) for each in result]
    return tuple(result.values()) if type(result).__name__ == "Row" else result
