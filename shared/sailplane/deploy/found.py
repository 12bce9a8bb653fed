"""What is there already: the JSON that gcloud prints, in the terms of `Resource.settings`."""

from collections.abc import Mapping
from typing import Any

from sailplane.deploy.compute_commands import SOURCE_LABEL
from sailplane.deploy.resource import Setting
from sailplane.deploy.templates import CONTENT, OWNER

Item = Mapping[str, Any]
"""One object of Google's APIs."""
Settings = dict[str, Setting]

_INGRESS = {
    "ALLOW_ALL": "all",
    "ALLOW_INTERNAL_ONLY": "internal-only",
    "ALLOW_INTERNAL_AND_GCLB": "internal-and-gclb",
}
_SET_BY_GCLOUD = frozenset({"LOG_EXECUTION_ID"})
"""Environment variables that gcloud adds to functions by itself."""


def last(name: str) -> str:
    """The last part of `projects/P/.../NAME`."""
    return name.rpartition("/")[2]


def seconds(duration: str | None) -> int:
    """Whole seconds of `600s`."""
    return int(float(duration.removesuffix("s"))) if duration else 0


def topic(item: Item) -> Settings:
    return {"owner": owner(item)}


def account(item: Item) -> Settings:
    return {"display_name": item.get("displayName", "")}


def database(item: Item) -> Settings:
    return {
        "location": item.get("locationId"),
        "type": str(item.get("type", "")).lower().replace("_", "-"),
        "delete_protection": item.get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED",
        "point_in_time_recovery": item.get("pointInTimeRecoveryEnablement") == "POINT_IN_TIME_RECOVERY_ENABLED",
    }


def index(item: Item) -> Settings:
    fields = tuple(
        {"field": one["fieldPath"], **_mode(one)} for one in item.get("fields", ()) if one["fieldPath"] != "__name__"
    )
    return {"collection_group": collection_group(item), "scope": item.get("queryScope", ""), "fields": fields}


def field(item: Item) -> Settings:
    """How a field is indexed; the order in which its indexes are listed means nothing."""
    indexes = [
        {**_mode(one["fields"][0]), "scope": one.get("queryScope", "COLLECTION")}
        for one in item.get("indexConfig", {}).get("indexes", ())
    ]
    return {"collection_group": collection_group(item), "field": last(item["name"]), "indexes": tuple(indexes)}


def ttl(item: Item) -> Settings:
    return {"collection_group": collection_group(item), "field": last(item["name"])}


def collection_group(item: Item) -> str:
    """Of `projects/P/databases/D/collectionGroups/G/...`."""
    return str(item["name"]).split("/")[5]


def _mode(one: Item) -> dict[str, str]:
    return {"array": one["arrayConfig"]} if one.get("arrayConfig") else {"order": one.get("order", "")}


def bucket(item: Item) -> Settings:
    """Of the metadata as Cloud Storage's own API has it."""
    access = item.get("iamConfiguration", {})
    return {
        "location": str(item.get("location", "")).lower(),
        "uniform_access": bool(access.get("uniformBucketLevelAccess", {}).get("enabled")),
        "public_access_prevention": access.get("publicAccessPrevention") == "enforced",
        "soft_delete": int(item.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0)),
        "lifecycle": tuple(_rule(one) for one in item.get("lifecycle", {}).get("rule", ())),
    }


def _rule(one: Item) -> dict[str, Setting]:
    condition = dict(one.get("condition", {}))
    rule: dict[str, Setting] = {"action": one["action"]["type"], "age": condition.pop("age", None)}
    prefixes = condition.pop("matchesPrefix", None)
    if prefixes:
        rule["prefix"] = prefixes[0] if len(prefixes) == 1 else tuple(prefixes)
    if condition:
        rule["other"] = str(condition)
    return rule


def notification(item: Item) -> Settings:
    config = item["Notification Configuration"]
    where = str(item["Bucket URL"]).removeprefix("gs://").rstrip("/")
    return {
        "id": f"projects/_/buckets/{where}/notificationConfigs/{config['id']}",
        "bucket": where,
        "topic": last(config["topic"]),
        "event": ",".join(config.get("event_types", ())),
        "payload": "json" if config.get("payload_format") == "JSON_API_V1" else "none",
    }


def subscription(item: Item) -> Settings:
    push, retry, dead = (item.get(key, {}) for key in ("pushConfig", "retryPolicy", "deadLetterPolicy"))
    oidc = push.get("oidcToken", {})
    return {
        "topic": last(item["topic"]),
        "ack_deadline": item.get("ackDeadlineSeconds", 10),
        "expires": "ttl" in item.get("expirationPolicy", {}),
        "filter": item.get("filter", ""),
        "push_endpoint": push.get("pushEndpoint"),
        "push_account": oidc.get("serviceAccountEmail"),
        "push_audience": oidc.get("audience"),
        "least_backoff": seconds(retry.get("minimumBackoff")),
        "most_backoff": seconds(retry.get("maximumBackoff")),
        "dead_letter_topic": last(dead.get("deadLetterTopic", "")),
        "most_attempts": dead.get("maxDeliveryAttempts"),
        "retention": seconds(item.get("messageRetentionDuration")),
        "owner": owner(item),
    }


def repository(item: Item) -> Settings:
    return {"location": str(item["name"]).split("/")[3], "format": str(item.get("format", "")).lower()}


def function(item: Item) -> Settings:
    build, service = item.get("buildConfig", {}), item.get("serviceConfig", {})
    env = {key: value for key, value in service.get("environmentVariables", {}).items() if key not in _SET_BY_GCLOUD}
    labels = item.get("labels", {})
    is_whole = item.get("state", "ACTIVE") == "ACTIVE"
    return {
        "region": str(item["name"]).split("/")[3],
        "entry_point": build.get("entryPoint"),
        "runtime": build.get("runtime"),
        "build_account": last(build.get("serviceAccount", "")),
        "memory": service.get("availableMemory"),
        "cpu": service.get("availableCpu"),
        "concurrency": service.get("maxInstanceRequestConcurrency", 1),
        "timeout": service.get("timeoutSeconds"),
        "min_instances": service.get("minInstanceCount", 0),
        "max_instances": service.get("maxInstanceCount"),
        "ingress": _INGRESS.get(service.get("ingressSettings", "ALLOW_ALL")),
        "vpc_connector": service.get("vpcConnector"),
        "service_account": service.get("serviceAccountEmail"),
        "env": env,
        "secrets": {
            one["key"]: f"{last(one['secret'])}:{one.get('version', 'latest')}"
            for one in service.get("secretEnvironmentVariables", ())
        },
        # One that failed to come up is deployed again, whatever its source.
        "source": labels.get(SOURCE_LABEL, "") if is_whole else None,
        "owner": labels.get(OWNER),
    }


def job(item: Item) -> Settings:
    """Of a job in the form of Knative, which gcloud prints."""
    task = item["spec"]["template"]["spec"]["template"]["spec"]
    container = task["containers"][0]
    limits = container.get("resources", {}).get("limits", {})
    plain, secrets = _variables(container.get("env", ()))
    return {
        "region": item["metadata"].get("labels", {}).get("cloud.googleapis.com/location"),
        "image": container["image"],
        "command": (*container.get("command", ()), *container.get("args", ())),
        "memory": limits.get("memory"),
        "cpu": limits.get("cpu"),
        "gpu": task.get("nodeSelector", {}).get("run.googleapis.com/accelerator"),
        "timeout": int(task.get("timeoutSeconds", 0)),
        "most_retries": task.get("maxRetries", 3),
        "service_account": task.get("serviceAccountName"),
        "env": plain,
        "secrets": secrets,
        "owner": owner(item["metadata"]),
    }


def _variables(env: Any) -> tuple[dict[str, Setting], dict[str, Setting]]:
    """Variables with values, and those that come from secrets."""
    plain: dict[str, Setting] = {}
    secrets: dict[str, Setting] = {}
    for one in env:
        if "valueFrom" in one:
            reference = one["valueFrom"]["secretKeyRef"]
            secrets[one["name"]] = f"{reference['name']}:{reference['key']}"
        else:
            plain[one["name"]] = one.get("value", "")
    return plain, secrets


def clock(item: Item) -> Settings:
    target = item.get("httpTarget", {})
    oidc = target.get("oidcToken", {})
    return {
        "location": str(item["name"]).split("/")[3],
        "schedule": item.get("schedule"),
        "time_zone": item.get("timeZone"),
        "method": target.get("httpMethod"),
        "url": str(target.get("uri", "")).rstrip("/"),
        "account": oidc.get("serviceAccountEmail"),
        "audience": oidc.get("audience"),
        "attempt_deadline": seconds(item.get("attemptDeadline")),
        "most_retries": item.get("retryConfig", {}).get("retryCount", 0),
    }


def alert(item: Item) -> Settings:
    channels = tuple(item.get("notificationChannels", ()))
    return {"id": item["name"], "channels": channels, "content": item.get("userLabels", {}).get(CONTENT)}


def dashboard(item: Item) -> Settings:
    marks = [label.partition("-")[2] for label in item.get("labels", {}) if label.startswith(f"{CONTENT}-")]
    return {"id": item["name"], "content": marks[0] if marks else None}


def owner(item: Item) -> str | None:
    """The deployment that something belongs to, by its labels; alert policies call theirs otherwise."""
    owned: str | None = item.get("labels", item.get("userLabels", {})).get(OWNER)
    return owned


def contains(found: Any, wanted: Any) -> bool:
    """Whether `found` says all that `wanted` says, and perhaps more."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(contains(found.get(key), each) for key, each in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return False
        return all(any(contains(one, each) for one in found) for each in wanted)
    return bool(found == wanted)
