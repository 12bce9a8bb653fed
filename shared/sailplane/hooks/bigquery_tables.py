"""Datasets, tables and their rows in BigQuery."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.extras import load_extra
from sailplane.hooks.google import GoogleBaseHook, google_errors


def bigquery(part: str = "") -> Any:
    """Google's package, or a part of it. Raises `MissingExtra`, which says how to install it."""
    return load_extra(
        f"google.cloud.bigquery{part}", package="google-cloud-bigquery", extra="bigquery", user="BigQueryHook"
    )


class BigQueryTables(GoogleBaseHook):
    """The part of `BigQueryHook` that knows no jobs. Where no project is given, the hook's is meant."""

    emulator_variable = "BIGQUERY_EMULATOR_HOST"
    location: str | None = None

    @cached_property
    def _clients(self) -> dict[tuple[str, str | None], Any]:
        """By project and location: each holds connections to Google."""
        return {}

    def get_client(self, project_id: str | None = None, location: str | None = None) -> Any:
        """Google's `bigquery.Client`, always the same for a project and location."""
        place = self.project(project_id), location or self.location
        if place not in self._clients:
            self._clients[place] = self.new_client(*place)
        return self._clients[place]

    def new_client(self, project_id: str | None = None, location: str | None = None) -> Any:
        """A `bigquery.Client` of one's own, to be changed at will."""
        return bigquery().Client(
            project=self.project(project_id), location=location or self.location, credentials=self.get_credentials()
        )

    def table_exists(self, dataset_id: str, table_id: str, project_id: str | None = None) -> bool:
        try:
            self._table(project_id, dataset_id, table_id)
        except google_errors().NotFound:
            return False
        return True

    def table_partition_exists(
        self, dataset_id: str, table_id: str, partition_id: str, project_id: str | None = None
    ) -> bool:
        """True when the table is there and has that partition."""
        client = self.get_client(project_id)
        try:
            return partition_id in client.list_partitions(f"{client.project}.{dataset_id}.{table_id}")
        except google_errors().NotFound:
            return False

    def create_table(
        self,
        dataset_id: str,
        table_id: str,
        table_resource: Any,
        location: str | None = None,
        project_id: str | None = None,
        exists_ok: bool = True,
        schema_fields: Sequence[Mapping[str, Any]] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Google's `Table`, made empty as `table_resource`, a dict of the REST API, says.

        Raises Google's `Conflict` when it is there already, unless `exists_ok`.
        """
        given = dict(table_resource) if isinstance(table_resource, Mapping) else table_resource.to_api_repr()
        if "tableId" in given:  # A reference alone.
            given = {"tableReference": given}
        if schema_fields:
            given["schema"] = {"fields": list(schema_fields)}
        reference = self._reference(project_id, dataset_id, table_id) | given.get("tableReference", {})
        table = bigquery().Table.from_api_repr({**given, "tableReference": reference})
        client = self.get_client(project_id, location)
        return client.create_table(table, exists_ok=exists_ok, timeout=timeout)

    def update_table(
        self,
        table_resource: Mapping[str, Any],
        fields: Sequence[str] | None = None,
        dataset_id: str | None = None,
        table_id: str | None = None,
        project_id: str | None = None,
    ) -> dict[str, Any]:
        """Change these `fields` of the table, all that `table_resource` has unless given; its new resource."""
        given = dict(table_resource)
        known = self._reference(project_id, dataset_id, table_id) | given.get("tableReference", {})
        changed = list(fields or [name for name in given if name != "tableReference"])
        table = bigquery().Table.from_api_repr({**given, "tableReference": known})
        updated: dict[str, Any] = self.get_client(project_id).update_table(table, changed).to_api_repr()
        return updated

    def delete_table(self, table_id: str, not_found_ok: bool = True, project_id: str | None = None) -> None:
        """Delete the table `[project.]dataset.table`. Raises Google's `NotFound` unless `not_found_ok`."""
        self.get_client(project_id).delete_table(table_id, not_found_ok=not_found_ok)

    def create_empty_dataset(
        self,
        dataset_id: str | None = None,
        project_id: str | None = None,
        location: str | None = None,
        dataset_reference: Mapping[str, Any] | None = None,
        exists_ok: bool = True,
    ) -> dict[str, Any]:
        """Create the dataset as `dataset_reference`, a dict of the REST API, says; its resource.

        Raises Google's `Conflict` when it is there already, unless `exists_ok`.
        """
        given = dict(dataset_reference or {})
        named = given.get("datasetReference", {})
        reference = {
            "datasetId": named.get("datasetId") or dataset_id,
            "projectId": named.get("projectId") or self.project(project_id),
        }
        if not reference["datasetId"]:
            raise ValueError("no dataset is named: give dataset_id, or datasetReference.datasetId in dataset_reference")
        place = location or self.location
        resource = {**({"location": place} if place else {}), **given, "datasetReference": reference}
        client = self.get_client(reference["projectId"], location)
        dataset = client.create_dataset(bigquery().Dataset.from_api_repr(resource), exists_ok=exists_ok)
        made: dict[str, Any] = dataset.to_api_repr()
        return made

    def get_dataset(self, dataset_id: str, project_id: str | None = None) -> Any:
        """Google's `Dataset`."""
        client = self.get_client(project_id)
        return client.get_dataset(f"{client.project}.{dataset_id}")

    def delete_dataset(self, dataset_id: str, project_id: str | None = None, delete_contents: bool = False) -> None:
        """Delete the dataset, with its tables if asked for. Raises Google's `NotFound` when there is none."""
        client = self.get_client(project_id)
        client.delete_dataset(f"{client.project}.{dataset_id}", delete_contents=delete_contents)

    def get_dataset_tables(
        self, dataset_id: str, project_id: str | None = None, max_results: int | None = None
    ) -> list[dict[str, Any]]:
        """References of the dataset's tables."""
        client = self.get_client(project_id)
        tables = client.list_tables(f"{client.project}.{dataset_id}", max_results=max_results)
        return [table.reference.to_api_repr() for table in tables]

    def get_schema(self, dataset_id: str, table_id: str, project_id: str | None = None) -> dict[str, Any]:
        """The table's schema, `{"fields": [...]}`."""
        fields = self._table(project_id, dataset_id, table_id).schema
        return {"fields": [field.to_api_repr() for field in fields]}

    def list_rows(
        self,
        dataset_id: str,
        table_id: str,
        max_results: int | None = None,
        selected_fields: Sequence[str] | str | None = None,
        page_token: str | None = None,
        start_index: int | None = None,
        project_id: str | None = None,
        location: str | None = None,
        return_iterator: bool = False,
    ) -> Any:
        """Rows of the table as Google's `Row`s, with the selected fields (commas part them in a text) or all."""
        names = selected_fields.split(",") if isinstance(selected_fields, str) else selected_fields
        table = self._table(project_id, dataset_id, table_id)
        fields = [field for field in table.schema if field.name in {name.strip() for name in names}] if names else None
        rows = self.get_client(project_id, location).list_rows(
            table,
            selected_fields=fields,
            max_results=max_results,
            page_token=page_token,
            start_index=start_index,
        )
        return rows if return_iterator else list(rows)

    def insert_all(
        self,
        project_id: str | None,
        dataset_id: str,
        table_id: str,
        rows: Iterable[Any],
        ignore_unknown_values: bool = False,
        skip_invalid_rows: bool = False,
        fail_on_error: bool = False,
    ) -> None:
        """Stream `rows`, dicts by column, into the table. With `fail_on_error` a row that is refused is an error."""
        errors = self.get_client(project_id).insert_rows(
            self._table(project_id, dataset_id, table_id),
            list(rows),
            ignore_unknown_values=ignore_unknown_values,
            skip_invalid_rows=skip_invalid_rows,
        )
        if errors and fail_on_error:
            raise AirflowException(f"{len(errors)} rows were refused by {dataset_id}.{table_id}: {errors}")
        if errors:
            self.log.error("%s rows were refused by %s.%s: %s", len(errors), dataset_id, table_id, errors)

    def split_tablename(
        self, table_input: str, default_project_id: str | None, var_name: str | None = None
    ) -> tuple[str, str, str]:
        """Project, dataset and table of `[project.]dataset.table` or `project:dataset.table`."""
        # A colon belongs to the names of projects of a domain too: example.com:project:dataset.table.
        before, colon, last = table_input.rpartition(":")
        parts = last.split(".")
        if colon and len(parts) == 3:  # example.com:project.dataset.table
            parts[0] = f"{before}:{parts[0]}"
        elif colon:
            parts.insert(0, before)
        elif len(parts) == 2:
            parts.insert(0, default_project_id or self.project())
        if len(parts) != 3 or not all(parts):
            what = f"{var_name}: " if var_name else ""
            raise ValueError(f"{what}{table_input!r} names no table: it must be [project.]dataset.table")
        return parts[0], parts[1], parts[2]

    def table_reference(
        self, table_input: str, project_id: str | None = None, name: str | None = None
    ) -> dict[str, str]:
        """The table of a text as the REST API has it."""
        project, dataset, table = self.split_tablename(table_input, project_id or self.project_id, name)
        return {"projectId": project, "datasetId": dataset, "tableId": table}

    def _table(self, project_id: str | None, dataset_id: str, table_id: str) -> Any:
        client = self.get_client(project_id)
        return client.get_table(f"{client.project}.{dataset_id}.{table_id}")

    def _reference(self, project_id: str | None, dataset_id: str | None, table_id: str | None) -> dict[str, Any]:
        return {"projectId": self.project(project_id), "datasetId": dataset_id, "tableId": table_id}
