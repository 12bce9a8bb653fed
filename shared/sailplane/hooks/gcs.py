"""Google Cloud Storage for tasks. `STORAGE_EMULATOR_HOST` leads to a local one."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from sailplane.authoring.exceptions import AirflowException


class GCSHook:
    """Reads and writes objects, with the credentials that the process has."""

    def __init__(self, gcp_conn_id: str = "google_cloud_default", project_id: str | None = None) -> None:
        self.gcp_conn_id = gcp_conn_id
        self.project_id = project_id

    @cached_property
    def client(self) -> Any:
        # Imported late: it takes longer than most DAG files.
        from google.cloud import storage

        if not os.environ.get("STORAGE_EMULATOR_HOST"):
            return storage.Client(project=self.project_id)
        from google.auth.credentials import AnonymousCredentials

        return storage.Client(project=self.project_id or "local", credentials=AnonymousCredentials())

    def get_conn(self) -> Any:
        return self.client

    def exists(self, bucket_name: str, object_name: str) -> bool:
        return bool(self._blob(bucket_name, object_name).exists())

    def download(self, bucket_name: str, object_name: str, filename: str | None = None) -> bytes | str:
        """The object's bytes; with `filename`, it is written there and the name returned."""
        from google.api_core.exceptions import NotFound

        try:
            if filename is None:
                data: bytes = self._blob(bucket_name, object_name).download_as_bytes()
                return data
            self._blob(bucket_name, object_name).download_to_filename(filename)
        except NotFound:
            raise AirflowException(f"there is no object gs://{bucket_name}/{object_name}") from None
        return filename

    def upload(
        self,
        bucket_name: str,
        object_name: str,
        filename: str | Path | None = None,
        data: str | bytes | None = None,
        mime_type: str | None = None,
    ) -> None:
        """Write `data`, or the content of the file `filename`, as the object. Exactly one of them must be given."""
        if (filename is None) == (data is None):
            raise ValueError(f"upload to gs://{bucket_name}/{object_name} needs either filename or data")
        blob = self._blob(bucket_name, object_name)
        if data is None:
            blob.upload_from_filename(str(filename), content_type=mime_type)
        else:
            default = "text/plain" if isinstance(data, str) else "application/octet-stream"
            blob.upload_from_string(data, content_type=mime_type or default)

    def list(self, bucket_name: str, prefix: str | None = None) -> list[str]:
        """Names of the bucket's objects that begin with `prefix`."""
        return list(self._names(bucket_name, prefix))

    def _names(self, bucket_name: str, prefix: str | None) -> Iterator[str]:
        for blob in self.client.list_blobs(bucket_name, prefix=prefix):
            yield blob.name

    def delete(self, bucket_name: str, object_name: str) -> None:
        """Delete the object; nothing happens when there is none."""
        from google.api_core.exceptions import NotFound

        try:
            self._blob(bucket_name, object_name).delete()
        except NotFound:
            return

    def _blob(self, bucket_name: str, object_name: str) -> Any:
        return self.client.bucket(bucket_name).blob(object_name)
