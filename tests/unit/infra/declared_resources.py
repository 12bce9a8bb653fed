"""What the Terraform module declares, in the words of `sailplane.deploy.resource`: one function for each type."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hcl_expressions import Body
from hcl_module import Declared

from sailplane.deploy.resource import Kind, Resource, Scope, binding

PROJECT, NUMBER, REGION = "flights", "123456789012", "europe-west1"

ANSWERS: Mapping[str, Callable[[Body], Mapping[str, Any]]] = {
    "google_project": lambda _: {"number": NUMBER},
    "google_storage_project_service_account": lambda body: {
        "email_address": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    },
    "google_pubsub_topic": lambda body: {"id": f"projects/{body['project']}/topics/{body['name']}"},
    "google_pubsub_subscription": lambda body: {"id": f"projects/{body['project']}/subscriptions/{body['name']}"},
    "google_service_account": lambda body: {"email": f"{body['account_id']}@{body['project']}.iam.gserviceaccount.com"},
    "archive_file": lambda _: {"output_sha256": "0a1b"},
}
"""What Google and the archive provider answer to Terraform."""

CARRIERS = frozenset({"archive_file", "google_project", "google_storage_bucket_object"})
"""Types that only carry the source of functions to Google, or ask for something: `sailplane deploy` makes no resource
of either."""


def resources(declared: Declared) -> Iterator[Resource]:
    """The resources of a deployment that one block of Terraform makes."""
    if declared.type in CARRIERS:
        return
    body = declared.body
    if declared.type.endswith("_iam_member"):
        scope, owner = _SCOPES[declared.type]
        yield binding(scope, body[owner], body["role"], body["member"])
    else:
        yield _MAKERS[declared.type](body)


_SCOPES = {
    "google_project_iam_member": (Scope.PROJECT, "project"),
    "google_storage_bucket_iam_member": (Scope.BUCKET, "bucket"),
    "google_pubsub_topic_iam_member": (Scope.TOPIC, "topic"),
    "google_pubsub_subscription_iam_member": (Scope.SUBSCRIPTION, "subscription"),
    "google_cloud_run_v2_service_iam_member": (Scope.SERVICE, "name"),
    "google_cloud_run_v2_job_iam_member": (Scope.JOB, "name"),
    "google_secret_manager_secret_iam_member": (Scope.SECRET, "secret_id"),
    "google_iap_web_cloud_run_service_iam_member": (Scope.IAP, "cloud_run_service_name"),
}


def _api(body: Body) -> Resource:
    return Resource(kind=Kind.API, name=body["service"])


def _agent(body: Body) -> Resource:
    return Resource(kind=Kind.SERVICE_AGENT, name=body["service"])


def _storage_agent(_: Body) -> Resource:
    return Resource(kind=Kind.SERVICE_AGENT, name="storage.googleapis.com")


def _account(body: Body) -> Resource:
    return Resource(kind=Kind.SERVICE_ACCOUNT, name=body["email"], settings={"display_name": body["display_name"]})


def _database(body: Body) -> Resource:
    return Resource(
        kind=Kind.DATABASE,
        name=body["name"],
        settings={
            "location": body["location_id"],
            "type": body["type"].lower().replace("_", "-"),
            "delete_protection": body["delete_protection_state"] == "DELETE_PROTECTION_ENABLED",
            "point_in_time_recovery": body["point_in_time_recovery_enablement"] == "POINT_IN_TIME_RECOVERY_ENABLED",
        },
    )


def _mode(index: Body) -> dict[str, str]:
    return {"array": index["array_config"]} if index["array_config"] else {"order": index["order"]}


def _index(body: Body) -> Resource:
    fields = tuple({"field": one["field_path"], **_mode(one)} for one in body["fields"])
    group, scope = body["collection"], body["query_scope"]
    return Resource(
        kind=Kind.INDEX,
        name=", ".join([group, scope, *(" ".join(one.values()) for one in fields)]),
        settings={"collection_group": group, "scope": scope, "fields": fields},
    )


def _field(body: Body) -> Resource:
    group, path = body["collection"], body["field"]
    settings: dict[str, Any] = {"collection_group": group, "field": path}
    if "ttl_config" in body:
        return Resource(kind=Kind.TTL, name=f"{group}.{path}", settings=settings)
    indexes = tuple({**_mode(one), "scope": one["query_scope"]} for one in body["index_config"][0]["indexes"])
    return Resource(kind=Kind.FIELD, name=f"{group}.{path}", settings={**settings, "indexes": indexes})


def _bucket(body: Body) -> Resource:
    return Resource(
        kind=Kind.BUCKET,
        name=body["name"],
        settings={
            "location": body["location"],
            "uniform_access": body["uniform_bucket_level_access"],
            "public_access_prevention": body["public_access_prevention"] == "enforced",
            "soft_delete": body["soft_delete_policy"][0]["retention_duration_seconds"],
            "lifecycle": tuple(map(_lifecycle, body["lifecycle_rule"])),
        },
    )


def _lifecycle(rule: Body) -> dict[str, Any]:
    condition = rule["condition"][0]
    prefixes = condition.get("matches_prefix")
    settings = {"action": rule["action"][0]["type"], "age": condition["age"]}
    return settings if prefixes is None else {**settings, "prefix": ", ".join(prefixes)}


def _notification(body: Body) -> Resource:
    topic, [event] = _last(body["topic"]), body["event_types"]
    return Resource(
        kind=Kind.NOTIFICATION,
        name=f"{body['bucket']} to {topic}",
        settings={
            "bucket": body["bucket"],
            "topic": topic,
            "event": event,
            "payload": {"JSON_API_V1": "json", "NONE": "none"}[body["payload_format"]],
        },
    )


def _topic(body: Body) -> Resource:
    return Resource(kind=Kind.TOPIC, name=body["name"])


def _subscription(body: Body) -> Resource:
    settings: dict[str, Any] = {
        "topic": _last(body["topic"]),
        "ack_deadline": body["ack_deadline_seconds"],
        "expires": body["expiration_policy"][0]["ttl"] != "",
        "filter": body["filter"] or "",
    }
    for push in body.get("push_config", ()):
        token = push["oidc_token"][0]
        settings |= {
            "push_endpoint": push["push_endpoint"],
            "push_account": token["service_account_email"],
            "push_audience": token["audience"],
        }
    for retry in body.get("retry_policy", ()):
        least, most = _seconds(retry["minimum_backoff"]), _seconds(retry["maximum_backoff"])
        settings |= {"least_backoff": least, "most_backoff": most}
    for dead in body.get("dead_letter_policy", ()):
        settings |= {
            "dead_letter_topic": _last(dead["dead_letter_topic"]),
            "most_attempts": dead["max_delivery_attempts"],
        }
    if body["message_retention_duration"] is not None:
        settings["retention"] = _seconds(body["message_retention_duration"])
    return Resource(kind=Kind.SUBSCRIPTION, name=body["name"], settings=settings)


def _function(body: Body) -> Resource:
    build, service = body["build_config"][0], body["service_config"][0]
    assert service["all_traffic_on_latest_revision"]
    return Resource(
        kind=Kind.FUNCTION,
        name=body["name"],
        settings={
            "region": body["location"],
            "entry_point": build["entry_point"],
            "runtime": build["runtime"],
            "memory": service["available_memory"],
            "cpu": float(service["available_cpu"]),
            "concurrency": service["max_instance_request_concurrency"],
            "timeout": service["timeout_seconds"],
            "min_instances": service["min_instance_count"],
            "max_instances": service["max_instance_count"],
            "ingress": service["ingress_settings"].removeprefix("ALLOW_").lower().replace("_", "-"),
            "vpc_connector": service["vpc_connector"],
            "service_account": service["service_account_email"],
            "build_account": _last(build["service_account"]),
            "env": service["environment_variables"],
            "secrets": {
                one["key"]: f"{one['secret']}:{one['version']}"
                for one in service.get("secret_environment_variables", ())
            },
        },
    )


def _repository(body: Body) -> Resource:
    return Resource(
        kind=Kind.REPOSITORY,
        name=body["repository_id"],
        settings={"location": body["location"], "format": body["format"].lower()},
    )


def _job(body: Body) -> Resource:
    task = body["template"][0]["template"][0]
    container = task["containers"][0]
    limits = container["resources"][0]["limits"]
    gpus = [one["accelerator"] for one in task.get("node_selector", ())]
    assert limits.get("nvidia.com/gpu") == ("1" if gpus else None)
    assert task["gpu_zonal_redundancy_disabled"] == (True if gpus else None)
    return Resource(
        kind=Kind.JOB,
        name=body["name"],
        settings={
            "region": body["location"],
            "image": container["image"],
            "command": tuple(container["command"]),
            "memory": limits["memory"],
            "cpu": float(limits["cpu"]),
            "gpu": gpus[0] if gpus else None,
            "timeout": _seconds(task["timeout"]),
            "most_retries": task["max_retries"],
            "service_account": task["service_account"],
            "env": {one["name"]: one["value"] for one in container["env"] if "value" in one},
            "secrets": {one["name"]: _secret(one) for one in container["env"] if "value_source" in one},
        },
    )


def _secret(env: Body) -> str:
    reference = env["value_source"][0]["secret_key_ref"][0]
    return f"{reference['secret']}:{reference['version']}"


def _clock(body: Body) -> Resource:
    target = body["http_target"][0]
    token = target["oidc_token"][0]
    return Resource(
        kind=Kind.SCHEDULER_JOB,
        name=body["name"],
        settings={
            "location": body["region"],
            "schedule": body["schedule"],
            "time_zone": body["time_zone"],
            "method": target["http_method"],
            "url": target["uri"],
            "account": token["service_account_email"],
            "audience": token["audience"],
            "attempt_deadline": _seconds(body["attempt_deadline"]),
            "most_retries": body["retry_config"][0]["retry_count"],
        },
    )


def _iap(body: Body) -> Resource:
    words = body["provisioner"][0]["command"].split()
    assert "--iap" in words
    return Resource(kind=Kind.IAP, name=words[words.index("update") + 1])


def _log_metric(body: Body) -> Resource:
    return Resource(kind=Kind.LOG_METRIC, name=body["name"], settings={"file": "runs-ended.metric.json"})


def _alert(body: Body) -> Resource:
    labels = body["user_labels"]
    return Resource(
        kind=Kind.ALERT,
        name=f"{labels['sailplane']}-{labels['alert']}",
        settings={"file": f"{labels['alert']}.policy.json", "channels": tuple(body["notification_channels"])},
    )


def _dashboard(body: Body) -> Resource:
    name = json.loads(body["dashboard_json"])["displayName"]
    return Resource(kind=Kind.DASHBOARD, name=name, settings={"file": "dashboard.json"})


_MAKERS: Mapping[str, Callable[[Body], Resource]] = {
    "google_project_service": _api,
    "google_project_service_identity": _agent,
    "google_storage_project_service_account": _storage_agent,
    "google_service_account": _account,
    "google_firestore_database": _database,
    "google_firestore_index": _index,
    "google_firestore_field": _field,
    "google_storage_bucket": _bucket,
    "google_storage_notification": _notification,
    "google_pubsub_topic": _topic,
    "google_pubsub_subscription": _subscription,
    "google_cloudfunctions2_function": _function,
    "google_artifact_registry_repository": _repository,
    "google_cloud_run_v2_job": _job,
    "google_cloud_scheduler_job": _clock,
    "terraform_data": _iap,
    "google_logging_metric": _log_metric,
    "google_monitoring_alert_policy": _alert,
    "google_monitoring_dashboard": _dashboard,
}


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))
