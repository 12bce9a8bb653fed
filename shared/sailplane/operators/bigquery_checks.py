"""Tasks that look at what is in BigQuery."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.configuration import default_deferrable
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.bigquery import BigQueryHook
from sailplane.hooks.google import DEFAULT_CONNECTION
from sailplane.operators.google import GoogleOperator
from sailplane.operators.sql import BaseSQLOperator, SQLCheckOperator, SQLValueCheckOperator
from sailplane.operators.sql_checks import SQLColumnCheckOperator, SQLIntervalCheckOperator, SQLTableCheckOperator
from sailplane.triggers.bigquery import BigQueryInsertJobTrigger


class _AskingBigQuery(BaseSQLOperator):
    """A check whose statements are jobs of BigQuery."""

    ui_color = "#c0d7ff"

    def __init__(
        self,
        *,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        project_id: str | None = None,
        use_legacy_sql: bool | None = None,
        location: str | None = None,
        impersonation_chain: str | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        encryption_configuration: Mapping[str, Any] | None = None,
        query_params: Sequence[Mapping[str, Any]] | None = None,
        deferrable: bool | None = None,
        poll_interval: float = 4.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"conn_id": gcp_conn_id, **kwargs})
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain
        self.project_id, self.use_legacy_sql, self.location = project_id, use_legacy_sql, location
        self.labels, self.query_params, self.encryption_configuration = labels, query_params, encryption_configuration
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.poll_interval = poll_interval

    def get_db_hook(self) -> BigQueryHook:
        query = {
            "queryParameters": list(self.query_params or ()),
            "destinationEncryptionConfiguration": self.encryption_configuration,
        }
        hook = BigQueryHook(
            self.gcp_conn_id,
            self.impersonation_chain,
            project_id=self.project_id,
            use_legacy_sql=self.use_legacy_sql,
            location=self.location,
            labels=self.labels,
        )
        wanted = {name: value for name, value in query.items() if value}
        known = hook.api_resource_configs
        hook.api_resource_configs = {**known, "query": {**known.get("query", {}), **wanted}} if wanted else known
        return hook


class _BigQueryCheck(_AskingBigQuery):
    """A check of one statement. With `deferrable=True` no worker is held while that runs."""

    sql: str
    judge: Callable[[Any], None]

    def execute(self, context: Mapping[str, Any]) -> None:
        if not self.deferrable:
            super().execute(context)
            return
        hook = self.get_db_hook()
        job = hook.insert_job(hook.query_configuration(self.sql), nowait=True)
        trigger = BigQueryInsertJobTrigger(
            conn_id=self.gcp_conn_id,
            job_id=job.job_id,
            project_id=self.project_id,
            location=job.location,
            poll_interval=self.poll_interval,
            impersonation_chain=self.impersonation_chain,
        )
        place = {"location": job.location}
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=place, timeout=self.execution_timeout)

    def execute_complete(
        self, context: Mapping[str, Any], event: Mapping[str, Any], location: str | None = None
    ) -> None:
        """What follows when the statement has ended."""
        if event["status"] != "success":
            raise AirflowException(event["message"])
        rows = self.get_db_hook().get_query_results(event["job_id"], location, max_results=1)
        self.judge(tuple(rows[0].values()) if rows else None)


class BigQueryCheckOperator(_BigQueryCheck, SQLCheckOperator):
    """Fails unless the first row that `sql` gives is there and has only true values.

    `query_params` are the REST API's queryParameters, for standard SQL.
    """

    template_fields: Sequence[str] = ("sql", "gcp_conn_id", "impersonation_chain", "labels", "query_params")
    template_ext: Sequence[str] = (".sql",)


class BigQueryValueCheckOperator(_BigQueryCheck, SQLValueCheckOperator):
    """Fails unless all values of the first row that `sql` gives are `pass_value`, or near enough to it."""

    template_fields: Sequence[str] = ("sql", "gcp_conn_id", "pass_value", "impersonation_chain", "labels")
    template_ext: Sequence[str] = (".sql",)


class BigQueryIntervalCheckOperator(_AskingBigQuery, SQLIntervalCheckOperator):
    """Fails when a metric of the run's day is too far from that of `days_back` days before."""

    template_fields: Sequence[str] = ("table", "gcp_conn_id", "sql1", "sql2", "impersonation_chain", "labels")


class BigQueryColumnCheckOperator(_AskingBigQuery, SQLColumnCheckOperator):
    """Fails unless each column of the table is as `column_mapping` says."""

    template_fields: Sequence[str] = ("table", "partition_clause", "gcp_conn_id", "impersonation_chain", "labels")


class BigQueryTableCheckOperator(_AskingBigQuery, SQLTableCheckOperator):
    """Fails unless each check is true of all rows of the table."""

    template_fields: Sequence[str] = ("table", "partition_clause", "gcp_conn_id", "impersonation_chain", "labels")


class BigQueryGetDataOperator(GoogleOperator):
    """Returns rows of a table, or of the query job `job_id`: lists of values, or dicts with `as_dict`.

    It waits for nothing, and so does not defer, whatever `deferrable` says.
    """

    template_fields: Sequence[str] = (
        "dataset_id",
        "table_id",
        "table_project_id",
        "job_id",
        "job_project_id",
        "project_id",
        "max_results",
        "selected_fields",
        "gcp_conn_id",
        "impersonation_chain",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {}
    ui_color = "#5f86ff"

    def __init__(
        self,
        *,
        dataset_id: str | None = None,
        table_id: str | None = None,
        table_project_id: str | None = None,
        job_id: str | None = None,
        job_project_id: str | None = None,
        project_id: str | None = None,
        max_results: int = 100,
        selected_fields: str | None = None,
        location: str | None = None,
        as_dict: bool = False,
        use_legacy_sql: bool | None = None,
        encryption_configuration: Mapping[str, Any] | None = None,
        deferrable: bool = False,
        poll_interval: float = 4.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id, self.table_id = dataset_id, table_id
        self.table_project_id, self.job_project_id, self.project_id = table_project_id, job_project_id, project_id
        self.job_id, self.max_results, self.selected_fields = job_id, max_results, selected_fields
        self.location, self.as_dict = location, as_dict

    def execute(self, context: Mapping[str, Any]) -> list[Any]:
        rows = self._rows(BigQueryHook(**self.hook_arguments(), location=self.location))
        self.log.info("Total extracted rows: %s", len(rows))
        return [row if self.as_dict else list(row.values()) for row in rows]

    def _rows(self, hook: BigQueryHook) -> list[dict[str, Any]]:
        limit = int(self.max_results)
        if bool(self.job_id) == bool(self.table_id):
            raise AirflowException(f"task {self.task_id!r} takes job_id or table_id: one, and not both")
        if self.job_id:
            return hook.get_query_results(
                self.job_id, self.location, limit, self.selected_fields, self.job_project_id or self.project_id
            )
        if not self.dataset_id or not self.table_id:
            raise AirflowException(f"task {self.task_id!r} needs dataset_id beside table_id")
        project = self.table_project_id or self.project_id
        rows = hook.list_rows(self.dataset_id, self.table_id, limit, self.selected_fields, project_id=project)
        return [dict(row) for row in rows]
