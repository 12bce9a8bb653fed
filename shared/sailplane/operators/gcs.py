"""Tasks on buckets and objects of Google Cloud Storage."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.gcs import GCSHook
from sailplane.operators.google import GoogleOperator


class GCSOperator(GoogleOperator):
    """An operator with a GCS hook."""

    ui_color = "#f0eee4"

    @cached_property
    def hook(self) -> GCSHook:
        return GCSHook(**self.hook_arguments())


class GCSCreateBucketOperator(GCSOperator):
    """Creates a bucket; succeeds when it is there already."""

    template_fields: Sequence[str] = (
        "bucket_name",
        "storage_class",
        "location",
        "project_id",
        "gcp_conn_id",
        "impersonation_chain",
    )

    def __init__(
        self,
        *,
        bucket_name: str,
        resource: Mapping[str, Any] | None = None,
        storage_class: str = "MULTI_REGIONAL",
        location: str = "US",
        project_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name = bucket_name
        self.resource, self.labels = resource, labels
        self.storage_class, self.location, self.project_id = storage_class, location, project_id

    def execute(self, context: Mapping[str, Any]) -> None:
        self.hook.create_bucket(
            bucket_name=self.bucket_name,
            resource=self.resource,
            storage_class=self.storage_class,
            location=self.location,
            project_id=self.project_id,
            labels=self.labels,
        )


class GCSDeleteBucketOperator(GCSOperator):
    """Deletes a bucket, with `force` (the default) with all that is in it; succeeds when there is none."""

    template_fields: Sequence[str] = ("bucket_name", "gcp_conn_id", "impersonation_chain")

    def __init__(self, *, bucket_name: str, force: bool = True, user_project: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket_name, self.force = bucket_name, force

    def execute(self, context: Mapping[str, Any]) -> None:
        self.hook.delete_bucket(self.bucket_name, force=self.force)


class GCSListObjectsOperator(GCSOperator):
    """Returns the names of the objects that begin with `prefix` and match `match_glob`."""

    template_fields: Sequence[str] = (
        "bucket",
        "prefix",
        "delimiter",
        "match_glob",
        "gcp_conn_id",
        "impersonation_chain",
    )

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str | Sequence[str] | None = None,
        match_glob: str | None = None,
        delimiter: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket, self.prefix, self.match_glob, self.delimiter = bucket, prefix, match_glob, delimiter

    def execute(self, context: Mapping[str, Any]) -> list[str]:
        if not self.delimiter:
            return self.hook.list(self.bucket, self.prefix, self.match_glob)
        # As in Airflow a delimiter that folders do not end in is the end of the names that are wanted.
        return [name for name in self.hook.list(self.bucket, self.prefix) if name.endswith(self.delimiter)]


class GCSDeleteObjectsOperator(GCSOperator):
    """Deletes `objects`, or all that begin with `prefix`; what is not there is passed over."""

    template_fields: Sequence[str] = ("bucket_name", "prefix", "objects", "gcp_conn_id", "impersonation_chain")

    def __init__(
        self,
        *,
        bucket_name: str,
        objects: Sequence[str] | None = None,
        prefix: str | Sequence[str] | None = None,
        ignore_error: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if objects is None and prefix is None:
            raise ValueError(f"task {self.task_id!r} needs objects or prefix: it would not know what to delete")
        self.bucket_name, self.objects, self.prefix = bucket_name, objects, prefix
        self.ignore_error = ignore_error

    def execute(self, context: Mapping[str, Any]) -> None:
        hook = self.hook
        doomed = hook.list(self.bucket_name, self.prefix) if self.objects is None else self.objects
        self.log.info("Deleting %s objects from %s", len(doomed), self.bucket_name)
        for name in doomed:
            hook.delete(self.bucket_name, name, ignore_error=self.ignore_error)


class GCSFileTransformOperator(GCSOperator):
    """Downloads an object, runs a script with the names of two files, and uploads what it wrote to the second.

    `transform_script` is a command or a list of its words; a list that begins with `python` uses this interpreter.
    """

    template_fields: Sequence[str] = (
        "source_bucket",
        "source_object",
        "destination_bucket",
        "destination_object",
        "transform_script",
    )

    def __init__(
        self,
        *,
        source_bucket: str,
        source_object: str,
        transform_script: str | Sequence[str],
        destination_bucket: str | None = None,
        destination_object: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_bucket, self.source_object = source_bucket, source_object
        self.destination_bucket, self.destination_object = destination_bucket, destination_object
        self.transform_script = transform_script

    def execute(self, context: Mapping[str, Any]) -> None:
        hook = self.hook
        with TemporaryDirectory(prefix="sailplane") as folder:
            source, target = Path(folder) / "source", Path(folder) / "target"
            hook.download(self.source_bucket, self.source_object, str(source))
            self._transform(source, target)
            hook.upload(
                self.destination_bucket or self.source_bucket,
                self.destination_object or self.source_object,
                filename=target,
            )

    def _transform(self, source: Path, target: Path) -> None:
        script = self.transform_script
        words = [script] if isinstance(script, str) else list(script)
        if words[0] == "python":
            words[0] = sys.executable
        ended = subprocess.run(
            [*words, str(source), str(target)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        for line in ended.stdout.decode(errors="backslashreplace").splitlines():
            self.log.info("%s", line)
        if ended.returncode:
            raise AirflowException(f"the transform script {words[0]!r} exited with code {ended.returncode}")
        if not target.exists():
            raise AirflowException(f"the transform script {words[0]!r} wrote nothing to its second argument")
