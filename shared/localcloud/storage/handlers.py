"""The handlers that replace or complete those of the emulator: same arguments, on the same storage."""

import base64
import json
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from gcp_storage_emulator.exceptions import BadRequest, NotFound
from gcp_storage_emulator.handlers import buckets, objects

from localcloud.storage.call import Answer, Call
from localcloud.storage.index import Resource
from localcloud.storage.object_storage import ObjectStorage
from localcloud.storage.preconditions import names_other_generation

MAX_PAGE = 1000
_WRITABLE = frozenset(
    {
        "acl",
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "customTime",
        "eventBasedHold",
        "metadata",
        "retention",
        "storageClass",
        "temporaryHold",
    }
)
_RANGE = re.compile(r"\s*bytes=(?P<start>\d*)-(?P<end>\d*)\s*")


def insert_bucket(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    """Create a bucket with the settings asked for. Nothing is kept after deletion unless a policy asks for it."""
    settings = call.data or {}
    buckets.insert(call, answer, storage)
    if answer.status is not HTTPStatus.OK:
        return
    bucket = storage.buckets[settings["name"]]
    wanted = {"softDeletePolicy": {"retentionDurationSeconds": "0"}, **settings}
    updated = buckets._patch_bucket(bucket, wanted)
    updated["metageneration"] = "1"
    updated["timeCreated"] = updated["updated"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    storage.create_bucket(settings["name"], updated)
    answer.json(updated)


def list_objects(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    """`objects.list` with pages and offsets."""
    try:
        found, prefixes = storage.get_file_list(
            call.params["bucket_name"],
            call.one("prefix"),
            call.one("delimiter"),
            call.one("matchGlob"),
            soft_deleted=call.one("softDeleted") == "true",
        )
    except NotFound:
        answer.fail(HTTPStatus.NOT_FOUND, "notFound", "The specified bucket does not exist.")
        return
    except BadRequest as error:
        answer.fail(HTTPStatus.BAD_REQUEST, "invalid", str(error))
        return
    names = _within_offsets(call, [(item["name"], item) for item in found] + [(prefix, None) for prefix in prefixes])
    page, token = _page(names, call)
    items = [item for _name, item in page if item is not None]
    result: dict[str, Any] = {"kind": "storage#objects", "items": items}
    result["prefixes"] = [name for name, item in page if item is None]
    if token is not None:
        result["nextPageToken"] = token
    answer.json(result)


_Entry = tuple[str, Resource | None]


def _within_offsets(call: Call, entries: list[_Entry]) -> list[_Entry]:
    start, end = call.one("startOffset"), call.one("endOffset")
    kept = [entry for entry in entries if (not start or entry[0] >= start) and (not end or entry[0] < end)]
    return sorted(kept, key=lambda entry: entry[0].encode())


def _page(entries: list[_Entry], call: Call) -> tuple[list[_Entry], str | None]:
    token = call.one("pageToken")
    if token:
        last = base64.urlsafe_b64decode(token)
        entries = [entry for entry in entries if entry[0].encode() > last]
    size = min(int(call.one("maxResults") or MAX_PAGE), MAX_PAGE)
    page = entries[:size]
    if len(entries) <= size:
        return page, None
    return page, base64.urlsafe_b64encode(page[-1][0].encode()).decode()


def get_object(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    """Metadata, or with `alt=media` the content, of the generation asked for."""
    if call.one("softDeleted") == "true":
        objects.get(call, answer, storage)
        return
    if call.one("alt") == "media":
        download(call, answer, storage)
        return
    live = _live(call, answer, storage)
    if live is not None:
        answer.json(live)


def _live(call: Call, answer: Answer, storage: ObjectStorage) -> Resource | None:
    """The object asked for; answers 404 where there is none."""
    bucket, name = call.params["bucket_name"], call.params["object_id"]
    live = storage.index.get(bucket, name)
    if live is None or names_other_generation(call.query, live):
        answer.fail(HTTPStatus.NOT_FOUND, "notFound", f"No such object: {bucket}/{name}")
        return None
    return live


def download(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    """The content, or the range of it asked for; only that range is read."""
    live = _live(call, answer, storage)
    if live is None:
        return
    size = int(live["size"])
    wanted = _range(call.get_header("Range"), size)
    if wanted is None:
        answer.fail(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "requestedRangeNotSatisfiable", "Range not satisfiable")
        answer["Content-Range"] = f"bytes */{size}"
        return
    start, stop = wanted
    with storage.content_path(live["bucket"], live["name"]).open("rb") as file:
        file.seek(start)
        answer.write_file(file.read(stop - start), live.get("contentType"))
    if call.get_header("Range"):
        answer.status = HTTPStatus.PARTIAL_CONTENT
        answer["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    _describe_content(call, answer, live)


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None where the range lies outside. A header not understood is ignored."""
    match = _RANGE.fullmatch(header) if header else None
    if match is None or not (match["start"] or match["end"]):
        return 0, size
    if not match["start"]:
        return max(0, size - int(match["end"])), size
    start = int(match["start"])
    stop = min(size, int(match["end"]) + 1) if match["end"] else size
    return (start, stop) if start < size and start < stop else None


def _describe_content(call: Call, answer: Answer, live: Resource) -> None:
    answer["X-Goog-Hash"] = f"crc32c={live['crc32c']},md5={live['md5Hash']}"
    answer["X-Goog-Generation"] = live["generation"]
    answer["X-Goog-Metageneration"] = live["metageneration"]
    answer["X-Goog-Storage-Class"] = live["storageClass"]
    answer["X-Goog-Stored-Content-Length"] = live["size"]
    answer["X-Goog-Stored-Content-Encoding"] = live.get("contentEncoding") or "identity"
    answer["ETag"] = live["etag"]
    answer["Accept-Ranges"] = "bytes"
    if live.get("cacheControl"):
        answer["Cache-Control"] = live["cacheControl"]
    disposition = call.one("response-content-disposition") or live.get("contentDisposition")
    if disposition:
        answer["Content-Disposition"] = disposition
    for key, value in (live.get("metadata") or {}).items():
        answer[f"x-goog-meta-{key}"] = str(value)


def patch_object(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    """Merge the fields given into the metadata; a null takes a field away."""
    _change(call, answer, storage, replace=False)


def update_object(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    """Replace the writable metadata."""
    _change(call, answer, storage, replace=True)


def _change(call: Call, answer: Answer, storage: ObjectStorage, *, replace: bool) -> None:
    live = _live(call, answer, storage)
    if live is None:
        return
    body = call.data or {}
    changed = {key: value for key, value in live.items() if not (replace and key in _WRITABLE and key != "acl")}
    for key in _WRITABLE & body.keys():
        _merge(changed, key, body[key])
    changed.setdefault("storageClass", live["storageClass"])
    changed["metageneration"] = str(int(live["metageneration"]) + 1)
    storage.patch_object(live["bucket"], live["name"], changed)
    answer.json(changed)


def _merge(resource: Resource, key: str, value: Any) -> None:
    if isinstance(value, dict):
        merged = {**(resource.get(key) or {}), **value}
        resource[key] = {name: each for name, each in merged.items() if each is not None}
    elif value is None:
        resource.pop(key, None)
    else:
        resource[key] = value


def delete_object(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    if _live(call, answer, storage) is not None:
        objects.delete(call, answer, storage)
        answer.status = HTTPStatus.NO_CONTENT


def insert_notification(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    bucket = call.params["bucket_name"]
    if bucket not in storage.buckets:
        answer.fail(HTTPStatus.NOT_FOUND, "notFound", "The specified bucket does not exist.")
        return
    wanted = json.loads(call.body)
    if not str(wanted.get("topic", "")).startswith("//pubsub.googleapis.com/projects/"):
        answer.fail(HTTPStatus.BAD_REQUEST, "invalid", f"Invalid Google Cloud Pub/Sub topic: {wanted.get('topic')}")
        return
    answer.json(add_notification(storage, bucket, wanted))


def add_notification(storage: ObjectStorage, bucket: str, wanted: Resource) -> Resource:
    """Store a notification configuration; its resource."""
    stored = storage.index.add_notification(bucket, {"kind": "storage#notification", **wanted})
    return {**stored, "selfLink": f"/storage/v1/b/{bucket}/notificationConfigs/{stored['id']}"}


def list_notifications(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    answer.json({"kind": "storage#notifications", "items": storage.index.notifications(call.params["bucket_name"])})


def get_notification(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    wanted = call.params["notification_id"]
    found = [each for each in storage.index.notifications(call.params["bucket_name"]) if each["id"] == wanted]
    if found:
        answer.json(found[0])
    else:
        answer.fail(HTTPStatus.NOT_FOUND, "notFound", f"No such notification: {wanted}")


def delete_notification(call: Call, answer: Answer, storage: ObjectStorage) -> None:
    wanted = call.params["notification_id"]
    if storage.index.delete_notification(call.params["bucket_name"], wanted):
        answer.status = HTTPStatus.NO_CONTENT
    else:
        answer.fail(HTTPStatus.NOT_FOUND, "notFound", f"No such notification: {wanted}")
