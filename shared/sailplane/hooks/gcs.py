"""Google Cloud Storage for tasks. `STORAGE_EMULATOR_HOST` leads to a local one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.google import GoogleBaseHook, google_errors


class GCSHook(GoogleBaseHook):
    """Reads and writes objects."""

    emulator_variable = "STORAGE_EMULATOR_HOST"

    @cached_property
    def client(self) -> Any:
        # Imported late: it takes longer than most DAG files.
        from google.cloud import storage

        return storage.Client(project=self.project_id, credentials=self.get_credentials())

    def get_conn(self) -> Any:
        return self.client

    def get_bucket(self, bucket_name: str) -> Any:
        """Google's `Bucket`, without asking whether there is one."""
        return self.client.bucket(bucket_name)

    def exists(self, bucket_name: str, object_name: str) -> bool:
        return bool(self._blob(bucket_name, object_name).exists())

    def download(self, bucket_name: str, object_name: str, filename: str | None = None, **_: Any) -> bytes | str:
        """The object's bytes; with `filename`, it is written there and the name returned."""
        with _naming(f"object gs://{bucket_name}/{object_name}"):
            if filename is None:
                data: bytes = self._blob(bucket_name, object_name).download_as_bytes()
                return data
            self._blob(bucket_name, object_name).download_to_filename(filename)
        return filename

    def download_as_byte_array(self, bucket_name: str, object_name: str) -> bytes:
        found = self.download(bucket_name, object_name)
        assert isinstance(found, bytes)
        return found

    @contextmanager
    def provide_file(
        self,
        bucket_name: str | None = None,
        object_name: str | None = None,
        object_url: str | None = None,
        dir: str | None = None,
    ) -> Iterator[Any]:
        """A temporary file with the object's content, open for reading; gone at the end."""
        bucket, name = _place(bucket_name, object_name, object_url)
        with NamedTemporaryFile(suffix=Path(name).name, dir=dir) as file:
            self.download(bucket, name, file.name)
            file.flush()
            yield file

    @contextmanager
    def provide_file_and_upload(
        self, bucket_name: str | None = None, object_name: str | None = None, object_url: str | None = None
    ) -> Iterator[Any]:
        """A temporary file, open for writing; at the end its content is written as the object."""
        bucket, name = _place(bucket_name, object_name, object_url)
        with NamedTemporaryFile(suffix=Path(name).name) as file:
            yield file
            file.flush()
            self.upload(bucket, name, file.name)

    def upload(
        self,
        bucket_name: str,
        object_name: str,
        filename: str | Path | None = None,
        data: str | bytes | None = None,
        mime_type: str | None = None,
        gzip: bool = False,
        encoding: str = "utf-8",
        metadata: Mapping[str, str] | None = None,
        cache_control: str | None = None,
        **_: Any,
    ) -> None:
        """Write `data`, or the content of the file `filename`, as the object. Exactly one of them must be given.

        With `gzip` it is stored compressed, and marked so that readers get it uncompressed.
        """
        if (filename is None) == (data is None):
            raise ValueError(f"upload to gs://{bucket_name}/{object_name} needs either filename or data")
        blob = self._blob(bucket_name, object_name)
        if metadata:
            blob.metadata = dict(metadata)
        if cache_control:
            blob.cache_control = cache_control
        default = "text/plain" if isinstance(data, str) else "application/octet-stream"
        content = data.encode(encoding) if isinstance(data, str) else data
        if gzip:
            blob.content_encoding = "gzip"
            blob.upload_from_string(
                _compressed(filename, content), content_type=mime_type or "application/octet-stream"
            )
        elif content is None:
            blob.upload_from_filename(str(filename), content_type=mime_type)
        else:
            blob.upload_from_string(content, content_type=mime_type or default)

    def list(
        self,
        bucket_name: str,
        prefix: str | Sequence[str] | None = None,
        match_glob: str | None = None,
        *,
        delimiter: str | None = None,
        max_results: int | None = None,
        versions: bool | None = None,
    ) -> list[str]:
        """Names of the bucket's objects that begin with `prefix`, or one of several, and match `match_glob`.

        With a `delimiter`: of those alone that end in it, and the prefixes up to it, as in Airflow.
        """
        options = {"match_glob": match_glob, "delimiter": delimiter, "max_results": max_results, "versions": versions}
        with _naming(f"bucket {bucket_name}"):
            return [name for each in _listed(prefix) for name in self._names(bucket_name, each, options)]

    def _names(self, bucket_name: str, prefix: str | None, options: Mapping[str, Any]) -> Iterator[str]:
        found = self.client.list_blobs(bucket_name, prefix=prefix, **options)
        names = [blob.name for blob in found]
        yield from sorted(found.prefixes) if found.prefixes else names

    def list_blobs(self, bucket_name: str, prefix: str | None = None, **options: Any) -> Iterator[Any]:
        """Google's `Blob`s, in the order of their names."""
        with _naming(f"bucket {bucket_name}"):
            yield from self.client.list_blobs(bucket_name, prefix=prefix, **options)

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
        return updated is not None and updated > _aware(ts)

    def is_updated_before(self, bucket_name: str, object_name: str, ts: datetime) -> bool:
        """True when the object is there and was written before `ts`."""
        updated = self.get_blob_update_time(bucket_name, object_name)
        return updated is not None and updated < _aware(ts)

    def is_updated_between(self, bucket_name: str, object_name: str, min_ts: datetime, max_ts: datetime) -> bool:
        """True when the object is there and was written at `min_ts` or later, and before `max_ts`."""
        updated = self.get_blob_update_time(bucket_name, object_name)
        return updated is not None and _aware(min_ts) <= updated < _aware(max_ts)

    def is_older_than(self, bucket_name: str, object_name: str, seconds: float) -> bool:
        """True when the object is there and was last written more than `seconds` ago."""
        return self.is_updated_before(bucket_name, object_name, datetime.now(UTC) - timedelta(seconds=seconds))

    def get_size(self, bucket_name: str, object_name: str) -> int:
        """The object's size in bytes."""
        return int(self._known(bucket_name, object_name).size)

    def get_crc32c(self, bucket_name: str, object_name: str) -> str:
        return str(self._known(bucket_name, object_name).crc32c)

    def get_md5hash(self, bucket_name: str, object_name: str) -> str:
        return str(self._known(bucket_name, object_name).md5_hash)

    def get_metadata(self, bucket_name: str, object_name: str) -> Mapping[str, str] | None:
        """The author's own key-value pairs of the object."""
        found: Mapping[str, str] | None = self._known(bucket_name, object_name).metadata
        return found

    def compose(self, bucket_name: str, source_objects: Sequence[str], destination_object: str) -> None:
        """Join up to 32 objects of the bucket, in that order, into one."""
        if not source_objects:
            raise ValueError(f"nothing to compose gs://{bucket_name}/{destination_object} of: source_objects is empty")
        with _naming(f"bucket {bucket_name}, or one of its objects {', '.join(source_objects)}"):
            self._blob(bucket_name, destination_object).compose([self._blob(bucket_name, n) for n in source_objects])

    def sync(self, source_bucket: str, destination_bucket: str, **options: Any) -> None:
        """Make a bucket, or a folder of it, like another; `options` are those of `gcs_sync.synchronize`."""
        from sailplane.hooks.gcs_sync import synchronize

        synchronize(self, source_bucket, destination_bucket, **options)

    def _known(self, bucket_name: str, object_name: str) -> Any:
        blob = self.client.bucket(bucket_name).get_blob(object_name)
        if blob is None:
            raise AirflowException(f"there is no object gs://{bucket_name}/{object_name}")
        return blob

    def delete(self, bucket_name: str, object_name: str, ignore_error: bool = False) -> None:
        """Delete the object; nothing happens when there is none. With `ignore_error` a refusal is only logged."""
        errors = google_errors()
        try:
            self._blob(bucket_name, object_name).delete()
        except errors.NotFound:
            return
        except errors.GoogleAPICallError as error:
            if not ignore_error:
                raise
            self.log.warning("gs://%s/%s was not deleted: %s", bucket_name, object_name, error.message)

    def _blob(self, bucket_name: str, object_name: str) -> Any:
        return self.client.bucket(bucket_name).blob(object_name)


@contextmanager
def _naming(what: str) -> Iterator[None]:
    from google.api_core.exceptions import NotFound

    try:
        yield
    except NotFound:
        raise AirflowException(f"there is no {what}") from None


def parse_url(url: str) -> tuple[str, str]:
    """Bucket and name of `gs://bucket/name`. Raises `AirflowException` for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "gs" or not parts.netloc:
        raise AirflowException(f"{url!r} names no object: it must be gs://bucket/name")
    return parts.netloc, url.split("://", 1)[1].partition("/")[2]


def _place(bucket_name: str | None, object_name: str | None, object_url: str | None) -> tuple[str, str]:
    if object_url:
        return parse_url(object_url)
    if not bucket_name or not object_name:
        raise AirflowException("no object is named: give bucket_name and object_name, or object_url")
    return bucket_name, object_name


def _listed(prefix: str | Sequence[str] | None) -> Sequence[str | None]:
    return [prefix] if isinstance(prefix, str | None) else prefix


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _compressed(filename: str | Path | None, data: bytes | None) -> bytes:
    import gzip

    return gzip.compress(Path(str(filename)).read_bytes() if data is None else data)
