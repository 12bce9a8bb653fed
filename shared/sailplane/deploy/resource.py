"""`Resource`: one thing that a deployment has on Google Cloud, by kind, name and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Scalar = str | int | float | bool | None
Setting = Scalar | tuple["Setting", ...] | Mapping[str, "Setting"]
"""Settings are plain values, so that they can be compared and printed."""


class Kind(StrEnum):
    """The kinds of resources. The value is how people read it."""

    API = "API"
    SERVICE_AGENT = "service agent"
    """The account by which a Google service acts in the project."""
    SERVICE_ACCOUNT = "service account"
    BINDING = "IAM binding"
    DATABASE = "Firestore database"
    INDEX = "Firestore index"
    FIELD = "Firestore field"
    """Which single-field indexes a field has."""
    TTL = "Firestore TTL policy"
    BUCKET = "bucket"
    NOTIFICATION = "bucket notification"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    REPOSITORY = "image repository"
    IMAGE = "image"
    JOB = "Cloud Run job"
    FUNCTION = "function"
    IAP = "Identity-Aware Proxy"
    SCHEDULER_JOB = "Scheduler job"
    LOG_METRIC = "log metric"
    ALERT = "alert policy"
    DASHBOARD = "dashboard"


class Scope(StrEnum):
    """What an IAM binding is on."""

    PROJECT = "project"
    BUCKET = "bucket"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    SERVICE = "Cloud Run service"
    JOB = "Cloud Run job"
    SECRET = "secret"
    IAP = "Identity-Aware Proxy"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One thing that should be there."""

    kind: Kind
    name: str
    """Unique among the deployment's resources of this kind; as Google names it, where Google does."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """All that was decided about it. Durations are whole seconds."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a deployment goes."""

    project: str
    project_number: str
    """Names Google's service agents of the project, and is part of the URL of a function."""
    region: str

    def url(self, service: str) -> str:
        """The URL of a function, known before it is deployed."""
        return f"https://{service}-{self.project_number}.{self.region}.run.app"


def binding(scope: Scope, resource: str, role: str, member: str) -> Resource:
    """`member` has `role` on `resource`."""
    return Resource(
        kind=Kind.BINDING,
        name=f"{role} on {scope} {resource} for {member}",
        settings={"scope": scope.value, "resource": resource, "role": role, "member": member},
    )
