"""Why DAG files could not be read: to stored fields and back."""

from typing import Any

from sailplane.cloud.documents import Fields, put_instant, put_text, required_instant, text
from sailplane.model.runs import DagFileError


def write_dag_file_error(record: DagFileError, fields: Fields, shards: int) -> None:
    put_text(fields, "file", record.file)
    put_text(fields, "message", record.message)
    put_text(fields, "traceback", record.traceback)
    put_text(fields, "bundle", record.bundle)
    put_instant(fields, "seen_at", record.seen_at)


def read_dag_file_error(document: Any) -> DagFileError:
    fields = document.fields
    return DagFileError(
        file=text(fields, "file"),
        message=text(fields, "message"),
        traceback=text(fields, "traceback"),
        bundle=text(fields, "bundle"),
        seen_at=required_instant(fields, "seen_at"),
    )
