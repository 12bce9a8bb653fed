"""Buckets, their notifications, and deleting what is in them."""

import copy
import json
from typing import Any

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import GcloudError, InvalidArgument
from fake_gcloud.iam import grant
from fake_gcloud.naming import short, topic_path
from fake_gcloud.services import agent
from fake_gcloud.surface import Call

ACTIONS = {"Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"}
CONDITIONS = {
    "age", "createdBefore", "customTimeBefore", "daysSinceCustomTime", "daysSinceNoncurrentTime", "isLive",
    "matchesPrefix", "matchesStorageClass", "matchesSuffix", "noncurrentTimeBefore", "numNewerVersions",
}  # fmt: skip


def name_of(url: str) -> str:
    if not url.startswith("gs://"):
        raise GcloudError(f"Invalid URL: {url}")
    return url.removeprefix("gs://").split("/")[0]


def bucket_at(cloud: Cloud, url: str) -> Json:
    name = name_of(url)
    return cloud.get("buckets", name, GcloudError(f"gs://{name} not found: 404."))


def lifecycle(path: str) -> Json:
    """The rules of a file as Cloud Storage checks them."""
    try:
        with open(path) as file:
            content: Any = json.load(file)
    except (OSError, ValueError) as error:
        raise GcloudError(f"Invalid lifecycle file {path}: {error}") from None
    rules = content.get("lifecycle", content).get("rule")
    for rule in rules or ():
        kind, condition = rule["action"]["type"], rule["condition"]
        if kind not in ACTIONS or not set(condition) <= CONDITIONS or not condition:
            raise InvalidArgument(f"Invalid lifecycle rule: {json.dumps(rule)}")
        if kind == "AbortIncompleteMultipartUpload" and not set(condition) <= {"age", "matchesPrefix", "matchesSuffix"}:
            raise InvalidArgument("AbortIncompleteMultipartUpload only supports age, matchesPrefix and matchesSuffix.")
    return {"rule": rules} if rules else {}


def _change(bucket: Json, call: Call) -> None:
    configuration = bucket["iamConfiguration"]
    if "uniform-bucket-level-access" in call:
        configuration["uniformBucketLevelAccess"] = {"enabled": call["uniform-bucket-level-access"]}
    if "public-access-prevention" in call:
        configuration["publicAccessPrevention"] = "enforced" if call["public-access-prevention"] else "inherited"
    if "soft-delete-duration" in call:
        length = int(call["soft-delete-duration"])
        if length and not 7 * 86400 <= length <= 90 * 86400:
            raise InvalidArgument("Soft delete policy retention duration must be 0 or from 7 to 90 days.")
        bucket["softDeletePolicy"] = {"retentionDurationSeconds": str(length)}
    if call.get("clear-soft-delete"):
        bucket["softDeletePolicy"] = {"retentionDurationSeconds": "0"}
    if "lifecycle-file" in call:
        bucket["lifecycle"] = lifecycle(call["lifecycle-file"])
    if call.get("clear-lifecycle"):
        bucket.pop("lifecycle", None)


@mutates("storage buckets create", "storage")
def create_buckets(cloud: Cloud, call: Call) -> Answer:
    for url in call["URL"]:
        name = name_of(url)
        bucket: Json = {
            "iamConfiguration": {"publicAccessPrevention": "inherited", "uniformBucketLevelAccess": {"enabled": False}},
            "id": name,
            "kind": "storage#bucket",
            "location": str(call.get("location", "US")).upper(),
            "locationType": "region" if "-" in str(call.get("location", "US")) else "multi-region",
            "metageneration": "1",
            "name": name,
            "projectNumber": cloud.number,
            "softDeletePolicy": {"retentionDurationSeconds": "604800"},
            "storageClass": call.get("default-storage-class", "STANDARD"),
            "timeCreated": cloud.now(),
        }
        _change(bucket, call)
        taken = GcloudError(
            "HTTPError 409: Your previous request to create the named bucket succeeded and you already own it."
        )
        cloud.add("buckets", name, bucket, taken)


@mutates("storage buckets update", "storage")
def update_buckets(cloud: Cloud, call: Call) -> Answer:
    for url in call["URL"]:
        _change(bucket_at(cloud, url), call)


def _as_gcloud_shows(bucket: Json) -> Json:
    """Without `--raw`, gcloud has names of its own for the fields."""
    configuration = bucket["iamConfiguration"]
    return {
        "creation_time": bucket["timeCreated"],
        "default_storage_class": bucket["storageClass"],
        **({"lifecycle_config": bucket["lifecycle"]} if bucket.get("lifecycle") else {}),
        "location": bucket["location"],
        "location_type": bucket["locationType"],
        "metageneration": int(bucket["metageneration"]),
        "name": bucket["name"],
        "public_access_prevention": configuration["publicAccessPrevention"],
        "soft_delete_policy": bucket["softDeletePolicy"],
        "storage_url": f"gs://{bucket['name']}/",
        "uniform_bucket_level_access": configuration["uniformBucketLevelAccess"]["enabled"],
    }


def _shown(bucket: Json, call: Call) -> Json:
    return copy.deepcopy(bucket) if call.get("raw") else _as_gcloud_shows(bucket)


@reads("storage buckets describe", "storage")
def describe_bucket(cloud: Cloud, call: Call) -> Answer:
    return _shown(bucket_at(cloud, call["URL"]), call)


@reads("storage buckets list", "storage")
def list_buckets(cloud: Cloud, call: Call) -> Answer:
    urls = call.get("URLS") or call.get("URL")
    names = [name_of(url) for url in urls] if urls else sorted(cloud.kind("buckets"))
    return [_shown(cloud.get("buckets", name), call) for name in names if cloud.find("buckets", name)]


def _remove(cloud: Cloud, name: str) -> None:
    cloud.remove("buckets", name)
    for key in [key for key in cloud.kind("notifications") if key.startswith(f"{name}/")]:
        cloud.remove("notifications", key)


@mutates("storage buckets delete", "storage")
def delete_buckets(cloud: Cloud, call: Call) -> Answer:
    for url in call.get("URLS", []):
        if bucket_at(cloud, url).get("x-objects"):
            raise GcloudError("HTTPError 409: The bucket you tried to delete is not empty.")
        _remove(cloud, name_of(url))


@mutates("storage rm", "storage")
def remove(cloud: Cloud, call: Call) -> Answer:
    """Objects; with `--recursive` of a bucket's URL the bucket too."""
    for url in call.get("URLS", []):
        bucket = bucket_at(cloud, url)
        prefix = url.removeprefix("gs://").partition("/")[2]
        if not prefix and call.get("recursive"):
            _remove(cloud, name_of(url))
        elif not prefix:
            raise GcloudError(f"The following URLs matched no objects or files:\n-{url}")
        else:
            bucket["x-objects"] = [each for each in bucket.get("x-objects", ()) if not each.startswith(prefix)]


@mutates("storage buckets notifications create", "storage")
def create_notification(cloud: Cloud, call: Call) -> Answer:
    bucket = bucket_at(cloud, call["URL"])
    topic = short(call.get("topic", bucket["name"]))
    publisher = f"serviceAccount:{agent(cloud, 'storage.googleapis.com')}"
    if not call.get("skip-topic-setup"):
        if cloud.find("topics", topic) is None:
            cloud.add("topics", topic, {"name": topic_path(cloud, topic)})
        grant(cloud, "topics", topic, "roles/pubsub.publisher", publisher)
    if cloud.find("topics", topic) is None:
        raise GcloudError(f"HTTPError 404: Topic {topic_path(cloud, topic)} not found.")
    if not cloud.may(f"topics {topic}", "roles/pubsub.publisher", publisher):
        raise GcloudError(
            f"HTTPError 403: The service account {publisher.removeprefix('serviceAccount:')} does not have permission "
            f"to publish messages to the Cloud Pub/Sub topic //pubsub.googleapis.com/{topic_path(cloud, topic)}"
        )
    identity = str(cloud.serial())
    notification = {
        "etag": identity,
        **({"event_types": call["event-types"]} if "event-types" in call else {}),
        "id": identity,
        "kind": "storage#notification",
        "payload_format": "NONE" if call.get("payload-format") == "none" else "JSON_API_V1",
        "topic": f"//pubsub.googleapis.com/{topic_path(cloud, topic)}",
    }
    return cloud.add("notifications", f"{bucket['name']}/{identity}", notification)


@reads("storage buckets notifications list", "storage")
def list_notifications(cloud: Cloud, call: Call) -> Answer:
    urls = call.get("URLS") or [f"gs://{name}" for name in sorted(cloud.kind("buckets"))]
    names = [bucket_at(cloud, url)["name"] for url in urls]
    return [
        {"Bucket URL": f"gs://{key.split('/')[0]}/", "Notification Configuration": copy.deepcopy(one)}
        for key, one in sorted(cloud.kind("notifications").items())
        if key.split("/")[0] in names
    ]


@mutates("storage buckets notifications delete", "storage")
def delete_notifications(cloud: Cloud, call: Call) -> Answer:
    for url in call["URLS"]:
        if url.startswith("projects/_/buckets/"):
            _, _, _, bucket, _, identity = url.split("/")
            cloud.remove("notifications", f"{bucket}/{identity}", GcloudError("HTTPError 404: Not Found"))
            continue
        name = bucket_at(cloud, url)["name"]
        for key in [key for key in cloud.kind("notifications") if key.startswith(f"{name}/")]:
            cloud.remove("notifications", key)
