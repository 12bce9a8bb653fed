"""Sensors on Google Cloud Storage."""

from collections.abc import Mapping, Sequence
from typing import Any

from sailplane.hooks.gcs import GCSHook
from sailplane.sensors.base import BaseSensorOperator


class GCSObjectExistenceSensor(BaseSensorOperator):
    """Waits until the object is in the bucket.

    In mode `reschedule` the bucket's notification ends the wait at once, whatever the `poke_interval`.
    """

    template_fields: Sequence[str] = ("bucket", "object", "google_cloud_conn_id")
    ui_color = "#f0eee4"

    def __init__(
        self, *, bucket: str, object: str, google_cloud_conn_id: str = "google_cloud_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.object = object
        self.google_cloud_conn_id = google_cloud_conn_id

    @property
    def waits_for(self) -> tuple[str, ...]:  # type: ignore[override]
        return (f"gs://{self.bucket}/{self.object}",)

    def poke(self, context: Mapping[str, Any]) -> bool:
        self.log.info("Sensor checks existence of object: %s, %s", self.bucket, self.object)
        return GCSHook(gcp_conn_id=self.google_cloud_conn_id).exists(self.bucket, self.object)
