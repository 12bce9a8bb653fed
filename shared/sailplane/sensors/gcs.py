"""Sensors on Google Cloud Storage."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from sailplane.hooks.gcs import GCSHook
from sailplane.hooks.google import DEFAULT_CONNECTION
from sailplane.sensors.base import PokeReturnValue
from sailplane.sensors.deferrable import DeferrableSensor
from sailplane.triggers.gcs import (
    GCSBlobTrigger,
    GCSCheckBlobUpdateTimeTrigger,
    GCSPrefixBlobTrigger,
    object_events,
    prefix_events,
)


class GCSSensor(DeferrableSensor):
    """A sensor on a bucket. Rescheduled or deferred, it is woken by the bucket's notification."""

    ui_color = "#f0eee4"

    def __init__(
        self,
        *,
        bucket: str,
        google_cloud_conn_id: str = DEFAULT_CONNECTION,
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.google_cloud_conn_id = google_cloud_conn_id
        self.impersonation_chain = impersonation_chain

    @cached_property
    def hook(self) -> GCSHook:
        return GCSHook(gcp_conn_id=self.google_cloud_conn_id, impersonation_chain=self.impersonation_chain)


class GCSObjectExistenceSensor(GCSSensor):
    """Waits until the object is in the bucket; with `use_glob`, until one is whose name matches `object`.

    In mode `reschedule` the bucket's notification ends the wait at once, whatever the `poke_interval`.
    """

    template_fields: Sequence[str] = ("bucket", "object", "google_cloud_conn_id", "impersonation_chain")

    def __init__(self, *, object: str, use_glob: bool = False, retry: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.object = object
        self.use_glob = use_glob

    @property
    def waits_for(self) -> tuple[str, ...]:  # type: ignore[override]
        return object_events(self.bucket, self.object, use_glob=self.use_glob)

    def trigger(self, context: Mapping[str, Any]) -> GCSBlobTrigger:
        return GCSBlobTrigger(
            self.bucket,
            self.object,
            use_glob=self.use_glob,
            poke_interval=self.poke_interval,
            google_cloud_conn_id=self.google_cloud_conn_id,
            hook_params={"impersonation_chain": self.impersonation_chain},
        )

    def execute_complete(self, context: Mapping[str, Any], event: Any = None) -> bool:
        self.log.info("File %s was found in bucket %s.", self.object, self.bucket)
        return True

    def poke(self, context: Mapping[str, Any]) -> bool:
        self.log.info("Sensor checks existence of object: %s, %s", self.bucket, self.object)
        if self.use_glob:
            return bool(self.hook.list(self.bucket, match_glob=self.object))
        return self.hook.exists(self.bucket, self.object)


class GCSObjectExistenceAsyncSensor(GCSObjectExistenceSensor):
    """A `GCSObjectExistenceSensor` that gives its slot back while it waits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "deferrable": True})


class GCSObjectUpdateSensor(GCSSensor):
    """Waits until the object was written after the moment that `ts_func(context)` gives.

    That is the end of the run's data interval, or when the run was due if it has none.
    """

    template_fields: Sequence[str] = ("bucket", "object", "google_cloud_conn_id", "impersonation_chain")

    def __init__(
        self, *, object: str, ts_func: Callable[[Mapping[str, Any]], datetime] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.object = object
        self.ts_func = ts_func or ts_function

    @property
    def waits_for(self) -> tuple[str, ...]:  # type: ignore[override]
        return object_events(self.bucket, self.object)

    def trigger(self, context: Mapping[str, Any]) -> GCSCheckBlobUpdateTimeTrigger:
        return GCSCheckBlobUpdateTimeTrigger(
            self.bucket,
            self.object,
            self.ts_func(context),
            poke_interval=self.poke_interval,
            google_cloud_conn_id=self.google_cloud_conn_id,
            hook_params={"impersonation_chain": self.impersonation_chain},
        )

    def execute_complete(self, context: Mapping[str, Any], event: Any = None) -> str:
        self.log.info("Object gs://%s/%s was updated.", self.bucket, self.object)
        return str(event["message"])

    def poke(self, context: Mapping[str, Any]) -> bool:
        since = self.ts_func(context)
        self.log.info("Sensor checks for updates of gs://%s/%s after %s", self.bucket, self.object, since)
        return self.hook.is_updated_after(self.bucket, self.object, since)


class GCSObjectsWithPrefixExistenceSensor(GCSSensor):
    """Waits until an object's name begins with `prefix`; returns the names of all that do.

    In mode `reschedule` the bucket's notification for an object in the prefix's folder has it look at once.
    """

    template_fields: Sequence[str] = ("bucket", "prefix", "google_cloud_conn_id", "impersonation_chain")

    def __init__(self, *, prefix: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix

    @property
    def waits_for(self) -> tuple[str, ...]:  # type: ignore[override]
        return prefix_events(self.bucket, self.prefix)

    def trigger(self, context: Mapping[str, Any]) -> GCSPrefixBlobTrigger:
        return GCSPrefixBlobTrigger(
            self.bucket,
            self.prefix,
            poke_interval=self.poke_interval,
            google_cloud_conn_id=self.google_cloud_conn_id,
            hook_params={"impersonation_chain": self.impersonation_chain},
        )

    def execute_complete(self, context: Mapping[str, Any], event: Any = None) -> list[str]:
        return list(event["matches"])

    def poke(self, context: Mapping[str, Any]) -> PokeReturnValue:
        self.log.info("Checking for existence of objects: gs://%s/%s*", self.bucket, self.prefix)
        found = self.hook.list(self.bucket, self.prefix)
        return PokeReturnValue(bool(found), found or None)


def ts_function(context: Mapping[str, Any]) -> datetime:
    """The end of the run's data interval, or when the run was due if it has none."""
    moment: datetime = context.get("data_interval_end") or context["dag_run"].run_after
    return moment
