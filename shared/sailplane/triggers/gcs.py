"""Triggers that wait for objects in a bucket. The bucket's notification wakes them at once, where there is one."""

import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from sailplane.authoring.trigger import BaseTrigger, TriggerEvent
from sailplane.hooks.gcs import GCSHook
from sailplane.hooks.google import DEFAULT_CONNECTION


def object_events(bucket: str, name: str, *, use_glob: bool = False) -> tuple[str, ...]:
    """The events by which an object comes that `name` names."""
    if use_glob:
        return prefix_events(bucket, re.split(r"[*?\[{]", name, maxsplit=1)[0])
    return (f"gs://{bucket}/{name}",)


def prefix_events(bucket: str, prefix: str) -> tuple[str, ...]:
    """The event that any object in the prefix's folder, or below it, is."""
    folder, slash, _ = prefix.rpartition("/")
    return (f"gs://{bucket}/{folder}{slash}*",)


class _BucketTrigger(BaseTrigger):
    """Looks into a bucket every `poke_interval` seconds."""

    looks_first = True

    def __init__(
        self,
        bucket: str,
        *,
        poke_interval: float,
        google_cloud_conn_id: str = DEFAULT_CONNECTION,
        hook_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.bucket = bucket
        self.poke_interval, self.google_cloud_conn_id = poke_interval, google_cloud_conn_id
        self.hook_params = dict(hook_params or {})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {
            "bucket": self.bucket,
            "poke_interval": self.poke_interval,
            "google_cloud_conn_id": self.google_cloud_conn_id,
            "hook_params": self.hook_params,
        }
        return f"{__name__}.{type(self).__name__}", {**arguments, **self.own_arguments()}

    def own_arguments(self) -> dict[str, Any]:
        """Those beside the ones that all of these triggers have."""
        return {}

    @property
    def hook(self) -> GCSHook:
        return GCSHook(gcp_conn_id=self.google_cloud_conn_id, **self.hook_params)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from asyncio import sleep

        while (found := self.look()) is None:
            await sleep(self.poke_interval)
        yield TriggerEvent({"status": "success", **found})

    @abstractmethod
    def look(self) -> dict[str, Any] | None:
        """What the event says; None while there is nothing to say."""


class GCSBlobTrigger(_BucketTrigger):
    """Fires when the object is there; with `use_glob`, when one is whose name matches."""

    def __init__(
        self,
        bucket: str,
        object_name: str,
        use_glob: bool = False,
        poke_interval: float = 60.0,
        google_cloud_conn_id: str = DEFAULT_CONNECTION,
        hook_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            bucket, poke_interval=poke_interval, google_cloud_conn_id=google_cloud_conn_id, hook_params=hook_params
        )
        self.object_name, self.use_glob = object_name, use_glob
        self.waits_for = object_events(bucket, object_name, use_glob=use_glob)

    def own_arguments(self) -> dict[str, Any]:
        return {"object_name": self.object_name, "use_glob": self.use_glob}

    def look(self) -> dict[str, Any] | None:
        if self.use_glob:
            names = self.hook.list(self.bucket, match_glob=self.object_name)
            return {"message": names} if names else None
        return {"message": "success"} if self.hook.exists(self.bucket, self.object_name) else None


class GCSCheckBlobUpdateTimeTrigger(_BucketTrigger):
    """Fires when the object was written after `target_date`."""

    def __init__(
        self,
        bucket: str,
        object_name: str,
        target_date: datetime,
        poke_interval: float = 60.0,
        google_cloud_conn_id: str = DEFAULT_CONNECTION,
        hook_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            bucket, poke_interval=poke_interval, google_cloud_conn_id=google_cloud_conn_id, hook_params=hook_params
        )
        self.object_name, self.target_date = object_name, target_date
        self.waits_for = object_events(bucket, object_name)

    def own_arguments(self) -> dict[str, Any]:
        return {"object_name": self.object_name, "target_date": self.target_date}

    def look(self) -> dict[str, Any] | None:
        is_there = self.hook.is_updated_after(self.bucket, self.object_name, self.target_date)
        return {"message": "success"} if is_there else None


class GCSPrefixBlobTrigger(_BucketTrigger):
    """Fires when an object's name begins with `prefix`; the names of all that do are the event's `matches`."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        poke_interval: float = 60.0,
        google_cloud_conn_id: str = DEFAULT_CONNECTION,
        hook_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            bucket, poke_interval=poke_interval, google_cloud_conn_id=google_cloud_conn_id, hook_params=hook_params
        )
        self.prefix = prefix
        self.waits_for = prefix_events(bucket, prefix)

    def own_arguments(self) -> dict[str, Any]:
        return {"prefix": self.prefix}

    def look(self) -> dict[str, Any] | None:
        names = self.hook.list(self.bucket, self.prefix)
        return {"message": "Successfully completed", "matches": names} if names else None
