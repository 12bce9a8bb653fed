"""Commands for the Firestore database and the bucket."""

import json
from typing import Any

from sailplane.deploy.command import Command
from sailplane.deploy.kit import Kit, items, number, text
from sailplane.deploy.resource import Kind, Resource, Setting
from sailplane.deploy.verbs import Verbs

_FIRESTORE = "https://firestore.googleapis.com/v1"


def _create_database(kit: Kit, database: Resource) -> tuple[Command, ...]:
    return (
        kit.gcloud(
            "firestore",
            "databases",
            "create",
            database=database.name,
            location=text(database, "location"),
            type=text(database, "type"),
            delete_protection=bool(database.settings["delete_protection"]) or None,
            enable_pitr=bool(database.settings["point_in_time_recovery"]) or None,
        ),
    )


def _update_database(kit: Kit, database: Resource) -> tuple[Command, ...]:
    return (
        kit.gcloud(
            "firestore",
            "databases",
            "update",
            database=database.name,
            delete_protection=bool(database.settings["delete_protection"]),
            enable_pitr=bool(database.settings["point_in_time_recovery"]),
        ),
    )


def _delete_database(kit: Kit, database: Resource) -> tuple[Command, ...]:
    words = ("firestore", "databases")
    return (
        kit.gcloud(*words, "update", database=database.name, delete_protection=False),
        kit.gcloud(*words, "delete", database=database.name),
    )


def _create_index(kit: Kit, index: Resource) -> tuple[Command, ...]:
    fields = [f"--field-config=field-path={one['field']},{_mode(one)}" for one in items(index.settings["fields"])]
    return (
        kit.gcloud(
            "firestore",
            "indexes",
            "composite",
            "create",
            *fields,
            database=kit.design.config.database,
            collection_group=text(index, "collection_group"),
            query_scope=text(index, "scope").lower().replace("_", "-"),
            **{"async": True},
        ),
    )


def _mode(one: dict[str, Setting]) -> str:
    return f"array-config={one['array']}".lower() if "array" in one else f"order={one['order']}".lower()


def _write_field(kit: Kit, field: Resource) -> tuple[Command, ...]:
    """By Firestore's API: `gcloud firestore indexes fields update` knows no indexes of collection groups, and gcloud's
    own request sets the scope COLLECTION."""
    group, path = text(field, "collection_group"), text(field, "field")
    database = f"projects/{kit.project}/databases/{kit.design.config.database}"
    body = {"indexConfig": {"indexes": [_index_of(path, one) for one in items(field.settings["indexes"])]}}
    argv = (
        "curl",
        "--silent",
        "--show-error",
        "--fail-with-body",
        *("--request", "PATCH"),
        *("--header", "@-"),
        *("--header", f"x-goog-user-project: {kit.project}"),
        *("--header", "content-type: application/json"),
        *("--data", json.dumps(body)),
        f"{_FIRESTORE}/{database}/collectionGroups/{group}/fields/{path}?updateMask=indexConfig",
    )
    return (Command(argv=argv, takes_token=True),)


def _index_of(path: str, one: dict[str, Setting]) -> dict[str, Any]:
    mode = {"arrayConfig": one["array"]} if "array" in one else {"order": one["order"]}
    return {"queryScope": one["scope"], "fields": [{"fieldPath": path, **mode}]}


def _enable_ttl(kit: Kit, ttl: Resource) -> tuple[Command, ...]:
    return (
        kit.gcloud(
            "firestore",
            "fields",
            "ttls",
            "update",
            text(ttl, "field"),
            collection_group=text(ttl, "collection_group"),
            database=kit.design.config.database,
            enable_ttl=True,
            **{"async": True},
        ),
    )


def _create_bucket(kit: Kit, bucket: Resource) -> tuple[Command, ...]:
    created = kit.gcloud(
        "storage",
        "buckets",
        "create",
        f"gs://{bucket.name}",
        location=text(bucket, "location"),
        uniform_bucket_level_access=True,
        public_access_prevention=True,
        soft_delete_duration=f"{number(bucket, 'soft_delete')}s",
    )
    return (created, _lifecycle(kit, bucket))


def _update_bucket(kit: Kit, bucket: Resource) -> tuple[Command, ...]:
    seconds = number(bucket, "soft_delete")
    updated = kit.gcloud(
        "storage",
        "buckets",
        "update",
        f"gs://{bucket.name}",
        uniform_bucket_level_access=True,
        public_access_prevention=True,
        soft_delete_duration=f"{seconds}s" if seconds else None,
        clear_soft_delete=None if seconds else True,
    )
    return (updated, _lifecycle(kit, bucket))


def _lifecycle(kit: Kit, bucket: Resource) -> Command:
    file = kit.file("lifecycle.json", {"rule": [_rule(one) for one in _rules(bucket)]})
    command = kit.gcloud("storage", "buckets", "update", f"gs://{bucket.name}", lifecycle_file=str(file.path))
    return Command(argv=command.argv, files=(file,))


def _rules(bucket: Resource) -> tuple[dict[str, Setting], ...]:
    return items(bucket.settings["lifecycle"])


def _rule(one: dict[str, Setting]) -> dict[str, Any]:
    condition: dict[str, Any] = {"age": one["age"]}
    if "prefix" in one:
        condition["matchesPrefix"] = [one["prefix"]]
    return {"action": {"type": one["action"]}, "condition": condition}


def _delete_bucket(kit: Kit, bucket: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("storage", "rm", f"gs://{bucket.name}", recursive=True),)


def _create_notification(kit: Kit, notification: Resource) -> tuple[Command, ...]:
    return (
        kit.gcloud(
            "storage",
            "buckets",
            "notifications",
            "create",
            f"gs://{text(notification, 'bucket')}",
            topic=kit.design.topology.topic_path(text(notification, "topic")),
            event_types=text(notification, "event"),
            payload_format=text(notification, "payload"),
            skip_topic_setup=True,
        ),
    )


def _delete_notification(kit: Kit, notification: Resource) -> tuple[Command, ...]:
    return (kit.gcloud("storage", "buckets", "notifications", "delete", text(notification, "id")),)


VERBS = {
    Kind.DATABASE: Verbs(
        create=_create_database,
        update=_update_database,
        delete=_delete_database,
        lasting=frozenset({"location", "type"}),
    ),
    # Indexes, fields and TTL policies go with their database.
    Kind.INDEX: Verbs(create=_create_index),
    Kind.FIELD: Verbs(create=_write_field, update=_write_field),
    Kind.TTL: Verbs(create=_enable_ttl, update=_enable_ttl),
    Kind.BUCKET: Verbs(
        create=_create_bucket, update=_update_bucket, delete=_delete_bucket, lasting=frozenset({"location"})
    ),
    Kind.NOTIFICATION: Verbs(create=_create_notification, delete=_delete_notification),
}
