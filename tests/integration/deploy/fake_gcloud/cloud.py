"""The state of one Google Cloud project, as plain JSON."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from fake_gcloud.errors import AlreadyExists, GcloudError, InvalidArgument, NotFound, PermissionDenied

Json = dict[str, Any]

ALWAYS_ON = ("cloudresourcemanager", "serviceusage", "storage", "logging", "monitoring", "iam-credentials")
"""What a project has from its first day, and what gcloud needs not have enabled."""


def empty(project: str = "demo-project", number: str = "123456789012") -> Json:
    """A project in which nobody did anything yet."""
    return {
        "project": {"id": project, "number": number},
        "apis": [],
        "agents": [],
        "policies": {},
        "resources": {},
        "serial": 0,
        "calls": [],
        "fault": None,
    }


class Cloud:
    """Reads and changes a project's state. Resources are kept by kind and full or short name."""

    def __init__(self, state: Json) -> None:
        self.state = state

    @property
    def project(self) -> str:
        return str(self.state["project"]["id"])

    @property
    def number(self) -> str:
        return str(self.state["project"]["number"])

    def serial(self) -> int:
        """A number that was never given before."""
        self.state["serial"] += 1
        return int(self.state["serial"])

    def now(self) -> str:
        """Rises with each change, and is the same for the same history."""
        return datetime.fromtimestamp(1_800_000_000 + self.serial(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    # -- APIs

    def need_api(self, api: str) -> None:
        """Raises `PermissionDenied` unless the API is enabled."""
        if api not in ALWAYS_ON and f"{api}.googleapis.com" not in self.state["apis"]:
            raise PermissionDenied(
                f"API [{api}.googleapis.com] has not been used in project {self.number} before or it is disabled. "
                f"Enable it by visiting https://console.developers.google.com/apis/api/{api}.googleapis.com/overview"
            )

    # -- resources

    def kind(self, kind: str) -> Json:
        found: Json = self.state["resources"].setdefault(kind, {})
        return found

    def find(self, kind: str, name: str) -> Json | None:
        return self.kind(kind).get(name)

    def get(self, kind: str, name: str, missing: GcloudError | None = None) -> Json:
        """Raises `missing`, or `NotFound`."""
        found = self.find(kind, name)
        if found is None:
            raise missing or NotFound(f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")
        return found

    def add(self, kind: str, name: str, resource: Json, exists: GcloudError | None = None) -> Json:
        """Raises `exists`, or `AlreadyExists`."""
        if name in self.kind(kind):
            raise exists or AlreadyExists(
                f"Resource already exists in the project (resource={name.rsplit('/', maxsplit=1)[-1]})."
            )
        self.kind(kind)[name] = resource
        return resource

    def remove(self, kind: str, name: str, missing: GcloudError | None = None) -> Json:
        found = self.get(kind, name, missing)
        del self.kind(kind)[name]
        self.state["policies"].pop(f"{kind} {name}", None)
        return found

    def all(self, kind: str) -> list[Json]:
        return [copy.deepcopy(each) for _, each in sorted(self.kind(kind).items())]

    # -- who

    def need_account(self, email: str) -> None:
        """Raises unless the service account exists."""
        if email.endswith(f"@{self.project}.iam.gserviceaccount.com") and self.find("accounts", email) is None:
            raise InvalidArgument(f"Service account {email} does not exist.")
        if f"service-{self.number}@" in email and email not in self.state["agents"]:
            raise InvalidArgument(f"Service account {email} does not exist.")

    def policy(self, resource: str) -> Json:
        """The IAM policy on `resource`, which is `KIND NAME`."""
        made: Json = self.state["policies"].setdefault(resource, {"bindings": [], "etag": "ACAB", "version": 1})
        return made

    def may(self, resource: str, role: str, member: str) -> bool:
        bindings = self.state["policies"].get(resource, {}).get("bindings", ())
        return any(each["role"] == role and member in each["members"] for each in bindings)

    def policies(self) -> Iterator[Json]:
        yield from self.state["policies"].values()
