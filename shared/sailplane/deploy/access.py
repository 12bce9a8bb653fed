"""Who may do what: service accounts, Google's own agents, and every IAM binding as a resource of its own."""

from collections.abc import Iterable, Iterator

from sailplane.deploy.config import Function, QueueKind, WebAccess
from sailplane.deploy.design import Design
from sailplane.deploy.messaging import design_subscriptions
from sailplane.deploy.resource import Kind, Resource, Scope, binding
from sailplane.model.dags import DEFAULT_QUEUE

ACCOUNTS = ("tick", "worker", "events", "web", "push", "scheduler", "build")
USES_FIRESTORE = "roles/datastore.user"
PUBLISHES = "roles/pubsub.publisher"
SUBSCRIBES = "roles/pubsub.subscriber"
READS_OBJECTS = "roles/storage.objectViewer"
WRITES_OBJECTS = "roles/storage.objectUser"
READS_SECRETS = "roles/secretmanager.secretAccessor"
INVOKES = "roles/run.invoker"
STARTS_JOBS = "roles/run.jobsExecutorWithOverrides"
PASSES_IAP = "roles/iap.httpsResourceAccessor"
BUILDS = ("roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer")
"""What Cloud Build needs to fetch the source, keep the image and write its log."""


def service_agents(design: Design) -> Iterator[Resource]:
    """Google's agents that the bindings name; some are made with their first use only."""
    services = ["pubsub", "storage"]
    if design.config.web.access is WebAccess.IAP:
        services.append("iap")
    for service in services:
        yield Resource(kind=Kind.SERVICE_AGENT, name=f"{service}.googleapis.com")


def pubsub_agent(design: Design) -> str:
    return f"serviceAccount:service-{design.place.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"


def storage_agent(design: Design) -> str:
    return f"serviceAccount:service-{design.place.project_number}@gs-project-accounts.iam.gserviceaccount.com"


def iap_agent(design: Design) -> str:
    return f"serviceAccount:service-{design.place.project_number}@gcp-sa-iap.iam.gserviceaccount.com"


def service_accounts(design: Design) -> Iterator[Resource]:
    for role in ACCOUNTS:
        yield Resource(
            kind=Kind.SERVICE_ACCOUNT,
            name=design.topology.account_email(role),
            settings={"display_name": f"Sailplane {design.config.name}: {role}"},
        )


def data_bindings(design: Design) -> Iterator[Resource]:
    """What functions and workers may do with state, messages, objects and secrets, and the build with images."""
    project, topology = design.place.project, design.topology
    users = [_account(design, role) for role in ("tick", "events", "web")]
    workers = _workers(design)
    for member in (*users, *workers):
        yield binding(Scope.PROJECT, project, USES_FIRESTORE, member)
        for queue in design.config.queues:
            yield binding(Scope.TOPIC, topology.topic(queue), PUBLISHES, member)
    for member in users:
        yield binding(Scope.BUCKET, design.bucket, READS_OBJECTS, member)
    for member in workers:
        yield binding(Scope.BUCKET, design.bucket, WRITES_OBJECTS, member)
    for role in BUILDS:
        yield binding(Scope.PROJECT, project, role, _account(design, "build"))
    yield binding(Scope.TOPIC, topology.events_topic, PUBLISHES, storage_agent(design))
    yield binding(Scope.TOPIC, topology.dead_letter_topic, PUBLISHES, pubsub_agent(design))
    yield from _secret_bindings(design)


def _workers(design: Design) -> tuple[str, ...]:
    """Members that run tasks: the deployment's own worker, and those that queues name."""
    emails = dict.fromkeys(design.worker_email(queue) for queue in design.config.queues.values())
    emails = {design.topology.account_email("worker"): None, **emails}
    return tuple(f"serviceAccount:{email}" for email in emails)


def _secret_bindings(design: Design) -> Iterator[Resource]:
    for secret, members in design.secret_readers().items():
        for member in members:
            yield binding(Scope.SECRET, secret, READS_SECRETS, member)


def job_bindings(design: Design) -> Iterator[Resource]:
    """The worker function, that of the default queue, starts the executions of the jobs."""
    worker = f"serviceAccount:{design.worker_email(design.config.queues[DEFAULT_QUEUE])}"
    for queue in design.queues(QueueKind.JOB):
        yield binding(Scope.JOB, design.topology.job(queue.name), STARTS_JOBS, worker)


def receiver_bindings(design: Design) -> Iterator[Resource]:
    """Pub/Sub calls workers and events as the account `push`."""
    called = [design.topology.worker(queue.name) for queue in design.queues(QueueKind.FUNCTION)]
    yield from _invokers([*called, design.topology.function(Function.EVENTS)], _account(design, "push"))


def subscription_bindings(design: Design) -> Iterator[Resource]:
    """Pub/Sub itself takes from a subscription what it hands to the dead letters; pull workers take their tasks."""
    for subscription in design_subscriptions(design):
        if subscription.dead_letter_topic is not None:
            yield binding(Scope.SUBSCRIPTION, subscription.name, SUBSCRIBES, pubsub_agent(design))
    for queue in design.queues(QueueKind.PULL):
        member = f"serviceAccount:{design.worker_email(queue)}"
        yield binding(Scope.SUBSCRIPTION, design.topology.topic(queue.name), SUBSCRIBES, member)


def face_bindings(design: Design) -> Iterator[Resource]:
    """Cloud Scheduler calls the tick; the members that the configuration names use the web."""
    yield from _invokers([design.topology.function(Function.TICK)], _account(design, "scheduler"))
    web, members = design.topology.function(Function.WEB), design.config.web.members
    if design.config.web.access is WebAccess.ID_TOKEN:
        for member in members:
            yield binding(Scope.SERVICE, web, INVOKES, member)
        return
    yield binding(Scope.SERVICE, web, INVOKES, iap_agent(design))
    yield Resource(kind=Kind.IAP, name=web)
    for member in members:
        yield binding(Scope.IAP, web, PASSES_IAP, member)


def _invokers(services: Iterable[str], member: str) -> Iterator[Resource]:
    for service in services:
        yield binding(Scope.SERVICE, service, INVOKES, member)


def _account(design: Design, role: str) -> str:
    return f"serviceAccount:{design.topology.account_email(role)}"
