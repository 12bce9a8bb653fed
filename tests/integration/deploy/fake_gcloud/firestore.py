"""Firestore databases, composite indexes, fields and TTL policies."""

import copy
import json
import re
from typing import Any

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import AlreadyExists, FailedPrecondition, GcloudError, InvalidArgument, NotFound
from fake_gcloud.naming import short
from fake_gcloud.surface import Call

FIELD_URL = re.compile(
    r"https://firestore\.googleapis\.com/v1/projects/(?P<project>[^/]+)/databases/(?P<database>[^/]+)"
    r"/collectionGroups/(?P<group>[^/]+)/fields/(?P<field>[^/?]+)\?updateMask=indexConfig"
)
SCOPES = ("COLLECTION", "COLLECTION_GROUP", "COLLECTION_RECURSIVE")


def _path(cloud: Cloud, database: str) -> str:
    return f"projects/{cloud.project}/databases/{database}"


def _database(cloud: Cloud, name: str) -> Json:
    return cloud.get("databases", name, NotFound(f"The database {name} does not exist for project {cloud.project}."))


def _answer(cloud: Cloud) -> Json:
    """What an operation answers that has ended."""
    return {"done": True, "name": f"projects/{cloud.project}/databases/(default)/operations/{cloud.serial()}"}


@mutates("firestore databases create", "firestore")
def create_database(cloud: Cloud, call: Call) -> Answer:
    name = call.get("database", "(default)")
    if name != "(default)" and not re.fullmatch(r"[a-z][a-z0-9-]{2,61}[a-z0-9]", name):
        raise InvalidArgument(f"database_id should be 4-63 characters, and valid characters are /[a-z][0-9]-/: {name}")
    database = {
        "concurrencyMode": "PESSIMISTIC",
        "createTime": cloud.now(),
        "databaseEdition": call.get("edition", "standard").upper(),
        "deleteProtectionState": _protection(bool(call.get("delete-protection"))),
        "locationId": call["location"],
        "name": _path(cloud, name),
        "pointInTimeRecoveryEnablement": _recovery(bool(call.get("enable-pitr"))),
        "type": call.get("type", "firestore-native").upper().replace("-", "_"),
    }
    cloud.add("databases", name, database, AlreadyExists("Database already exists. Please use another database_id"))
    return _answer(cloud)


def _protection(on: bool) -> str:
    return f"DELETE_PROTECTION_{'ENABLED' if on else 'DISABLED'}"


def _recovery(on: bool) -> str:
    return f"POINT_IN_TIME_RECOVERY_{'ENABLED' if on else 'DISABLED'}"


@reads("firestore databases describe", "firestore")
def describe_database(cloud: Cloud, call: Call) -> Answer:
    return _database(cloud, call.get("database", "(default)"))


@reads("firestore databases list", "firestore")
def list_databases(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("databases")


@mutates("firestore databases update", "firestore")
def update_database(cloud: Cloud, call: Call) -> Answer:
    database = _database(cloud, call.get("database", "(default)"))
    if "delete-protection" in call:
        database["deleteProtectionState"] = _protection(call["delete-protection"])
    if "enable-pitr" in call:
        database["pointInTimeRecoveryEnablement"] = _recovery(call["enable-pitr"])
    return _answer(cloud)


@mutates("firestore databases delete", "firestore")
def delete_database(cloud: Cloud, call: Call) -> Answer:
    name = call["database"]
    if _database(cloud, name)["deleteProtectionState"] == _protection(True):
        raise FailedPrecondition("Database has delete protection enabled. Disable it before deleting the database.")
    cloud.remove("databases", name)
    for kind in ("indexes", "fields"):
        for key in [key for key in cloud.kind(kind) if key.startswith(_path(cloud, name) + "/")]:
            cloud.remove(kind, key)
    return _answer(cloud)


@mutates("firestore indexes composite create", "firestore")
def create_index(cloud: Cloud, call: Call) -> Answer:
    database = call.get("database", "(default)")
    _database(cloud, database)
    given = call["field-config"]
    fields = [_index_field(each) for each in (given if isinstance(given, list) else [given])]
    if len(fields) < 2:
        raise InvalidArgument("this index is not necessary, configure using single field index controls")
    scope = call.get("query-scope", "collection").upper().replace("-", "_")
    group = f"{_path(cloud, database)}/collectionGroups/{call['collection-group']}/indexes/"
    for key, index in cloud.kind("indexes").items():
        if key.startswith(group) and index["queryScope"] == scope and index["fields"][:-1] == fields:
            raise AlreadyExists("index already exists")
    fields.append({"fieldPath": "__name__", "order": fields[-1].get("order", "ASCENDING")})
    name = f"{group}CICA{cloud.serial():04}"
    index = {"density": "SPARSE_ALL", "fields": fields, "name": name, "queryScope": scope, "state": "READY"}
    cloud.add("indexes", name, index)
    return _answer(cloud)


def _index_field(given: Json) -> Json:
    if ("order" in given) == ("array-config" in given) or "field-path" not in given:
        raise GcloudError(
            "Invalid value for [--field-config]: Exactly one of 'order' or 'array-config' must be specified for the "
            f"field with the following path: [{given.get('field-path')}]."
        )
    mode = {"order": given["order"].upper()} if "order" in given else {"arrayConfig": given["array-config"].upper()}
    return {"fieldPath": given["field-path"], **mode}


@reads("firestore indexes composite list", "firestore")
def list_indexes(cloud: Cloud, call: Call) -> Answer:
    return _of_database(cloud, "indexes", call)


def _of_database(cloud: Cloud, kind: str, call: Call) -> list[Json]:
    database = call.get("database", "(default)")
    _database(cloud, database)
    return [each for each in cloud.all(kind) if each["name"].startswith(_path(cloud, database) + "/")]


@mutates("firestore indexes composite delete", "firestore")
def delete_index(cloud: Cloud, call: Call) -> Answer:
    for key in cloud.kind("indexes"):
        if short(key) == call["INDEX"]:
            cloud.remove("indexes", key)
            return
    raise NotFound(f"Index {call['INDEX']} not found.")


def _field(cloud: Cloud, database: str, group: str, path: str) -> Json:
    """The field's entry, which shows the defaults until something is decided about it."""
    _database(cloud, database)
    name = f"{_path(cloud, database)}/collectionGroups/{group}/fields/{path}"
    found = cloud.find("fields", name)
    return found if found is not None else cloud.add("fields", name, {"indexConfig": _inherited(), "name": name})


def _inherited() -> Json:
    return {"ancestorField": "projects/p/databases/d/collectionGroups/__default__/fields/*", "usesAncestorConfig": True}


def _set_indexes(field: Json, indexes: list[Json]) -> None:
    for index in indexes:
        index["state"] = "READY"
    field["indexConfig"] = {"indexes": indexes} if indexes else {}


@mutates("firestore indexes fields update", "firestore")
def update_field(cloud: Cloud, call: Call) -> Answer:
    """All indexes that gcloud gives a field have the scope of a collection: it knows no other."""
    field = _field(cloud, call.get("database", "(default)"), call["collection-group"], call["FIELD"])
    if call.get("clear-exemption"):
        field["indexConfig"] = _inherited()
    else:
        given = [] if call.get("disable-indexes") else [_mode(each) for each in call["index"]]
        _set_indexes(field, [
            {"fields": [{"fieldPath": call["FIELD"], **mode}], "queryScope": "COLLECTION"} for mode in given
        ])  # fmt: skip
    return _answer(cloud)


def _mode(given: Json) -> Json:
    if ("order" in given) == ("array-config" in given):
        raise GcloudError("Invalid value for [--index]: Exactly one of 'order' or 'array-config' must be specified")
    return {"order": given["order"].upper()} if "order" in given else {"arrayConfig": given["array-config"].upper()}


def patch_field(cloud: Cloud, url: str, body: str) -> Json:
    """`PATCH` of a field by Firestore's API, which knows the scope of collection groups."""
    place = FIELD_URL.fullmatch(url)
    if place is None or place["project"] != cloud.project:
        raise NotFound(f"There is nothing at {url}")
    cloud.need_api("firestore")
    indexes = json.loads(body)["indexConfig"]["indexes"]
    for index in indexes:
        _check_index(index, place["field"])
    _set_indexes(_field(cloud, place["database"], place["group"], place["field"]), copy.deepcopy(indexes))
    return _answer(cloud)


def _check_index(index: Any, path: str) -> None:
    (field,) = index["fields"]
    mode = {key: value for key, value in field.items() if key != "fieldPath"}
    if mode not in ({"order": "ASCENDING"}, {"order": "DESCENDING"}, {"arrayConfig": "CONTAINS"}):
        raise InvalidArgument(f"Invalid index of field {path}: {json.dumps(index)}")
    if index.get("queryScope") not in SCOPES or field["fieldPath"] != path:
        raise InvalidArgument(f"Invalid index of field {path}: {json.dumps(index)}")


@reads("firestore indexes fields list", "firestore")
def list_fields(cloud: Cloud, call: Call) -> Answer:
    fields = _of_database(cloud, "fields", call)
    return [each for each in fields if not each["indexConfig"].get("usesAncestorConfig")]


@reads("firestore fields ttls list", "firestore")
def list_ttls(cloud: Cloud, call: Call) -> Answer:
    return [each for each in _of_database(cloud, "fields", call) if "ttlConfig" in each]


@mutates("firestore fields ttls update", "firestore")
def update_ttl(cloud: Cloud, call: Call) -> Answer:
    database, group = call.get("database", "(default)"), call["collection-group"]
    field = _field(cloud, database, group, call["FIELD"])
    if call.get("disable-ttl"):
        field.pop("ttlConfig", None)
        return _answer(cloud)
    others = [each for each in cloud.kind("fields").values() if each is not field and "ttlConfig" in each]
    if any(f"databases/{database}/collectionGroups/{group}/" in each["name"] for each in others):
        raise FailedPrecondition(f"Only one field of the collection group {group} can have a TTL policy.")
    field["ttlConfig"] = {"state": "ACTIVE"}
    return _answer(cloud)
