"""Sensors on Google Cloud Storage."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sailplane.hooks.gcs import DEFAULT_CONNECTION, GCSHook, refuse_impersonation
from sailplane.sensors.base import BaseSensorOperator, PokeReturnValue


class GCSSensor(BaseSensorOperator):
    """A sensor on a bucket."""

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
        refuse_impersonation(self.task_id, impersonation_chain)
        self.bucket = bucket
        self.google_cloud_conn_id = google_cloud_conn_id

    @property
    def hook(self) -> GCSHook:
        return GCSHook(gcp_conn_id=self.google_cloud_conn_id)


class GCSObjectExistenceSensor(GCSSensor):
    """Waits until the object is in the bucket; with `use_glob`, until one is whose name matches `object`.

    In mode `reschedule` the bucket's notification ends the wait at once, whatever the `poke_interval`.
    """

    template_fields: Sequence[str] = ("bucket", "object", "google_cloud_conn_id")

    def __init__(self, *, object: str, use_glob: bool = False, retry: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.object = object
        self.use_glob = use_glob

    @property
    def waits_for(self) -> tuple[str, ...]:  # type: ignore[override]
        if self.use_glob:
            return (_anything_below(self.bucket, re.split(r"[*?\[{]", self.object, maxsplit=1)[0]),)
        return (f"gs://{self.bucket}/{self.object}",)

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

    template_fields: Sequence[str] = ("bucket", "object", "google_cloud_conn_id")

    def __init__(
        self, *, object: str, ts_func: Callable[[Mapping[str, Any]], datetime] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.object = object
        self.ts_func = ts_func or ts_function

    @property
    def waits_for(self) -> tuple[str, ...]:  # type: ignore[override]
        return (f"gs://{self.bucket}/{self.object}",)

    def poke(self, context: Mapping[str, Any]) -> bool:
        since = self.ts_func(context)
        self.log.info("Sensor checks for updates of gs://%s/%s after %s", self.bucket, self.object, since)
        return self.hook.is_updated_after(self.bucket, self.object, since)


class GCSObjectsWithPrefixExistenceSensor(GCSSensor):
    """Waits until an object's name begins with `prefix`; returns the names of all that do.

    In mode `reschedule` the bucket's notification for an object in the prefix's folder has it look at once.
    """

    template_fields: Sequence[str] = ("bucket", "prefix", "google_cloud_conn_id")

    def __init__(self, *, prefix: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix

    @property
    def waits_for(self) -> tuple[str, ...]:  # type: ignore[override]
        return (_anything_below(self.bucket, self.prefix),)

    def poke(self, context: Mapping[str, Any]) -> PokeReturnValue:
        self.log.info("Checking for existence of objects: gs://%s/%s*", self.bucket, self.prefix)
        found = self.hook.list(self.bucket, self.prefix)
        return PokeReturnValue(bool(found), found or None)


def _anything_below(bucket: str, prefix: str) -> str:
    """The event that any object in the prefix's folder, or below it, is."""
    folder, slash, _ = prefix.rpartition("/")
    return f"gs://{bucket}/{folder}{slash}*"


def ts_function(context: Mapping[str, Any]) -> datetime:
    """The end of the run's data interval, or when the run was due if it has none."""
    moment: datetime = context.get("data_interval_end") or context["dag_run"].run_after
    return moment
