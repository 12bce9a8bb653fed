"""Where state, logs and bundles lie: the Firestore database and the bucket."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Resource, Setting
from sailplane.deploy.topology import OBJECT_WRITTEN

EXPIRES = "expire_at"
EXPIRING = ("limits", "runs", "tasks", "tries", "task_state")
"""Collection groups whose documents go when the time in `expire_at` has come; without the field they stay."""
UNFINISHED_UPLOADS = timedelta(days=1)


def database(design: Design) -> Iterator[Resource]:
    """The database, its composite indexes, which fields are indexed, and what expires."""
    config = design.config
    yield Resource(
        kind=Kind.DATABASE,
        name=config.database,
        settings={
            "location": config.location or design.place.region,
            "type": "firestore-native",
            "delete_protection": config.delete_protection,
            "point_in_time_recovery": config.point_in_time_recovery,
        },
    )
    yield from map(_index, design.indexes.get("indexes", ()))
    yield from map(_field, design.indexes.get("fieldOverrides", ()))
    for group in EXPIRING:
        yield Resource(kind=Kind.TTL, name=f"{group}.{EXPIRES}", settings={"collection_group": group, "field": EXPIRES})


def _index(index: Mapping[str, Any]) -> Resource:
    fields = tuple({"field": one["fieldPath"], **_mode(one)} for one in index["fields"])
    scope = index.get("queryScope", "COLLECTION")
    settings: dict[str, Setting] = {"collection_group": index["collectionGroup"], "scope": scope, "fields": fields}
    return Resource(kind=Kind.INDEX, name=index_name(settings), settings=settings)


def index_name(settings: Mapping[str, Setting]) -> str:
    """An index has no name of its own: it is what it covers."""
    fields = settings["fields"]
    assert isinstance(fields, tuple)
    covered = (" ".join(map(str, one.values())) for one in fields if isinstance(one, Mapping))
    return ", ".join([str(settings["collection_group"]), str(settings["scope"]), *covered])


def _field(override: Mapping[str, Any]) -> Resource:
    group, path = override["collectionGroup"], override["fieldPath"]
    indexes = tuple({**_mode(one), "scope": one.get("queryScope", "COLLECTION")} for one in override["indexes"])
    return Resource(
        kind=Kind.FIELD,
        name=f"{group}.{path}",
        settings={"collection_group": group, "field": path, "indexes": indexes},
    )


def _mode(one: Mapping[str, Any]) -> dict[str, str]:
    return {"array": one["arrayConfig"]} if "arrayConfig" in one else {"order": one["order"]}


def bucket(design: Design) -> Iterator[Resource]:
    yield Resource(
        kind=Kind.BUCKET,
        name=design.bucket,
        settings={
            "location": design.place.region,
            "uniform_access": True,
            "public_access_prevention": True,
            "soft_delete": (design.config.soft_delete_days or 0) * 24 * 3600,
            "lifecycle": tuple(_lifecycle(design)),
        },
    )


def _lifecycle(design: Design) -> Iterator[Setting]:
    """What is deleted by itself. Bundles stay: runs of long ago may be run again."""
    config = design.config
    for prefix, days in (("logs/", config.log_retention_days), ("xcoms/", config.xcom_retention_days)):
        if days is not None:
            yield {"action": "Delete", "age": days, "prefix": prefix}
    yield {"action": "AbortIncompleteMultipartUpload", "age": UNFINISHED_UPLOADS.days}


def notification(design: Design) -> Iterator[Resource]:
    topic = design.topology.events_topic
    yield Resource(
        kind=Kind.NOTIFICATION,
        name=f"{design.bucket} to {topic}",
        settings={"bucket": design.bucket, "topic": topic, "event": OBJECT_WRITTEN, "payload": "json"},
    )
