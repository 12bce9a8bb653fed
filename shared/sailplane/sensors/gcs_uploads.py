"""Sensors that wait until somebody has uploaded all that there is to come."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.sensors.base import PokeReturnValue
from sailplane.sensors.gcs import GCSSensor


class GCSUploadSessionCompleteSensor(GCSSensor):
    """Waits until `min_objects` begin with `prefix`, and none of them was written for `inactivity_period` seconds.

    When an object was written is what the bucket says, so that the sensor may be rescheduled and retried. With
    `allow_delete=False` it fails when one of `previous_objects` is gone.
    """

    template_fields: Sequence[str] = ("bucket", "prefix", "google_cloud_conn_id", "impersonation_chain")

    def __init__(
        self,
        *,
        prefix: str,
        inactivity_period: float = 60 * 60,
        min_objects: int = 1,
        previous_objects: set[str] | None = None,
        allow_delete: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if inactivity_period < 0:
            raise ValueError(
                f"sensor {self.task_id!r}: inactivity_period must not be negative, but is {inactivity_period}"
            )
        self.prefix, self.inactivity_period, self.min_objects = prefix, inactivity_period, min_objects
        self.previous_objects, self.allow_delete = set(previous_objects or ()), allow_delete

    def poke(self, context: Mapping[str, Any]) -> PokeReturnValue:
        found = {blob.name: blob.updated for blob in self.hook.list_blobs(self.bucket, self.prefix)}
        gone = self.previous_objects - found.keys()
        if gone and not self.allow_delete:
            raise AirflowException(
                f"sensor {self.task_id!r}: gs://{self.bucket}/{min(gone)} was deleted while its upload was waited for"
            )
        if len(found) < max(self.min_objects, 1):
            self.log.info("%s objects of %s begin with %s", len(found), self.min_objects, self.prefix)
            return PokeReturnValue(False)
        quiet = datetime.now(UTC) - max(found.values())
        self.log.info("%s objects, and nothing was written for %s", len(found), quiet)
        return PokeReturnValue(quiet >= timedelta(seconds=self.inactivity_period), sorted(found))
