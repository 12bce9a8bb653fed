"""Tasks that move rows between BigQuery, buckets and other tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.gcs import GCSHook
from sailplane.operators.bigquery import BigQueryJobOperator

_FORMATS = ("CSV", "NEWLINE_DELIMITED_JSON", "AVRO", "GOOGLE_SHEETS", "DATASTORE_BACKUP", "PARQUET", "ORC")
_CSV_ALONE = ("skipLeadingRows", "fieldDelimiter", "quote", "allowQuotedNewlines", "allowJaggedRows", "encoding")
"""Options of a load job that other formats refuse."""


class GCSToBigQueryOperator(BigQueryJobOperator):
    """Loads objects of a bucket into a table; with `max_id_key`, returns the greatest value of that column.

    The schema is `schema_fields`, the JSON of the object `schema_object`, or what `autodetect` finds; with
    `autodetect=None` that of the table, which is there then. `src_fmt_configs` and `extra_config` are further fields of
    the REST API's JobConfigurationLoad.
    """

    template_fields: Sequence[str] = (
        "bucket",
        "source_objects",
        "schema_object",
        "schema_object_bucket",
        "destination_project_dataset_table",
        "impersonation_chain",
        "src_fmt_configs",
        "gcp_conn_id",
        "project_id",
        "job_id",
    )
    template_ext: Sequence[str] = (".sql",)
    ui_color = "#f0eee4"

    def __init__(
        self,
        *,
        bucket: str,
        source_objects: str | Sequence[str],
        destination_project_dataset_table: str,
        schema_fields: Sequence[Mapping[str, Any]] | None = None,
        schema_object: str | None = None,
        schema_object_bucket: str | None = None,
        source_format: str = "CSV",
        compression: str = "NONE",
        create_disposition: str = "CREATE_IF_NEEDED",
        skip_leading_rows: int | None = None,
        write_disposition: str = "WRITE_EMPTY",
        field_delimiter: str = ",",
        max_bad_records: int = 0,
        quote_character: str | None = None,
        ignore_unknown_values: bool = False,
        allow_quoted_newlines: bool = False,
        allow_jagged_rows: bool = False,
        encoding: str = "UTF-8",
        max_id_key: str | None = None,
        schema_update_options: Sequence[str] = (),
        src_fmt_configs: Mapping[str, Any] | None = None,
        extra_config: Mapping[str, Any] | None = None,
        external_table: bool = False,
        time_partitioning: Mapping[str, Any] | None = None,
        range_partitioning: Mapping[str, Any] | None = None,
        cluster_fields: Sequence[str] | None = None,
        autodetect: bool | None = True,
        encryption_configuration: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        description: str | None = None,
        force_delete: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if time_partitioning and range_partitioning:
            raise ValueError(f"task {self.task_id!r} takes time_partitioning or range_partitioning, not both")
        if source_format.upper() not in _FORMATS:
            raise ValueError(
                f"task {self.task_id!r}: source_format is {source_format!r}; it may be {', '.join(_FORMATS)}"
            )
        self.bucket, self.source_objects = bucket, source_objects
        self.destination_project_dataset_table = destination_project_dataset_table
        self.schema_fields, self.schema_object = schema_fields, schema_object
        self.schema_object_bucket, self.autodetect = schema_object_bucket, autodetect
        self.source_format, self.src_fmt_configs = source_format.upper(), dict(src_fmt_configs or {})
        self.max_id_key, self.external_table, self.force_delete = max_id_key, external_table, force_delete
        properties = {"labels": labels, "description": description}
        self.compression = compression
        self._load: dict[str, Any] = {
            "createDisposition": create_disposition,
            "writeDisposition": write_disposition,
            "ignoreUnknownValues": ignore_unknown_values,
            "maxBadRecords": max_bad_records,
            "skipLeadingRows": skip_leading_rows,
            "fieldDelimiter": field_delimiter,
            "quote": quote_character,
            "allowQuotedNewlines": allow_quoted_newlines,
            "allowJaggedRows": allow_jagged_rows,
            "encoding": encoding,
            "schemaUpdateOptions": list(schema_update_options),
            "timePartitioning": time_partitioning,
            "rangePartitioning": range_partitioning,
            "clustering": {"fields": list(cluster_fields)} if cluster_fields else None,
            "destinationEncryptionConfiguration": encryption_configuration,
            "destinationTableProperties": {name: value for name, value in properties.items() if value} or None,
        }
        self.extra_config = dict(extra_config or {})

    @property
    def source_uris(self) -> list[str]:
        names = [self.source_objects] if isinstance(self.source_objects, str) else self.source_objects
        return [f"gs://{self.bucket}/{name}" for name in names]

    def execute(self, context: Mapping[str, Any]) -> Any:
        if not self.external_table:
            if self.force_delete:
                self.hook.delete_table(self.destination_project_dataset_table)
            return super().execute(context)
        self._create_external_table()
        return self._greatest()

    def job_configuration(self) -> dict[str, Any]:
        wanted = {
            name: value
            for name, value in self._load.items()
            if value not in (None, [], 0, False) and (self.source_format == "CSV" or name not in _CSV_ALONE)
        }
        schema = self._schema()
        load = {
            **wanted,
            "autodetect": self.autodetect if schema is None else None,
            "schema": {"fields": schema} if schema else None,
            "destinationTable": self.hook.table_reference(self.destination_project_dataset_table, self.project_id),
            "sourceFormat": self.source_format,
            "sourceUris": self.source_uris,
            **self.src_fmt_configs,
            **self.extra_config,
        }
        return {"load": {name: value for name, value in load.items() if value is not None}}

    def result(self, job_id: str) -> Any:
        return self._greatest()

    def _schema(self) -> list[Mapping[str, Any]] | None:
        if self.schema_fields:
            return list(self.schema_fields)
        if self.schema_object and self.source_format != "DATASTORE_BACKUP":
            found = GCSHook(**self.hook_arguments()).download_as_byte_array(
                self.schema_object_bucket or self.bucket, self.schema_object
            )
            fields: list[Mapping[str, Any]] = json.loads(found)
            return fields
        if self.autodetect is False:
            raise AirflowException(
                f"task {self.task_id!r} knows no schema: give schema_fields or schema_object, or let autodetect find it"
            )
        return None

    def _create_external_table(self) -> None:
        schema = self._schema()
        options = {name: self._load[name] for name in _CSV_ALONE if self._load[name] not in (None, False)}
        external = {
            "sourceUris": self.source_uris,
            "sourceFormat": self.source_format,
            "autodetect": schema is None,
            "compression": self.compression,
            "ignoreUnknownValues": self._load["ignoreUnknownValues"],
            "maxBadRecords": self._load["maxBadRecords"],
            **({"csvOptions": options} if self.source_format == "CSV" else {}),
            **self.src_fmt_configs,
        }
        project, dataset, table = self.hook.split_tablename(self.destination_project_dataset_table, self.project_id)
        properties: Mapping[str, Any] = self._load["destinationTableProperties"] or {}
        self.hook.create_table(
            dataset,
            table,
            {"externalDataConfiguration": external, **properties},
            project_id=project,
            schema_fields=schema,
        )

    def _greatest(self) -> Any:
        """The greatest value in the column `max_id_key`; None without one."""
        if not self.max_id_key:
            return None
        project, dataset, table = self.hook.split_tablename(self.destination_project_dataset_table, self.project_id)
        query = f"SELECT MAX({self.max_id_key}) AS max_value FROM `{project}.{dataset}.{table}`"
        configuration = {"query": {"query": query, "useLegacySql": False}}
        job = self.hook.insert_job(configuration, project_id=self.project_id, location=self.location)
        row = next(iter(job.result()), None)
        if row is None or row[0] is None:
            raise AirflowException(f"the column {self.max_id_key} of {project}.{dataset}.{table} has no value")
        return row[0]


class BigQueryToGCSOperator(BigQueryJobOperator):
    """Writes a table into objects, which it returns: `gs://bucket/name`, with one `*` where there may be several."""

    template_fields: Sequence[str] = (
        "source_project_dataset_table",
        "destination_cloud_storage_uris",
        "export_format",
        "labels",
        "impersonation_chain",
        "job_id",
        "gcp_conn_id",
        "project_id",
    )
    ui_color = "#e4e6f0"

    def __init__(
        self,
        *,
        source_project_dataset_table: str,
        destination_cloud_storage_uris: Sequence[str],
        compression: str = "NONE",
        export_format: str = "CSV",
        field_delimiter: str = ",",
        print_header: bool = True,
        labels: Mapping[str, str] | None = None,
        force_rerun: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(force_rerun=force_rerun, **kwargs)
        self.source_project_dataset_table = source_project_dataset_table
        self.destination_cloud_storage_uris = destination_cloud_storage_uris
        self.compression, self.export_format = compression, export_format
        self.field_delimiter, self.print_header = field_delimiter, print_header
        self.labels = labels

    def job_configuration(self) -> dict[str, Any]:
        extract: dict[str, Any] = {
            "sourceTable": self.hook.table_reference(self.source_project_dataset_table, self.project_id),
            "destinationUris": list(self.destination_cloud_storage_uris),
            "destinationFormat": self.export_format,
            "compression": self.compression,
        }
        if self.export_format == "CSV":
            extract |= {"fieldDelimiter": self.field_delimiter, "printHeader": self.print_header}
        return {"extract": extract, **({"labels": dict(self.labels)} if self.labels else {})}

    def result(self, job_id: str) -> Any:
        return list(self.destination_cloud_storage_uris)


class BigQueryToBigQueryOperator(BigQueryJobOperator):
    """Copies a table, or several into one."""

    template_fields: Sequence[str] = (
        "source_project_dataset_tables",
        "destination_project_dataset_table",
        "labels",
        "impersonation_chain",
        "gcp_conn_id",
    )
    ui_color = "#e6f0e4"

    def __init__(
        self,
        *,
        source_project_dataset_tables: str | Sequence[str],
        destination_project_dataset_table: str,
        write_disposition: str = "WRITE_EMPTY",
        create_disposition: str = "CREATE_IF_NEEDED",
        labels: Mapping[str, str] | None = None,
        encryption_configuration: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_project_dataset_tables = source_project_dataset_tables
        self.destination_project_dataset_table = destination_project_dataset_table
        self.write_disposition, self.create_disposition = write_disposition, create_disposition
        self.labels, self.encryption_configuration = labels, encryption_configuration

    def job_configuration(self) -> dict[str, Any]:
        named = self.source_project_dataset_tables
        sources = [named] if isinstance(named, str) else named
        copy: dict[str, Any] = {
            "sourceTables": [self.hook.table_reference(source, self.project_id) for source in sources],
            "destinationTable": self.hook.table_reference(self.destination_project_dataset_table, self.project_id),
            "writeDisposition": self.write_disposition,
            "createDisposition": self.create_disposition,
        }
        if self.encryption_configuration:
            copy["destinationEncryptionConfiguration"] = dict(self.encryption_configuration)
        return {"copy": copy, **({"labels": dict(self.labels)} if self.labels else {})}

    def result(self, job_id: str) -> None:
        return None
