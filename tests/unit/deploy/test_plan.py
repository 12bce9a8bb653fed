"""From what should be there and what is there to steps."""

import json
from typing import Any

import pytest
from deploy_stage import EVERYTHING, design, kit, the

from sailplane.deploy import found, plan
from sailplane.deploy.plan import Action, CannotChange, decide
from sailplane.deploy.resource import Kind
from sailplane.deploy.resources import desired
from sailplane.deploy.templates import document

FUNCTION: dict[str, Any] = {
    "name": "projects/acme/locations/europe-west1/functions/sailplane-worker",
    "buildConfig": {
        "runtime": "python313",
        "entryPoint": "worker",
        "serviceAccount": "projects/acme/serviceAccounts/sailplane-build@acme.iam.gserviceaccount.com",
    },
    "serviceConfig": {
        "timeoutSeconds": 540,
        "availableMemory": "1024Mi",
        "availableCpu": "1",
        "environmentVariables": {
            "GOOGLE_CLOUD_PROJECT": "acme",
            "LOG_EXECUTION_ID": "true",
            "SAILPLANE_BUCKET": "acme-sailplane",
            "SAILPLANE_CPU": "1",
            "SAILPLANE_DATABASE": "(default)",
            "SAILPLANE_MEMORY": "1Gi",
            "SAILPLANE_QUEUE": "default",
            "SAILPLANE_REGION": "europe-west1",
            "SAILPLANE_REQUEST_LIMIT": "540",
            "SAILPLANE_TOPIC_PREFIX": "sailplane",
            "SAILPLANE_WORKER_CONCURRENCY": "8",
            "THREADS": "8",
        },
        "maxInstanceCount": 100,
        "maxInstanceRequestConcurrency": 8,
        "ingressSettings": "ALLOW_ALL",
        "serviceAccountEmail": "sailplane-worker@acme.iam.gserviceaccount.com",
        "uri": "https://sailplane-worker-abcdefghij-ew.a.run.app",
    },
    "labels": {"deployment-tool": "cli-gcloud", "sailplane": "sailplane", "sailplane-source": "cafe"},
    "environment": "GEN_2",
    "state": "ACTIVE",
}
"""As the Cloud Functions API (v2) has it."""
SUBSCRIPTION: dict[str, Any] = {
    "name": "projects/acme/subscriptions/sailplane-default",
    "topic": "projects/acme/topics/sailplane-default",
    "ackDeadlineSeconds": 600,
    "expirationPolicy": {},
    "messageRetentionDuration": "604800s",
    "pushConfig": {
        "pushEndpoint": "https://sailplane-worker-4242.europe-west1.run.app/projects/acme/topics/sailplane-default",
        "oidcToken": {
            "serviceAccountEmail": "sailplane-push@acme.iam.gserviceaccount.com",
            "audience": "https://sailplane-worker-4242.europe-west1.run.app",
        },
    },
    "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "60s"},
    "deadLetterPolicy": {
        "deadLetterTopic": "projects/acme/topics/sailplane-dead-letters",
        "maxDeliveryAttempts": 20,
    },
    "state": "ACTIVE",
}
JOB: dict[str, Any] = {
    "metadata": {
        "name": "sailplane-gpu",
        "labels": {"cloud.googleapis.com/location": "europe-west1", "sailplane": "sailplane"},
    },
    "spec": {
        "template": {
            "spec": {
                "taskCount": 1,
                "template": {
                    "spec": {
                        "containers": [
                            {
                                "image": "europe-west1-docker.pkg.dev/acme/sailplane/sailplane-gpu:cafe",
                                "command": ["sailplane"],
                                "args": ["run-task"],
                                "env": [
                                    {"name": "GOOGLE_CLOUD_PROJECT", "value": "acme"},
                                    {"name": "SAILPLANE_BUCKET", "value": "acme-sailplane"},
                                    {"name": "SAILPLANE_DATABASE", "value": "(default)"},
                                    {"name": "SAILPLANE_REGION", "value": "europe-west1"},
                                    {"name": "SAILPLANE_TOPIC_PREFIX", "value": "sailplane"},
                                    {"name": "SAILPLANE_QUEUE", "value": "gpu"},
                                    {"name": "SAILPLANE_REQUEST_LIMIT", "value": "86400"},
                                    {"name": "SAILPLANE_CPU", "value": "4"},
                                    {"name": "SAILPLANE_MEMORY", "value": "16Gi"},
                                    {
                                        "name": "DB_PASSWORD",
                                        "valueFrom": {"secretKeyRef": {"name": "db-password", "key": "latest"}},
                                    },
                                ],
                                "resources": {"limits": {"cpu": "4000m", "memory": "16Gi", "nvidia.com/gpu": "1"}},
                            }
                        ],
                        "maxRetries": 0,
                        "nodeSelector": {"run.googleapis.com/accelerator": "nvidia-l4"},
                        "serviceAccountName": "sailplane-worker@acme.iam.gserviceaccount.com",
                        "timeoutSeconds": "86400",
                    }
                },
            }
        }
    },
}
BUCKET: dict[str, Any] = {
    "name": "acme-sailplane",
    "location": "EUROPE-WEST1",
    "iamConfiguration": {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}},
    "softDeletePolicy": {"retentionDurationSeconds": "0"},
    "lifecycle": {
        "rule": [
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1}},
            {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["xcoms/"]}},
            {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["logs/"]}},
        ]
    },
}
CLOCK: dict[str, Any] = {
    "name": "projects/acme/locations/europe-west1/jobs/sailplane-tick",
    "attemptDeadline": "180s",
    "httpTarget": {
        "httpMethod": "POST",
        "uri": "https://sailplane-tick-4242.europe-west1.run.app/",
        "oidcToken": {
            "audience": "https://sailplane-tick-4242.europe-west1.run.app",
            "serviceAccountEmail": "sailplane-scheduler@acme.iam.gserviceaccount.com",
        },
    },
    "retryConfig": {"maxBackoffDuration": "3600s", "maxDoublings": 5, "minBackoffDuration": "5s"},
    "schedule": "* * * * *",
    "state": "ENABLED",
    "timeZone": "Etc/UTC",
}
DATABASE: dict[str, Any] = {
    "name": "projects/acme/databases/(default)",
    "locationId": "europe-west1",
    "type": "FIRESTORE_NATIVE",
    "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
    "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_DISABLED",
}
FIELD: dict[str, Any] = {
    "name": "projects/acme/databases/(default)/collectionGroups/runs/fields/run_after",
    "indexConfig": {
        "indexes": [
            {"queryScope": scope, "fields": [{"fieldPath": "run_after", "order": order}], "state": "READY"}
            for scope in ("COLLECTION", "COLLECTION_GROUP")
            for order in ("ASCENDING", "DESCENDING")
        ]
    },
}


def test_what_google_says_of_a_deployment_that_is_as_it_should_be_needs_nothing() -> None:
    pairs = [
        (the(Kind.FUNCTION, "sailplane-worker", sources="cafe"), found.function(FUNCTION)),
        (the(Kind.SUBSCRIPTION, "sailplane-default"), found.subscription(SUBSCRIPTION)),
        (the(Kind.JOB, "sailplane-gpu", EVERYTHING, sources="cafe"), found.job(JOB)),
        (the(Kind.BUCKET, "acme-sailplane"), found.bucket(BUCKET)),
        (the(Kind.SCHEDULER_JOB, "sailplane-tick"), found.clock(CLOCK)),
        (the(Kind.DATABASE, "(default)"), found.database(DATABASE)),
        (the(Kind.FIELD, "runs.run_after"), found.field(FIELD)),
    ]
    decisions = {resource.kind: decide(resource, there) for resource, there in pairs}
    assert {kind: each.differing for kind, each in decisions.items() if each.action is not Action.NOTHING} == {}


def changed(item: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `item` with one value, at `a/b/0/c`, changed."""
    copy: dict[str, Any] = json.loads(json.dumps(item))
    *way, last = path.split("/")
    inner: Any = copy
    for part in way:
        inner = inner[int(part) if part.isdecimal() else part]
    inner[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "differing"),
    [
        ("serviceConfig/availableMemory", "512Mi", "memory"),
        ("serviceConfig/availableCpu", "2", "cpu"),
        ("serviceConfig/timeoutSeconds", 60, "timeout"),
        ("serviceConfig/maxInstanceCount", 1, "max_instances"),
        ("serviceConfig/minInstanceCount", 1, "min_instances"),
        ("serviceConfig/maxInstanceRequestConcurrency", 1, "concurrency"),
        ("serviceConfig/ingressSettings", "ALLOW_INTERNAL_ONLY", "ingress"),
        ("serviceConfig/serviceAccountEmail", "4242-compute@developer.gserviceaccount.com", "service_account"),
        ("serviceConfig/environmentVariables/EXTRA", "1", "env"),
        ("serviceConfig/secretEnvironmentVariables", [{"key": "A", "secret": "b", "version": "1"}], "secrets"),
        ("serviceConfig/vpcConnector", "projects/acme/locations/europe-west1/connectors/inside", "vpc_connector"),
        ("labels/sailplane-source", "old", "source"),
        ("state", "FAILED", "source"),
        ("buildConfig/runtime", "python311", "runtime"),
    ],
)
def test_a_function_is_deployed_again_when_anything_of_it_differs(path: str, value: Any, differing: str) -> None:
    there = found.function(changed(FUNCTION, path, value))
    decision = decide(the(Kind.FUNCTION, "sailplane-worker", sources="cafe"), there)
    assert (decision.action, decision.differing) == (Action.UPDATE, (differing,))


def test_a_function_is_made_when_there_is_none() -> None:
    assert decide(the(Kind.FUNCTION, "sailplane-worker"), None).action is Action.CREATE


def test_a_subscription_of_another_topic_or_filter_is_made_anew() -> None:
    resource = the(Kind.SUBSCRIPTION, "sailplane-default")
    orphan = found.subscription(changed(SUBSCRIPTION, "topic", "_deleted-topic_"))
    assert decide(resource, orphan).action is Action.REPLACE
    filtered = found.subscription(changed(SUBSCRIPTION, "filter", "attributes:x"))
    assert decide(resource, filtered).action is Action.REPLACE


def test_a_subscription_that_calls_somebody_else_is_updated() -> None:
    there = found.subscription(changed(SUBSCRIPTION, "pushConfig/pushEndpoint", "https://elsewhere.example"))
    assert decide(the(Kind.SUBSCRIPTION, "sailplane-default"), there).action is Action.UPDATE


def test_a_queue_that_is_pulled_from_now_on_is_pushed_no_more() -> None:
    item = changed(SUBSCRIPTION, "topic", "projects/acme/topics/sailplane-steady")
    decision = decide(the(Kind.SUBSCRIPTION, "sailplane-steady", EVERYTHING), found.subscription(item))
    assert (decision.action, decision.differing) == (Action.UPDATE, ("push_endpoint",))


def test_where_the_data_is_cannot_be_changed() -> None:
    with pytest.raises(
        CannotChange, match=r"Firestore database \(default\) has location 'nam5' and not 'europe-west1'"
    ):
        decide(the(Kind.DATABASE, "(default)"), found.database(changed(DATABASE, "locationId", "nam5")))
    with pytest.raises(CannotChange, match="bucket acme-sailplane has location 'us'"):
        decide(the(Kind.BUCKET, "acme-sailplane"), found.bucket(changed(BUCKET, "location", "US")))


def test_a_shorter_life_of_logs_changes_the_bucket() -> None:
    resource = the(Kind.BUCKET, "acme-sailplane", "[deployment]\nlog_retention_days = 7")
    assert decide(resource, found.bucket(BUCKET)).differing == ("lifecycle",)


def test_a_rule_that_somebody_added_is_seen() -> None:
    rule = {"action": {"type": "Delete"}, "condition": {"numNewerVersions": 3}}
    there = found.bucket(changed(BUCKET, "lifecycle/rule", [*BUCKET["lifecycle"]["rule"], rule]))
    assert decide(the(Kind.BUCKET, "acme-sailplane"), there).differing == ("lifecycle",)


def test_an_alert_policy_is_known_by_the_mark_of_its_content() -> None:
    resource = the(Kind.ALERT, "sailplane-late-tick", EVERYTHING)
    item = {**document(design(EVERYTHING), resource), "name": "projects/acme/alertPolicies/7"}
    assert decide(resource, found.alert(item)).action is Action.NOTHING
    assert decide(the(Kind.ALERT, "sailplane-late-tick"), found.alert(item)).action is Action.UPDATE


def test_a_dashboard_of_other_content_is_made_anew() -> None:
    resource = the(Kind.DASHBOARD, "sailplane", EVERYTHING)
    item = {**document(design(EVERYTHING), resource), "name": "projects/4242/dashboards/7"}
    assert decide(resource, found.dashboard(item)).action is Action.NOTHING
    old = {**item, "labels": {"sailplane": "", "content-old": ""}}
    assert decide(resource, found.dashboard(old)).action is Action.REPLACE


def test_steps_keep_the_order_of_resources_and_enable_all_apis_at_once() -> None:
    one = kit(EVERYTHING, sources="cafe")
    wanted = desired(one.design)
    steps = plan.steps(one, wanted, {})
    assert steps[0].commands[0].argv[:3] == ("gcloud", "services", "enable")
    assert [step.kind for step in steps[1:]] == [resource.kind for resource in wanted if resource.kind is not Kind.API]


def test_nothing_is_left_to_do_when_all_is_there() -> None:
    one = kit(EVERYTHING, sources="cafe")
    wanted = desired(one.design)
    state = {(resource.kind, resource.name): dict(resource.settings) for resource in wanted}
    assert plan.steps(one, wanted, state) == ()


def test_only_what_differs_is_done_and_says_why() -> None:
    one = kit("[functions.web]\nmemory = '1Gi'", sources="cafe")
    before = desired(design(sources="cafe"))
    state = {(resource.kind, resource.name): dict(resource.settings) for resource in before}
    assert [str(step) for step in plan.steps(one, desired(one.design), state)] == [
        "update function sailplane-web (memory)"
    ]


def test_the_proxy_is_turned_on_again_whenever_its_function_is_deployed() -> None:
    toml = '[web]\naccess = "iap"\n'
    one = kit(f"{toml}[functions.web]\nmemory = '1Gi'", sources="cafe")
    state = {(each.kind, each.name): dict(each.settings) for each in desired(design(toml, sources="cafe"))}
    assert [str(step) for step in plan.steps(one, desired(one.design), state)] == [
        "update function sailplane-web (memory)",
        "update Identity-Aware Proxy sailplane-web",
    ]


def test_an_update_names_what_google_calls_it() -> None:
    one = kit(EVERYTHING)
    wanted = [the(Kind.ALERT, "sailplane-late-tick", EVERYTHING)]
    state = {
        (Kind.ALERT, "sailplane-late-tick"): {"id": "projects/acme/alertPolicies/7", "content": "old", "channels": ()}
    }
    (step,) = plan.steps(one, wanted, state)  # type: ignore[arg-type]
    assert step.commands[0].argv[:5] == ("gcloud", "monitoring", "policies", "update", "projects/acme/alertPolicies/7")
