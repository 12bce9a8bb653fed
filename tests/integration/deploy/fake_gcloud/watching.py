"""Log metrics, alert policies and dashboards."""

import json
import re

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import AlreadyExists, InvalidArgument, NotFound
from fake_gcloud.naming import short
from fake_gcloud.surface import Call


def _content(call: Call, flag: str) -> Json:
    """What a flag, or the file that its twin names, says. Files may be YAML; deployments write JSON."""
    text = call.get(f"{flag}-from-file") or call.get(flag) or "{}"
    try:
        content: Json = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"Could not parse the given {flag}: {error}") from None
    return content


# -- log metrics


def _metric(call: Call) -> Json:
    if "config-from-file" in call:
        return {**_content(call, "config"), "name": call["METRIC_NAME"]}
    return {"description": call["description"], "filter": call["log-filter"], "name": call["METRIC_NAME"]}


def _no_metric(name: str) -> NotFound:
    return NotFound(f"Metric {name} does not exist.")


@mutates("logging metrics create", "logging")
def create_metric(cloud: Cloud, call: Call) -> Answer:
    metric = _metric(call)
    if not metric.get("filter"):
        raise InvalidArgument("The filter of a metric must not be empty.")
    cloud.add("metrics", metric["name"], metric, AlreadyExists(f"Metric {metric['name']} already exists."))


@mutates("logging metrics update", "logging")
def update_metric(cloud: Cloud, call: Call) -> Answer:
    cloud.get("metrics", call["METRIC_NAME"], _no_metric(call["METRIC_NAME"])).update(_metric(call))


@reads("logging metrics describe", "logging")
def describe_metric(cloud: Cloud, call: Call) -> Answer:
    return cloud.get("metrics", call["METRIC_NAME"], _no_metric(call["METRIC_NAME"]))


@reads("logging metrics list", "logging")
def list_metrics(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("metrics")


@mutates("logging metrics delete", "logging")
def delete_metric(cloud: Cloud, call: Call) -> Answer:
    cloud.remove("metrics", call["METRIC_NAME"], _no_metric(call["METRIC_NAME"]))


# -- alert policies


def _check_policy(cloud: Cloud, policy: Json) -> None:
    if not policy.get("displayName") or not policy.get("conditions") or not policy.get("combiner"):
        raise InvalidArgument("An alert policy needs displayName, combiner and conditions.")
    for metric in re.findall(r"logging\.googleapis\.com/user/([\w.-]+)", json.dumps(policy["conditions"])):
        if cloud.find("metrics", metric) is None:
            raise NotFound(
                f'Cannot find metric that matches type = "logging.googleapis.com/user/{metric}". If a metric was '
                "created recently, it could take up to 10 minutes to become available."
            )
    for channel in policy.get("notificationChannels", ()):
        if not re.fullmatch(r"projects/[^/]+/notificationChannels/\d+", channel):
            raise InvalidArgument(f"Field alert_policy.notification_channels has an invalid value: {channel}")
    for key, value in policy.get("userLabels", {}).items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
            raise InvalidArgument(f"Field alert_policy.user_labels has an invalid entry: {key}={value}")


@mutates("monitoring policies create", "monitoring")
def create_policy(cloud: Cloud, call: Call) -> Answer:
    policy = _content(call, "policy")
    policy["notificationChannels"] = [*policy.get("notificationChannels", []), *call.get("notification-channels", [])]
    if not policy["notificationChannels"]:
        del policy["notificationChannels"]
    _check_policy(cloud, policy)
    policy["name"] = f"projects/{cloud.project}/alertPolicies/{1000 + cloud.serial()}"
    policy.setdefault("enabled", True)
    return cloud.add("alerts", short(policy["name"]), policy)


@reads("monitoring policies list", "monitoring")
def list_policies(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("alerts")


@reads("monitoring policies describe", "monitoring")
def describe_policy(cloud: Cloud, call: Call) -> Answer:
    return cloud.get("alerts", short(call["POLICY"]))


@mutates("monitoring policies update", "monitoring")
def update_policy(cloud: Cloud, call: Call) -> Answer:
    policy = cloud.get("alerts", short(call["ALERT_POLICY"]))
    if "policy" in call or "policy-from-file" in call:
        new = _content(call, "policy")
        _check_policy(cloud, new)
        name = policy["name"]
        policy.clear()
        policy.update({"enabled": True, **new, "name": name})
    if "set-notification-channels" in call:
        policy["notificationChannels"] = call["set-notification-channels"]
    return policy


@mutates("monitoring policies delete", "monitoring")
def delete_policy(cloud: Cloud, call: Call) -> Answer:
    cloud.remove("alerts", short(call["POLICY"]))


# -- dashboards


@mutates("monitoring dashboards create", "monitoring")
def create_dashboard(cloud: Cloud, call: Call) -> Answer:
    dashboard = _content(call, "config")
    if not dashboard.get("displayName"):
        raise InvalidArgument("A dashboard needs displayName.")
    identity = short(dashboard.get("name", "")) or f"dashboard-{cloud.serial()}"
    dashboard |= {"etag": f"etag-{cloud.serial()}", "name": f"projects/{cloud.number}/dashboards/{identity}"}
    return cloud.add("dashboards", identity, dashboard)


@reads("monitoring dashboards list", "monitoring")
def list_dashboards(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("dashboards")


@reads("monitoring dashboards describe", "monitoring")
def describe_dashboard(cloud: Cloud, call: Call) -> Answer:
    return cloud.get("dashboards", short(call["DASHBOARD"]))


@mutates("monitoring dashboards update", "monitoring")
def update_dashboard(cloud: Cloud, call: Call) -> Answer:
    old, new = cloud.get("dashboards", short(call["DASHBOARD"])), _content(call, "config")
    if new.get("etag") != old["etag"]:
        raise InvalidArgument("The etag of the given dashboard is missing or not that of the current version.")
    new |= {"etag": f"etag-{cloud.serial()}", "name": old["name"]}
    cloud.kind("dashboards")[short(old["name"])] = new
    return new


@mutates("monitoring dashboards delete", "monitoring")
def delete_dashboard(cloud: Cloud, call: Call) -> Answer:
    cloud.remove("dashboards", short(call["DASHBOARD"]))
