"""Projects, and the APIs that are enabled in them."""

from fake_gcloud.cloud import ALWAYS_ON, Cloud
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import GcloudError, PermissionDenied
from fake_gcloud.naming import need_project
from fake_gcloud.surface import Call

APIS = {
    f"{name}.googleapis.com"
    for name in (
        *("artifactregistry", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "cloudscheduler", "compute"),
        *("eventarc", "firestore", "iam", "iamcredentials", "iap", "logging", "monitoring", "pubsub", "run"),
        *("secretmanager", "serviceusage", "storage", "vpcaccess"),
    )
}
AGENTS = {
    "pubsub.googleapis.com": "gcp-sa-pubsub.iam.gserviceaccount.com",
    "iap.googleapis.com": "gcp-sa-iap.iam.gserviceaccount.com",
    "storage.googleapis.com": "gs-project-accounts.iam.gserviceaccount.com",
    "run.googleapis.com": "serverless-robot-prod.iam.gserviceaccount.com",
    "cloudscheduler.googleapis.com": "gcp-sa-cloudscheduler.iam.gserviceaccount.com",
    "secretmanager.googleapis.com": "gcp-sa-secretmanager.iam.gserviceaccount.com",
}
"""The accounts by which Google's services act in a project: they are made when first needed, or when asked for."""


@reads("projects describe")
def describe_project(cloud: Cloud, call: Call) -> Answer:
    need_project(cloud, call["PROJECT_ID_OR_NUMBER"])
    return {
        "createTime": "2026-01-01T00:00:00.000Z",
        "lifecycleState": "ACTIVE",
        "name": cloud.project,
        "projectId": cloud.project,
        "projectNumber": cloud.number,
    }


@mutates("services enable", "serviceusage")
def enable(cloud: Cloud, call: Call) -> Answer:
    names = call.get("SERVICE", [])
    if len(names) > 20:
        raise GcloudError("INVALID_ARGUMENT: A batch enables at most 20 services.")
    for name in names:
        if name not in APIS:
            raise PermissionDenied(f"Not found or permission denied for service(s): {name}.")
    cloud.state["apis"] = sorted({*cloud.state["apis"], *names})


@mutates("services disable", "serviceusage")
def disable(cloud: Cloud, call: Call) -> Answer:
    cloud.state["apis"] = sorted({*cloud.state["apis"]} - {*call["SERVICE"]})


@reads("services list", "serviceusage")
def list_services(cloud: Cloud, call: Call) -> Answer:
    del call
    enabled = {*cloud.state["apis"], *(f"{name}.googleapis.com" for name in ALWAYS_ON)} & APIS
    return [
        {
            "config": {"name": name, "title": name},
            "name": f"projects/{cloud.number}/services/{name}",
            "parent": f"projects/{cloud.number}",
            "state": "ENABLED",
        }
        for name in sorted(enabled)
    ]


def agent(cloud: Cloud, service: str) -> str:
    """Makes the service's agent, if it is not there."""
    email = f"service-{cloud.number}@{AGENTS[service]}"
    if email not in cloud.state["agents"]:
        cloud.state["agents"] = sorted([*cloud.state["agents"], email])
    return email


@mutates("services identity create", "serviceusage")
def create_identity(cloud: Cloud, call: Call) -> Answer:
    service = call["service"]
    if service not in AGENTS:
        raise GcloudError(f"INVALID_ARGUMENT: {service} has no service identity.")
    cloud.need_api(service.removesuffix(".googleapis.com"))
    return {"email": agent(cloud, service), "uniqueId": "1"}


@reads("storage service-agent", "storage")
def storage_agent(cloud: Cloud, call: Call) -> Answer:
    """Shows the agent; that it makes one where there was none is no change that anyone sees."""
    del call
    return agent(cloud, "storage.googleapis.com")


@reads("config get")
def config_get(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.project


@reads("auth print-access-token")
def access_token(cloud: Cloud, call: Call) -> Answer:
    del cloud, call
    return "ya29.fake-token"
