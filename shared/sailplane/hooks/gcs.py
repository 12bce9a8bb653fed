"""Google Cloud Storage for tasks. `STORAGE_EMULATOR_HOST` leads to a local one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sailplane.authoring.exceptions import AirflowException

DEFAULT_CONNECTION = "google_cloud_default"


def refuse_impersonation(task_id: str, impersonation_chain: Any) -> None:
    if impersonation_chain is not None:
        raise AirflowException(
            f"task {task_id!r}: impersonation_chain is not acted on; give the worker's service account the role that "
            "the task needs"
        )


class GCSHook:
    """Reads and writes objects, with the credentials that the process has."""

    def __init__(self, gcp_conn_id: str = DEFAULT_CONNECTION, project_id: str | None = None) -> None:
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
        with _naming(f"object gs://{bucket_name}/{object_name}"):
            if filename is None:
                data: bytes = self._blob(bucket_name, object_name).download_as_bytes()
                return data
            self._blob(bucket_name, object_name).download_to_filename(filename)
        return filename

    def upload(
        self,
        bucket_name: str,
        object_name: str,
        filename: str | Path | None = None,
        data: str | bytes | None = None,
        mime_type: str | None = None,
        gzip: bool = False,
    ) -> None:
        """Write `data`, or the content of the file `filename`, as the object. Exactly one of them must be given.

        With `gzip` it is stored compressed, and marked so that readers get it uncompressed.
        """
        if (filename is None) == (data is None):
            raise ValueError(f"upload to gs://{bucket_name}/{object_name} needs either filename or data")
        blob = self._blob(bucket_name, object_name)
        if gzip:
            blob.content_encoding = "gzip"
            blob.upload_from_string(_compressed(filename, data), content_type=mime_type or "application/octet-stream")
        elif data is None:
            blob.upload_from_filename(str(filename), content_type=mime_type)
        else:
            default = "text/plain" if isinstance(data, str) else "application/octet-stream"
            blob.upload_from_string(data, content_type=mime_type or default)

    def list(
        self, bucket_name: str, prefix: str | Sequence[str] | None = None, match_glob: str | None = None
    ) -> list[str]:
        """Names of the bucket's objects that begin with `prefix`, or one of several, and match `match_glob`."""
        with _naming(f"bucket {bucket_name}"):
            return [blob.name for blob in self._blobs(bucket_name, prefix, match_glob)]

    def _blobs(self, bucket_name: str, prefix: str | Sequence[str] | None, match_glob: str | None) -> Iterator[Any]:
        for each in [prefix] if isinstance(prefix, str | None) else prefix:
            yield from self.client.list_blobs(bucket_name, prefix=each, match_glob=match_glob)

    def copy(
        self,
        source_bucket: str,
        source_object: str,
        destination_bucket: str | None = None,
        destination_object: str | None = None,
    ) -> None:
        """Copy an object of any size, by default to the same bucket or under the same name: one must differ."""
        to_bucket, to_object = destination_bucket or source_bucket, destination_object or source_object
        if (to_bucket, to_object) == (source_bucket, source_object):
            raise ValueError(
                f"gs://{source_bucket}/{source_object} cannot be copied to itself: name another destination"
            )
        source, target = self._blob(source_bucket, source_object), self._blob(to_bucket, to_object)
        with _naming(f"object gs://{source_bucket}/{source_object}, or bucket {to_bucket}"):
            token, _, _ = target.rewrite(source)
            while token is not None:
                token, _, _ = target.rewrite(source, token=token)

    rewrite = copy

    def create_bucket(
        self,
        bucket_name: str,
        resource: Mapping[str, Any] | None = None,
        storage_class: str = "MULTI_REGIONAL",
        location: str = "US",
        project_id: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Create the bucket; nothing happens when it is there already. `resource` has further fields of it."""
        from google.api_core.exceptions import Conflict

        bucket = self.client.bucket(bucket_name)
        bucket.storage_class = storage_class
        bucket.labels = dict(labels or {})
        for name, value in (resource or {}).items():
            if name != "name":
                bucket._patch_property(name, value)
        try:
            self.client.create_bucket(bucket, project=project_id, location=location)
        except Conflict:
            if self.client.lookup_bucket(bucket_name) is None:
                raise AirflowException(
                    f"the bucket name {bucket_name} is taken by another project; choose another"
                ) from None

    def delete_bucket(self, bucket_name: str, force: bool = False) -> None:
        """Delete the bucket, with `force` with all its objects; nothing happens when there is none."""
        from google.api_core.exceptions import Conflict, NotFound

        try:
            if force:
                for blob in self.client.list_blobs(bucket_name):
                    self.delete(bucket_name, blob.name)
            self.client.bucket(bucket_name).delete()
        except NotFound:
            return
        except Conflict:
            raise AirflowException(f"the bucket {bucket_name} is not empty; use force=True to delete it") from None

    def get_blob_update_time(self, bucket_name: str, object_name: str) -> datetime | None:
        """When the object was written last; None when there is none."""
        blob = self.client.bucket(bucket_name).get_blob(object_name)
        return None if blob is None else blob.updated

    def is_updated_after(self, bucket_name: str, object_name: str, ts: datetime) -> bool:
        """True when the object is there and was written after `ts`."""
        updated = self.get_blob_update_time(bucket_name, object_name)
        return updated is not None and updated > (ts if ts.tzinfo else ts.replace(tzinfo=UTC))

    def get_size(self, bucket_name: str, object_name: str) -> int:
        """The object's size in bytes."""
        blob = self.client.bucket(bucket_name).get_blob(object_name)
        if blob is None:
            raise AirflowException(f"there is no object gs://{bucket_name}/{object_name}")
        return int(blob.size)

    def delete(self, bucket_name: str, object_name: str) -> None:
        """Delete the object; nothing happens when there is none."""
        from google.api_core.exceptions import NotFound

        try:
            self._blob(bucket_name, object_name).delete()
        except NotFound:
            return

    def _blob(self, bucket_name: str, object_name: str) -> Any:
        return self.client.bucket(bucket_name).blob(object_name)


@contextmanager
def _naming(what: str) -> Iterator[None]:
    from google.api_core.exceptions import NotFound

    try:
        yield
    except NotFound:
        raise AirflowException(f"there is no {what}") from None


def _compressed(filename: str | Path | None, data: str | bytes | None) -> bytes:
    import gzip

    content = Path(str(filename)).read_bytes() if data is None else data
    return gzip.compress(content.encode() if isinstance(content, str) else content)
