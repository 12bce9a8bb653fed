"""Tasks that move objects between buckets and files."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from glob import glob
from pathlib import Path
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.gcs import GCSHook
from sailplane.hooks.gcs_sync import synchronize
from sailplane.operators.gcs import GCSOperator

WILDCARD = "*"


class GCSToGCSOperator(GCSOperator):
    """Copies objects, or with `move_object` moves them.

    `source_object`, or each of `source_objects`, is a prefix unless `exact_match`, or has one wildcard `*`. An object
    that is named exactly goes to `destination_object`; of a prefix or wildcard, `destination_object` replaces what is
    before the wildcard, or the prefix. Without it names stay as they are.
    """

    template_fields: Sequence[str] = (
        "source_bucket",
        "source_object",
        "source_objects",
        "destination_bucket",
        "destination_object",
        "gcp_conn_id",
        "impersonation_chain",
    )

    def __init__(
        self,
        *,
        source_bucket: str,
        source_object: str | None = None,
        source_objects: Sequence[str] | None = None,
        destination_bucket: str | None = None,
        destination_object: str | None = None,
        move_object: bool = False,
        replace: bool = True,
        last_modified_time: datetime | None = None,
        maximum_modified_time: datetime | None = None,
        source_object_required: bool = False,
        exact_match: bool = False,
        match_glob: str | None = None,
        delimiter: str | None = None,
        is_older_than: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if source_object and source_objects:
            raise AirflowException(f"task {self.task_id!r} takes source_object or source_objects, not both")
        self.source_bucket, self.destination_bucket = source_bucket, destination_bucket
        self.source_object, self.source_objects = source_object, source_objects
        self.destination_object = destination_object
        self.move_object, self.replace = move_object, replace
        self.last_modified_time, self.maximum_modified_time = last_modified_time, maximum_modified_time
        self.source_object_required, self.exact_match = source_object_required, exact_match
        self.match_glob = match_glob
        self.delimiter, self.is_older_than = delimiter, is_older_than

    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Returns the copies as `gs://bucket/name`."""
        hook, copied = self.hook, []
        bucket = self.destination_bucket or self.source_bucket
        named = [self.source_object] if self.source_object else self.source_objects
        for pattern in named or [""]:
            found = [name for name in self._matching(hook, pattern) if self._is_wanted(hook, name)]
            if not found and self.source_object_required:
                raise AirflowException(f"there is no object gs://{self.source_bucket}/{pattern}")
            for name in found:
                target = self._target(pattern, name)
                if self.replace or not hook.exists(bucket, target):
                    self._copy(hook, name, bucket, target)
                    copied.append(f"gs://{bucket}/{target}")
        return copied

    def _matching(self, hook: GCSHook, pattern: str) -> list[str]:
        if pattern.count(WILDCARD) > 1:
            raise AirflowException(f"{pattern!r} has {pattern.count(WILDCARD)} wildcards; one is allowed")
        if WILDCARD in pattern:
            before, after = pattern.split(WILDCARD)
            shortest = len(before) + len(after)
            listed = hook.list(self.source_bucket, before, self.match_glob)
            return [name for name in listed if name.endswith(after) and len(name) >= shortest]
        if pattern and (self.exact_match or hook.exists(self.source_bucket, pattern)):
            return [pattern] if hook.exists(self.source_bucket, pattern) else []
        return hook.list(self.source_bucket, pattern or None, self.match_glob)

    def _is_wanted(self, hook: GCSHook, name: str) -> bool:
        if self.delimiter and not name.endswith(self.delimiter):
            return False
        if self.is_older_than is not None and not hook.is_older_than(self.source_bucket, name, self.is_older_than):
            return False
        bounds = self.last_modified_time, self.maximum_modified_time
        if bounds == (None, None):
            return True
        updated = hook.get_blob_update_time(self.source_bucket, name)
        earliest, latest = (bound and _aware(bound) for bound in bounds)
        return updated is not None and (not earliest or updated >= earliest) and (not latest or updated < latest)

    def _target(self, pattern: str, name: str) -> str:
        if self.destination_object is None or (name == pattern and not self.destination_object):
            return name
        if name == pattern:
            return self.destination_object
        return self.destination_object + name.removeprefix(pattern.partition(WILDCARD)[0])

    def _copy(self, hook: GCSHook, name: str, bucket: str, target: str) -> None:
        self.log.info("Copying gs://%s/%s to gs://%s/%s", self.source_bucket, name, bucket, target)
        hook.rewrite(self.source_bucket, name, bucket, target)
        if self.move_object:
            hook.delete(self.source_bucket, name)


class LocalFilesystemToGCSOperator(GCSOperator):
    """Uploads the file `src` to the object `dst`.

    Several, a list or a pattern with wildcards, go to the folder `dst`, which ends in `/`.
    """

    template_fields: Sequence[str] = ("src", "dst", "bucket", "gcp_conn_id", "impersonation_chain")

    def __init__(
        self,
        *,
        src: str | Sequence[str],
        dst: str,
        bucket: str,
        mime_type: str = "application/octet-stream",
        gzip: bool = False,
        chunk_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.src, self.dst, self.bucket = src, dst, bucket
        self.mime_type, self.gzip = mime_type, gzip

    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Returns the names of the objects."""
        files = sorted(self._files())
        if not files:
            raise FileNotFoundError(f"task {self.task_id!r}: no file {self.src!r} to upload")
        into_folder = self.dst.endswith("/")
        if len(files) > 1 and not into_folder:
            raise ValueError(
                f"task {self.task_id!r}: {len(files)} files cannot go to one object {self.dst!r}; let dst end in '/'"
            )
        names = [f"{self.dst}{Path(file).name}" if into_folder else self.dst for file in files]
        for file, name in zip(files, names, strict=True):
            self.hook.upload(self.bucket, name, filename=file, mime_type=self.mime_type, gzip=self.gzip)
        return names

    def _files(self) -> Iterator[str]:
        for pattern in [self.src] if isinstance(self.src, str) else self.src:
            yield from [pattern] if Path(pattern).is_file() else glob(pattern)


class GCSToLocalFilesystemOperator(GCSOperator):
    """Downloads an object to the file `filename`, or with `store_to_xcom_key` to an XCom."""

    template_fields: Sequence[str] = (
        "bucket",
        "object_name",
        "filename",
        "store_to_xcom_key",
        "gcp_conn_id",
        "impersonation_chain",
    )
    ui_color = "#f0eee4"

    def __init__(
        self,
        *,
        bucket: str,
        object_name: str,
        filename: str | None = None,
        store_to_xcom_key: str | None = None,
        file_encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if filename and store_to_xcom_key:
            raise ValueError(f"task {self.task_id!r} takes filename or store_to_xcom_key, not both")
        self.bucket, self.object_name, self.filename = bucket, object_name, filename
        self.store_to_xcom_key, self.file_encoding = store_to_xcom_key, file_encoding

    def execute(self, context: Mapping[str, Any]) -> None:
        found = self.hook.download(self.bucket, self.object_name, self.filename)
        if self.store_to_xcom_key:
            assert isinstance(found, bytes)
            context["ti"].xcom_push(self.store_to_xcom_key, found.decode(self.file_encoding))


class GCSSynchronizeBucketsOperator(GCSOperator):
    """Copies what a bucket, or the folder `source_object`, has and the other has not.

    What is there with other content is overwritten with `allow_overwrite`; what only the destination has is deleted
    with `delete_extra_files`.
    """

    template_fields: Sequence[str] = (
        "source_bucket",
        "destination_bucket",
        "source_object",
        "destination_object",
        "recursive",
        "delete_extra_files",
        "allow_overwrite",
        "gcp_conn_id",
        "impersonation_chain",
    )

    def __init__(
        self,
        *,
        source_bucket: str,
        destination_bucket: str,
        source_object: str | None = None,
        destination_object: str | None = None,
        recursive: bool = True,
        delete_extra_files: bool = False,
        allow_overwrite: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_bucket, self.destination_bucket = source_bucket, destination_bucket
        self.source_object, self.destination_object = source_object, destination_object
        self.recursive, self.delete_extra_files, self.allow_overwrite = recursive, delete_extra_files, allow_overwrite

    def execute(self, context: Mapping[str, Any]) -> None:
        done = synchronize(
            self.hook,
            self.source_bucket,
            self.destination_bucket,
            self.source_object,
            self.destination_object,
            self.recursive,
            self.allow_overwrite,
            self.delete_extra_files,
        )
        counts = len(done.to_copy), len(done.to_rewrite), len(done.to_delete)
        self.log.info("Objects that were missing: %s, different: %s, too many: %s", *counts)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
