"""Service accounts, and IAM policies on everything that has one."""

import copy
from collections.abc import Callable

from fake_gcloud.cloud import Cloud, Json
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import AlreadyExists, GcloudError, InvalidArgument, NotFound
from fake_gcloud.naming import need_project, short
from fake_gcloud.surface import Call

ROLES = {
    "project": (
        "datastore.user datastore.owner datastore.importExportAdmin logging.logWriter artifactregistry.writer "
        "artifactregistry.reader storage.objectViewer storage.objectAdmin pubsub.publisher pubsub.subscriber "
        "run.invoker run.developer run.viewer cloudfunctions.developer cloudfunctions.admin run.admin "
        "iam.serviceAccountUser iam.serviceAccountAdmin cloudscheduler.admin monitoring.editor monitoring.viewer "
        "logging.viewer pubsub.editor pubsub.admin storage.admin datastore.viewer cloudbuild.builds.editor "
        "cloudbuild.builds.builder secretmanager.secretAccessor iap.httpsResourceAccessor viewer editor owner "
        "resourcemanager.projectIamAdmin serviceusage.serviceUsageAdmin artifactregistry.admin iap.admin "
        "secretmanager.admin logging.configWriter monitoring.admin"
    ),
    "topics": "pubsub.publisher pubsub.viewer pubsub.editor pubsub.admin pubsub.subscriber",
    "subscriptions": "pubsub.subscriber pubsub.viewer pubsub.editor pubsub.admin",
    "buckets": (
        "storage.objectViewer storage.objectUser storage.objectCreator storage.objectAdmin storage.admin "
        "storage.legacyBucketReader storage.legacyBucketWriter"
    ),
    "accounts": "iam.serviceAccountUser iam.serviceAccountTokenCreator iam.serviceAccountOpenIdTokenCreator "
    "iam.workloadIdentityUser",
    "services": "run.invoker run.developer run.admin run.viewer run.servicesInvoker",
    "jobs": "run.invoker run.developer run.admin run.viewer run.jobsExecutor run.jobsExecutorWithOverrides",
    "secrets": "secretmanager.secretAccessor secretmanager.viewer secretmanager.admin",
    "repositories": "artifactregistry.reader artifactregistry.writer artifactregistry.repoAdmin artifactregistry.admin",
    "iap": "iap.httpsResourceAccessor iap.admin",
}
"""Roles that can be granted on each kind of resource, without their `roles/`."""
MEMBERS = ("user:", "group:", "domain:", "serviceAccount:", "allUsers", "allAuthenticatedUsers", "principal")


def grant(cloud: Cloud, kind: str, name: str, role: str, member: str) -> Json:
    """Adds a member to a policy. Raises as the service does for roles and members that there are not."""
    if role.removeprefix("roles/") not in ROLES[kind].split() or not role.startswith("roles/"):
        raise InvalidArgument(f"Role {role} is not supported for this resource.")
    if not member.startswith(MEMBERS):
        raise InvalidArgument(f"The member {member} is of an unknown type.")
    if member.startswith("serviceAccount:"):
        cloud.need_account(member.removeprefix("serviceAccount:"))
    policy = cloud.policy(f"{kind} {name}")
    for binding in policy["bindings"]:
        if binding["role"] == role:
            if member not in binding["members"]:
                binding["members"] = sorted([*binding["members"], member])
            return policy
    policy["bindings"] = sorted([*policy["bindings"], {"members": [member], "role": role}], key=lambda one: one["role"])
    return policy


def revoke(cloud: Cloud, kind: str, name: str, role: str, member: str) -> Json:
    """Takes a member from a policy; raises when it is not there."""
    policy = cloud.policy(f"{kind} {name}")
    for binding in policy["bindings"]:
        if binding["role"] == role and member in binding["members"]:
            binding["members"].remove(member)
            policy["bindings"] = [each for each in policy["bindings"] if each["members"]]
            return policy
    raise NotFound(f"Policy binding with the specified principal, role, and condition not found! [{role}, {member}]")


def _shown(policy: Json) -> Json:
    shown = copy.deepcopy(policy)
    if not shown["bindings"]:
        del shown["bindings"]
    return shown


Locate = Callable[[Cloud, Call], str]
"""The name of the resource that a call is about; raises when there is none."""


def policies(group: str, kind: str, api: str | None, locate: Locate) -> None:
    """Registers the three commands of a group for the IAM policy of its resources."""

    def add(cloud: Cloud, call: Call) -> Answer:
        return _shown(grant(cloud, kind, locate(cloud, call), call["role"], call["member"]))

    def remove(cloud: Cloud, call: Call) -> Answer:
        return _shown(revoke(cloud, kind, locate(cloud, call), call["role"], call["member"]))

    def get(cloud: Cloud, call: Call) -> Answer:
        name = locate(cloud, call)
        return _shown(cloud.state["policies"].get(f"{kind} {name}", {"bindings": [], "etag": "ACAB"}))

    mutates(f"{group} add-iam-policy-binding", api)(add)
    mutates(f"{group} remove-iam-policy-binding", api)(remove)
    reads(f"{group} get-iam-policy", api)(get)


def _project(cloud: Cloud, call: Call) -> str:
    need_project(cloud, call.get("PROJECT_ID") or call["PROJECT_ID_OR_NUMBER"])
    return cloud.project


def _named(kind: str, argument: str) -> Locate:
    def locate(cloud: Cloud, call: Call) -> str:
        name = short(call[argument])
        cloud.get(kind, name)
        return name

    return locate


def _topic(cloud: Cloud, call: Call) -> str:
    cloud.get("topics", short(call["TOPIC"]))
    return short(call["TOPIC"])


def _bucket(cloud: Cloud, call: Call) -> str:
    name = str(call["URL"]).removeprefix("gs://").strip("/")
    cloud.get("buckets", name, GcloudError(f"gs://{name} not found: 404."))
    return name


def _service(cloud: Cloud, call: Call) -> str:
    name = call["SERVICE"]
    cloud.get("services", name, GcloudError(f"Could not find service [{name}]"))
    return str(name)


def _iap_service(cloud: Cloud, call: Call) -> str:
    if call.get("resource-type") != "cloud-run" or not call.get("service") or not call.get("region"):
        raise GcloudError("Missing required argument [--service, --region] for `--resource-type=cloud-run`.")
    if cloud.find("services", call["service"]) is None:
        raise NotFound("Requested entity was not found.")
    return str(call["service"])


policies("projects", "project", None, _project)
policies("pubsub topics", "topics", "pubsub", _topic)
policies("pubsub subscriptions", "subscriptions", "pubsub", _named("subscriptions", "SUBSCRIPTION"))
policies("storage buckets", "buckets", "storage", _bucket)
policies("iam service-accounts", "accounts", "iam", _named("accounts", "SERVICE_ACCOUNT"))
policies("run services", "services", "run", _service)
policies("run jobs", "jobs", "run", _named("jobs", "JOB"))
policies("secrets", "secrets", "secretmanager", _named("secrets", "SECRET"))
policies("artifacts repositories", "repositories", "artifactregistry", _named("repositories", "REPOSITORY"))
policies("iap web", "iap", "iap", _iap_service)


def _invoked(cloud: Cloud, call: Call) -> str:
    name = call["NAME"]
    cloud.get("functions", name, GcloudError(f"ResponseError: status=[404], code=[Not Found], message=[{name}]"))
    return str(name)


@mutates("functions add-invoker-policy-binding", "cloudfunctions")
def add_invoker(cloud: Cloud, call: Call) -> Answer:
    return _shown(grant(cloud, "services", _invoked(cloud, call), "roles/run.invoker", call["member"]))


@mutates("functions remove-invoker-policy-binding", "cloudfunctions")
def remove_invoker(cloud: Cloud, call: Call) -> Answer:
    return _shown(revoke(cloud, "services", _invoked(cloud, call), "roles/run.invoker", call["member"]))


@mutates("iam service-accounts create", "iam")
def create_account(cloud: Cloud, call: Call) -> Answer:
    name = call["NAME"]
    if not 6 <= len(name) <= 30:
        raise InvalidArgument(f"The account ID {name!r} does not have a length between 6 and 30.")
    email = f"{name}@{cloud.project}.iam.gserviceaccount.com"
    account = {
        "displayName": call.get("display-name", ""),
        "email": email,
        "etag": "MDEwMjE5MjA=",
        "name": f"projects/{cloud.project}/serviceAccounts/{email}",
        "oauth2ClientId": f"1{cloud.serial():020}",
        "projectId": cloud.project,
        "uniqueId": f"1{cloud.serial():020}",
    }
    exists = AlreadyExists(f"Service account {name} already exists within project projects/{cloud.project}.")
    return cloud.add("accounts", email, {key: value for key, value in account.items() if value}, exists)


def _unknown(email: str) -> NotFound:
    return NotFound(f"Unknown service account {email}")


@reads("iam service-accounts describe", "iam")
def describe_account(cloud: Cloud, call: Call) -> Answer:
    return cloud.get("accounts", call["SERVICE_ACCOUNT"], _unknown(call["SERVICE_ACCOUNT"]))


@reads("iam service-accounts list", "iam")
def list_accounts(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("accounts")


@mutates("iam service-accounts update", "iam")
def update_account(cloud: Cloud, call: Call) -> Answer:
    account = cloud.get("accounts", call["SERVICE_ACCOUNT"], _unknown(call["SERVICE_ACCOUNT"]))
    if "display-name" in call:
        account["displayName"] = call["display-name"]
    return account


@mutates("iam service-accounts delete", "iam")
def delete_account(cloud: Cloud, call: Call) -> Answer:
    """Policies go on naming the account, as a deleted one."""
    email = call["SERVICE_ACCOUNT"]
    account = cloud.remove("accounts", email, _unknown(email))
    gone = f"deleted:serviceAccount:{email}?uid={account['uniqueId']}"
    for policy in cloud.policies():
        for binding in policy["bindings"]:
            binding["members"] = sorted(
                gone if each == f"serviceAccount:{email}" else each for each in binding["members"]
            )
