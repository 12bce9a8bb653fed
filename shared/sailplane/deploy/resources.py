"""All that a deployment consists of, as one ordered list: decided from its configuration, without a look at the cloud.

The order is that of making it. Whoever is called stands before who calls: topics before the functions that publish to
them, workers and their subscriptions before the tick. So a deployment that stopped anywhere loses nothing, and while
a change rolls out the old tick finds new workers that understand it.
"""

from itertools import chain

from sailplane.deploy import access, compute, messaging, monitoring, storage
from sailplane.deploy.config import DeploymentConfig, WebAccess
from sailplane.deploy.design import Design
from sailplane.deploy.resource import Kind, Resource

APIS = (
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudscheduler",
    "firestore",
    "iam",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "storage",
)


def desired(design: Design) -> tuple[Resource, ...]:
    """Everything that should be there, in the order of making it."""
    return tuple(
        chain(
            apis(design.config),
            access.service_agents(design),
            access.service_accounts(design),
            storage.database(design),
            storage.bucket(design),
            messaging.topics(design),
            access.data_bindings(design),
            storage.notification(design),
            compute.jobs(design),
            access.job_bindings(design),
            compute.receivers(design),
            access.receiver_bindings(design),
            messaging.subscriptions(design),
            access.subscription_bindings(design),
            compute.faces(design),
            access.face_bindings(design),
            compute.clock(design),
            monitoring.resources(design),
        )
    )


def apis(config: DeploymentConfig) -> tuple[Resource, ...]:
    names = [*APIS]
    if config.secrets:
        names.append("secretmanager")
    if config.web.access is WebAccess.IAP:
        names.append("iap")
    return tuple(Resource(kind=Kind.API, name=f"{name}.googleapis.com") for name in sorted(names))
