"""Tasks on datasets and tables of BigQuery."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

from sailplane.authoring.exceptions import AirflowException, AirflowSkipException
from sailplane.hooks.bigquery import BigQueryHook
from sailplane.hooks.gcs import GCSHook, parse_url
from sailplane.hooks.google import DEFAULT_CONNECTION, google_errors
from sailplane.operators.google import GoogleOperator


class IfExistAction(StrEnum):
    """What happens when there is already what a task would create."""

    IGNORE = "ignore"
    LOG = "log"
    FAIL = "fail"
    SKIP = "skip"


class BigQueryTableOperator(GoogleOperator):
    """An operator with a hook for BigQuery."""

    ui_color = "#81a0ff"

    def __init__(self, *, project_id: str | None = None, location: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project_id, self.location = project_id, location

    @cached_property
    def hook(self) -> BigQueryHook:
        return BigQueryHook(**self.hook_arguments(), location=self.location)

    def meet_existing(self, what: str, action: IfExistAction) -> None:
        """Act on `what` being there already. Raises unless that is fine."""
        message = f"{what} already exists"
        if action is IfExistAction.FAIL:
            raise AirflowException(f"task {self.task_id!r}: {message}")
        if action is IfExistAction.SKIP:
            raise AirflowSkipException(message)
        self.log.info("%s", message)


class BigQueryCreateTableOperator(BigQueryTableOperator):
    """Creates an empty table as `table_resource`, a dict of the REST API, says.

    Its schema may be the JSON of the object `gcs_schema_object` (`gs://bucket/name`).
    """

    template_fields: Sequence[str] = (
        "dataset_id",
        "table_id",
        "table_resource",
        "project_id",
        "gcs_schema_object",
        "gcp_conn_id",
        "impersonation_chain",
        "google_cloud_storage_conn_id",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"table_resource": "json"}

    def __init__(
        self,
        *,
        dataset_id: str,
        table_id: str,
        table_resource: Mapping[str, Any],
        gcs_schema_object: str | None = None,
        google_cloud_storage_conn_id: str = DEFAULT_CONNECTION,
        if_exists: str = IfExistAction.LOG,
        retry: Any = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id, self.table_id, self.table_resource = dataset_id, table_id, table_resource
        self.gcs_schema_object, self.google_cloud_storage_conn_id = gcs_schema_object, google_cloud_storage_conn_id
        self.if_exists, self.timeout = IfExistAction(if_exists), timeout

    def execute(self, context: Mapping[str, Any]) -> None:
        try:
            self.hook.create_table(
                self.dataset_id,
                self.table_id,
                self.table_resource,
                self.location,
                self.project_id,
                exists_ok=self.if_exists is IfExistAction.IGNORE,
                schema_fields=self._schema(),
                timeout=self.timeout,
            )
        except google_errors().Conflict:
            self.meet_existing(f"table {self.dataset_id}.{self.table_id}", self.if_exists)

    def _schema(self) -> list[dict[str, Any]] | None:
        if not self.gcs_schema_object:
            return None
        hook = GCSHook(self.google_cloud_storage_conn_id, self.impersonation_chain)
        fields: list[dict[str, Any]] = json.loads(hook.download_as_byte_array(*parse_url(self.gcs_schema_object)))
        return fields


class BigQueryUpdateTableOperator(BigQueryTableOperator):
    """Changes `fields` of a table, all of `table_resource` unless given; returns its new resource."""

    template_fields: Sequence[str] = ("dataset_id", "table_id", "project_id", "gcp_conn_id", "impersonation_chain")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"table_resource": "json"}

    def __init__(
        self,
        *,
        table_resource: Mapping[str, Any],
        fields: Sequence[str] | None = None,
        dataset_id: str | None = None,
        table_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table_resource, self.fields = table_resource, fields
        self.dataset_id, self.table_id = dataset_id, table_id

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        return self.hook.update_table(self.table_resource, self.fields, self.dataset_id, self.table_id, self.project_id)


class BigQueryDeleteTableOperator(BigQueryTableOperator):
    """Deletes the table `[project.]dataset.table`; fails when there is none, unless `ignore_if_missing`."""

    template_fields: Sequence[str] = ("deletion_dataset_table", "gcp_conn_id", "impersonation_chain")

    def __init__(self, *, deletion_dataset_table: str, ignore_if_missing: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deletion_dataset_table, self.ignore_if_missing = deletion_dataset_table, ignore_if_missing

    def execute(self, context: Mapping[str, Any]) -> None:
        self.log.info("Deleting: %s", self.deletion_dataset_table)
        try:
            self.hook.delete_table(self.deletion_dataset_table, not_found_ok=self.ignore_if_missing)
        except google_errors().NotFound:
            raise AirflowException(
                f"task {self.task_id!r}: there is no table {self.deletion_dataset_table}; ignore_if_missing=True would "
                "pass over that"
            ) from None


class BigQueryCreateEmptyDatasetOperator(BigQueryTableOperator):
    """Creates a dataset, as `dataset_reference`, a dict of the REST API, says."""

    template_fields: Sequence[str] = (
        "dataset_id",
        "project_id",
        "dataset_reference",
        "gcp_conn_id",
        "impersonation_chain",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"dataset_reference": "json"}

    def __init__(
        self,
        *,
        dataset_id: str | None = None,
        dataset_reference: Mapping[str, Any] | None = None,
        if_exists: str = IfExistAction.LOG,
        exists_ok: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id, self.dataset_reference = dataset_id, dict(dataset_reference or {})
        self.if_exists = IfExistAction.IGNORE if exists_ok else IfExistAction(if_exists)

    def execute(self, context: Mapping[str, Any]) -> None:
        try:
            self.hook.create_empty_dataset(
                self.dataset_id,
                self.project_id,
                self.location,
                self.dataset_reference,
                exists_ok=self.if_exists is IfExistAction.IGNORE,
            )
        except google_errors().Conflict:
            named = self.dataset_reference.get("datasetReference", {}).get("datasetId", self.dataset_id)
            self.meet_existing(f"dataset {named}", self.if_exists)


class BigQueryDeleteDatasetOperator(BigQueryTableOperator):
    """Deletes a dataset, with its tables if `delete_contents`."""

    template_fields: Sequence[str] = ("dataset_id", "project_id", "gcp_conn_id", "impersonation_chain")

    def __init__(self, *, dataset_id: str, delete_contents: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset_id, self.delete_contents = dataset_id, delete_contents

    def execute(self, context: Mapping[str, Any]) -> None:
        self.log.info("Deleting dataset %s", self.dataset_id)
        self.hook.delete_dataset(self.dataset_id, self.project_id, self.delete_contents)


class BigQueryGetDatasetTablesOperator(BigQueryTableOperator):
    """Returns the references of a dataset's tables."""

    template_fields: Sequence[str] = ("dataset_id", "project_id", "gcp_conn_id", "impersonation_chain")

    def __init__(self, *, dataset_id: str, max_results: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset_id, self.max_results = dataset_id, max_results

    def execute(self, context: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self.hook.get_dataset_tables(self.dataset_id, self.project_id, self.max_results)


class BigQueryUpsertTableOperator(BigQueryTableOperator):
    """Creates the table that `table_resource` describes, or changes it to that; returns its resource."""

    template_fields: Sequence[str] = (
        "dataset_id",
        "table_resource",
        "gcp_conn_id",
        "impersonation_chain",
        "project_id",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"table_resource": "json"}

    def __init__(self, *, dataset_id: str, table_resource: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset_id, self.table_resource = dataset_id, table_resource

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        hook, table_id = self.hook, self.table_resource.get("tableReference", {}).get("tableId")
        if not table_id:
            raise AirflowException(f"task {self.task_id!r}: table_resource names no table: give tableReference.tableId")
        place = {"dataset_id": self.dataset_id, "table_id": table_id, "project_id": self.project_id}
        if hook.table_exists(**place):
            return hook.update_table(self.table_resource, **place)
        made: dict[str, Any] = hook.create_table(**place, table_resource=self.table_resource).to_api_repr()
        return made


class BigQueryUpdateTableSchemaOperator(BigQueryTableOperator):
    """Changes fields of a table's schema, each found by its name; returns the table's resource."""

    template_fields: Sequence[str] = (
        "schema_fields_updates",
        "dataset_id",
        "table_id",
        "project_id",
        "gcp_conn_id",
        "impersonation_chain",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"schema_fields_updates": "json"}

    def __init__(
        self,
        *,
        schema_fields_updates: Sequence[Mapping[str, Any]],
        dataset_id: str,
        table_id: str,
        include_policy_tags: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.schema_fields_updates, self.include_policy_tags = schema_fields_updates, include_policy_tags
        self.dataset_id, self.table_id = dataset_id, table_id

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        known = self.hook.get_schema(self.dataset_id, self.table_id, self.project_id)["fields"]
        fields = _changed(known, self.schema_fields_updates, self.include_policy_tags)
        return self.hook.update_table(
            {"schema": {"fields": fields}}, ["schema"], self.dataset_id, self.table_id, self.project_id
        )


def _changed(
    known: Sequence[Mapping[str, Any]], updates: Sequence[Mapping[str, Any]], with_tags: bool
) -> list[dict[str, Any]]:
    """The fields with their updates, those of nested fields too, and with the fields that are new."""
    wanted = {update["name"]: dict(update) for update in updates}
    for update in wanted.values():
        if not with_tags:
            update.pop("policyTags", None)
    changed = []
    for field in known:
        update = wanted.pop(field["name"], {})
        nested = _changed(field.get("fields", ()), update.pop("fields", ()), with_tags)
        changed.append({**field, **update, **({"fields": nested} if nested else {})})
    return [*changed, *wanted.values()]


class BigQueryGetDatasetOperator(BigQueryTableOperator):
    """Returns a dataset's resource."""

    template_fields: Sequence[str] = ("dataset_id", "project_id", "gcp_conn_id", "impersonation_chain")

    def __init__(self, *, dataset_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset_id = dataset_id

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.hook.get_dataset(self.dataset_id, self.project_id).to_api_repr()
        return found
