"""Secrets, which deployments read and never make."""

from fake_gcloud.cloud import Cloud
from fake_gcloud.commands import Answer, mutates, reads
from fake_gcloud.errors import InvalidArgument, NotFound
from fake_gcloud.surface import Call


@mutates("secrets create", "secretmanager")
def create(cloud: Cloud, call: Call) -> Answer:
    name = call["SECRET"]
    secret = {"name": f"projects/{cloud.number}/secrets/{name}", "replication": {"automatic": {}}}
    return cloud.add("secrets", name, secret)


@reads("secrets describe", "secretmanager")
def describe(cloud: Cloud, call: Call) -> Answer:
    name = call["SECRET"]
    return cloud.get("secrets", name, NotFound(f"Secret [projects/{cloud.number}/secrets/{name}] not found."))


@reads("secrets list", "secretmanager")
def list_secrets(cloud: Cloud, call: Call) -> Answer:
    del call
    return cloud.all("secrets")


def need_secret(cloud: Cloud, name: str, account: str) -> None:
    """Raises unless `account` may read the secret `name`: no revision starts without."""
    if cloud.find("secrets", name) is None:
        raise NotFound(f"Secret projects/{cloud.number}/secrets/{name} was not found")
    if not cloud.may(f"secrets {name}", "roles/secretmanager.secretAccessor", f"serviceAccount:{account}"):
        raise InvalidArgument(
            f"spec.template.spec.containers[0].env: Permission denied on secret projects/{cloud.number}/secrets/{name} "
            f"for Revision service account {account}. The service account used must be granted the 'Secret Manager "
            "Secret Accessor' role at the secret, project or higher level."
        )
