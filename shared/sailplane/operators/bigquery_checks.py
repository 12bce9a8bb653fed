"""Tasks that look at what is in BigQuery."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.bigquery import BigQueryHook
from sailplane.hooks.google import DEFAULT_CONNECTION
from sailplane.hooks.sql import DbApiHook
from sailplane.operators.google import GoogleOperator
from sailplane.operators.sql import SQLCheckOperator, SQLValueCheckOperator


class _BigQueryCheck:
    """The hook of checks, whose statement runs as a job of its own."""

    gcp_conn_id: str
    impersonation_chain: str | Sequence[str] | None
    sql: str

    def _set_bigquery(
        self,
        gcp_conn_id: str,
        impersonation_chain: str | Sequence[str] | None,
        **options: Any,
    ) -> None:
        self.gcp_conn_id, self.impersonation_chain = gcp_conn_id, impersonation_chain
        self._options = {name: value for name, value in options.items() if value is not None}

    def bigquery_hook(self) -> BigQueryHook:
        return BigQueryHook(self.gcp_conn_id, self.impersonation_chain, **self._options)


class BigQueryCheckOperator(_BigQueryCheck, SQLCheckOperator):
    """Fails unless the first row that `sql` gives is there and has only true values.

    `query_params` are the REST API's queryParameters, for standard SQL.
    """

    template_fields: Sequence[str] = ("sql", "gcp_conn_id", "impersonation_chain", "labels", "query_params")
    template_ext: Sequence[str] = (".sql",)
    ui_color = "#c0d7ff"

    def __init__(
        self,
        *,
        sql: str,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        project_id: str | None = None,
        use_legacy_sql: bool | None = None,
        location: str | None = None,
        impersonation_chain: str | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        query_params: Sequence[Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(sql=sql, **{"conn_id": gcp_conn_id, **kwargs})
        self.labels, self.query_params = labels, query_params
        self._set_bigquery(
            gcp_conn_id, impersonation_chain, project_id=project_id, use_legacy_sql=use_legacy_sql, location=location
        )

    def get_db_hook(self) -> DbApiHook:
        hook = self.bigquery_hook()
        hook.labels = self.labels or hook.labels
        if self.query_params:
            query = {**hook.api_resource_configs.get("query", {}), "queryParameters": list(self.query_params)}
            hook.api_resource_configs = {**hook.api_resource_configs, "query": query}
        return hook


class BigQueryValueCheckOperator(_BigQueryCheck, SQLValueCheckOperator):
    """Fails unless all values of the first row that `sql` gives are `pass_value`, or near enough to it."""

    template_fields: Sequence[str] = ("sql", "gcp_conn_id", "pass_value", "impersonation_chain", "labels")
    template_ext: Sequence[str] = (".sql",)
    ui_color = "#c0d7ff"

    def __init__(
        self,
        *,
        sql: str,
        pass_value: Any,
        tolerance: Any = None,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        project_id: str | None = None,
        use_legacy_sql: bool | None = None,
        location: str | None = None,
        impersonation_chain: str | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(sql=sql, pass_value=pass_value, tolerance=tolerance, **{"conn_id": gcp_conn_id, **kwargs})
        self.labels = labels
        self._set_bigquery(
            gcp_conn_id, impersonation_chain, project_id=project_id, use_legacy_sql=use_legacy_sql, location=location
        )

    def get_db_hook(self) -> DbApiHook:
        hook = self.bigquery_hook()
        hook.labels = self.labels or hook.labels
        return hook


class BigQueryGetDataOperator(GoogleOperator):
    """Returns rows of a table, or of the query job `job_id`: lists of values, or dicts with `as_dict`."""

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
