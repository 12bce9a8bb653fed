"""Topics and subscriptions."""

import re

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import GcloudError, InvalidArgument, NotFound
from fake_gcloud.naming import short, topic_path, whole_seconds
from fake_gcloud.surface import Call

DEFAULT_RETENTION = 7 * 86400


@mutates("pubsub topics create", "pubsub")
def create_topics(cloud: Cloud, call: Call) -> Answer:
    made = []
    for name in map(short, call["TOPIC"]):
        if not re.fullmatch(r"(?!goog)[A-Za-z][\w.~+%-]{2,254}", name):
            raise InvalidArgument(f"Invalid [topics] name: (name={name})")
        topic: Json = {"name": topic_path(cloud, name)}
        if "message-retention-duration" in call:
            topic["messageRetentionDuration"] = whole_seconds(call["message-retention-duration"])
        if call.get("labels"):
            topic["labels"] = call["labels"]
        made.append(cloud.add("topics", name, topic))
    return made


@reads("pubsub topics describe", "pubsub")
def describe_topic(cloud: Cloud, call: Call) -> Answer:
    return cloud.get("topics", short(call["TOPIC"]))


@reads("pubsub topics list", "pubsub")
def list_topics(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("topics")


@mutates("pubsub topics delete", "pubsub")
def delete_topics(cloud: Cloud, call: Call) -> Answer:
    for name in map(short, call["TOPIC"]):
        cloud.remove("topics", name)
        for subscription in cloud.kind("subscriptions").values():
            if short(subscription["topic"]) == name:
                subscription["topic"] = "_deleted-topic_"


def _push(cloud: Cloud, call: Call) -> Json:
    endpoint = call.get("push-endpoint")
    if not endpoint:
        return {}
    if not re.match(r"https://[^/]+", endpoint):
        raise InvalidArgument(f"Invalid push endpoint given (endpoint={endpoint}).")
    push: Json = {"pushEndpoint": endpoint}
    if "push-auth-service-account" in call:
        cloud.need_account(call["push-auth-service-account"])
        push["oidcToken"] = {"serviceAccountEmail": call["push-auth-service-account"]}
        if "push-auth-token-audience" in call:
            push["oidcToken"]["audience"] = call["push-auth-token-audience"]
    return push


def _settings(cloud: Cloud, call: Call) -> Json:
    """What both making and changing a subscription set."""
    made: Json = {}
    if "ack-deadline" in call:
        if not 10 <= call["ack-deadline"] <= 600:
            raise InvalidArgument(f"Invalid ack deadline given (ack_deadline_seconds={call['ack-deadline']}).")
        made["ackDeadlineSeconds"] = call["ack-deadline"]
    if "message-retention-duration" in call:
        made["messageRetentionDuration"] = whole_seconds(call["message-retention-duration"])
    if "expiration-period" in call:
        never = call["expiration-period"] == "never"
        made["expirationPolicy"] = {} if never else {"ttl": call["expiration-period"]}
    if "dead-letter-topic" in call:
        cloud.get("topics", short(call["dead-letter-topic"]))
        attempts = call.get("max-delivery-attempts", 5)
        topic = topic_path(cloud, call["dead-letter-topic"])
        made["deadLetterPolicy"] = {"deadLetterTopic": topic, "maxDeliveryAttempts": attempts}
    elif "max-delivery-attempts" in call:
        raise GcloudError("Missing required argument [DEAD_LETTER_TOPIC]: --dead-letter-topic")
    if "min-retry-delay" in call or "max-retry-delay" in call:
        made["retryPolicy"] = {
            "maximumBackoff": whole_seconds(call.get("max-retry-delay", 600)),
            "minimumBackoff": whole_seconds(call.get("min-retry-delay", 10)),
        }
    return made


@mutates("pubsub subscriptions create", "pubsub")
def create_subscriptions(cloud: Cloud, call: Call) -> Answer:
    made = []
    for name in map(short, call["SUBSCRIPTION"]):
        if cloud.find("topics", short(call["topic"])) is None:
            raise NotFound(f"Resource not found (resource={short(call['topic'])}).")
        subscription: Json = {
            "ackDeadlineSeconds": 10,
            "expirationPolicy": {"ttl": "2678400s"},
            "messageRetentionDuration": whole_seconds(DEFAULT_RETENTION),
            "name": f"projects/{cloud.project}/subscriptions/{name}",
            "pushConfig": _push(cloud, call),
            "state": "ACTIVE",
            "topic": topic_path(cloud, call["topic"]),
            **_settings(cloud, call),
        }
        if call.get("message-filter"):
            subscription["filter"] = call["message-filter"]
        if call.get("labels"):
            subscription["labels"] = call["labels"]
        made.append(cloud.add("subscriptions", name, subscription))
    return made


@reads("pubsub subscriptions describe", "pubsub")
def describe_subscription(cloud: Cloud, call: Call) -> Answer:
    return cloud.get("subscriptions", short(call["SUBSCRIPTION"]))


@reads("pubsub subscriptions list", "pubsub")
def list_subscriptions(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("subscriptions")


@mutates("pubsub subscriptions update", "pubsub")
def update_subscription(cloud: Cloud, call: Call) -> Answer:
    subscription = cloud.get("subscriptions", short(call["SUBSCRIPTION"]))
    if "message-filter" in call:
        raise InvalidArgument("The subscription's filter cannot be changed.")
    subscription.update(_settings(cloud, call))
    for flag, field in (("clear-dead-letter-policy", "deadLetterPolicy"), ("clear-retry-policy", "retryPolicy")):
        if call.get(flag):
            subscription.pop(field, None)
    if "push-endpoint" in call:
        subscription["pushConfig"] = _push(cloud, call)
    elif call.get("clear-push-no-wrapper-config") or call.get("clear-push-config"):
        subscription["pushConfig"] = {}
    return subscription


@mutates("pubsub subscriptions modify-push-config", "pubsub")
def modify_push_config(cloud: Cloud, call: Call) -> Answer:
    cloud.get("subscriptions", short(call["SUBSCRIPTION"]))["pushConfig"] = _push(cloud, call)


@mutates("pubsub subscriptions delete", "pubsub")
def delete_subscriptions(cloud: Cloud, call: Call) -> Answer:
    for name in map(short, call["SUBSCRIPTION"]):
        cloud.remove("subscriptions", name)
