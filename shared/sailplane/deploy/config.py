"""`sailplane.toml`: what a team wants of its deployment. Everything in it has a default."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from sailplane.deploy import fields, sizes
from sailplane.deploy.tables import Table
from sailplane.model.dags import DEFAULT_QUEUE
from sailplane.model.errors import SettingsError

Given = TypeVar("Given")

CONFIG_FILE = "sailplane.toml"
REQUIREMENTS_FILE = "requirements.txt"
LONGEST_PUSH = timedelta(seconds=600)
"""The longest acknowledgement deadline of Pub/Sub: a function that holds a message longer gets it a second time."""
LONGEST_REQUEST = timedelta(minutes=60)
"""The longest request of Cloud Run."""
LONGEST_JOB = timedelta(days=7)
"""The longest task of a Cloud Run job."""
_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_DATABASE = re.compile(r"[a-z][a-z0-9-]{2,61}[a-z0-9]")
_LONGEST_NAME = 16
"""Service accounts have at most 30 characters, and the longest ending is `-scheduler`."""
_LONGEST_RESOURCE = 49
"""Cloud Run's names have at most 49 characters."""
_RESERVED_QUEUES = frozenset({"events", "dead-letters", "tick", "worker", "web"})
"""Other topics, functions and subscriptions of a deployment have these names."""


class Function(StrEnum):
    """The functions of a deployment."""

    TICK = "tick"
    WORKER = "worker"
    EVENTS = "events"
    WEB = "web"


class QueueKind(StrEnum):
    """What works off a queue."""

    FUNCTION = "function"
    """A function that Pub/Sub calls."""
    JOB = "job"
    """A Cloud Run job: each task instance is an execution of its own."""
    PULL = "pull"
    """`sailplane worker`, which the team runs where it likes."""


class WebAccess(StrEnum):
    """How the web function knows its users."""

    ID_TOKEN = "id-token"
    """Cloud Run lets in whoever brings a Google ID token and may invoke the service."""
    IAP = "iap"
    """Identity-Aware Proxy asks users to sign in."""


class Ingress(StrEnum):
    """From where a function can be reached."""

    ALL = "all"
    INTERNAL = "internal-only"
    INTERNAL_AND_LOAD_BALANCER = "internal-and-gclb"


@dataclass(frozen=True, kw_only=True)
class FunctionConfig:
    """The settings of one function."""

    memory: str
    cpu: float = 1
    concurrency: int
    """Requests that one instance serves at once."""
    timeout: timedelta
    min_instances: int = 0
    max_instances: int
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Environment variable -> `SECRET:VERSION` of Secret Manager."""
    vpc_connector: str | None = None
    ingress: Ingress = Ingress.ALL


FUNCTION_DEFAULTS: Mapping[Function, FunctionConfig] = {
    # One clock is enough. A second request at once lets a late tick end while the next one begins.
    Function.TICK: FunctionConfig(memory="512Mi", concurrency=2, timeout=timedelta(seconds=120), max_instances=1),
    Function.WORKER: FunctionConfig(memory="1Gi", concurrency=8, timeout=timedelta(seconds=540), max_instances=100),
    Function.EVENTS: FunctionConfig(memory="512Mi", concurrency=16, timeout=timedelta(seconds=60), max_instances=10),
    Function.WEB: FunctionConfig(memory="512Mi", concurrency=16, timeout=timedelta(seconds=60), max_instances=5),
}


@dataclass(frozen=True, kw_only=True)
class QueueConfig:
    """One queue: what serves it, and with what."""

    name: str
    kind: QueueKind = QueueKind.FUNCTION
    requirements: Path | None = None
    """Python packages beside Sailplane's own; None: `requirements.txt` beside the DAGs, if there is one."""
    image: str | None = None
    """A container image to run as it is (kind job, pull)."""
    dockerfile: Path | None = None
    """What to build the image from; None: Sailplane's own, with `system_packages` and `requirements`."""
    system_packages: tuple[str, ...] = ()
    """Debian packages of the image (kind job)."""
    memory: str
    cpu: float
    gpu: str | None = None
    """The GPU type of a job, such as `nvidia-l4`."""
    timeout: timedelta
    service_account: str | None = None
    """Email of the service account that tasks run as; None: the deployment's own for workers."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Environment variable -> `SECRET:VERSION` of Secret Manager."""
    env: Mapping[str, str] = field(default_factory=dict)
    concurrency: int
    """Task instances that one instance runs side by side (kind function, pull)."""
    min_instances: int = 0
    max_instances: int
    """Kind function: instances at once."""

    @property
    def builds_image(self) -> bool:
        return self.kind is QueueKind.JOB and self.image is None


Served = TypeVar("Served", FunctionConfig, QueueConfig)


@dataclass(frozen=True, kw_only=True)
class WebConfig:
    access: WebAccess = WebAccess.ID_TOKEN
    members: tuple[str, ...] = ()
    """IAM members that may use API and pages, such as `user:ada@example.org`."""


@dataclass(frozen=True, kw_only=True)
class DeploymentConfig:
    """All that `sailplane.toml` says."""

    folder: Path
    """Relative paths in the file start here."""
    name: str = "sailplane"
    """Begins the name of everything that belongs to the deployment."""
    bucket: str | None = None
    """None: `PROJECT-sailplane`."""
    database: str = "(default)"
    location: str | None = None
    """Of Firestore; None: the region."""
    point_in_time_recovery: bool = False
    delete_protection: bool = True
    log_retention_days: int | None = 30
    """After how many days logs are deleted; None: never."""
    xcom_retention_days: int | None = 30
    """The same for XComs that are too large for Firestore."""
    soft_delete_days: int | None = None
    """How long deleted objects can be brought back, 7 to 90 days; None: not at all, as they would be paid for."""
    alerts: bool = True
    notification_channels: tuple[str, ...] = ()
    dashboard: bool = False
    functions: Mapping[Function, FunctionConfig] = field(default_factory=lambda: dict(FUNCTION_DEFAULTS))
    web: WebConfig = field(default_factory=WebConfig)
    queues: Mapping[str, QueueConfig]
    """Always has `default`."""

    def bucket_of(self, project: str) -> str:
        return self.bucket or f"{project}-sailplane"

    def worker_function(self, queue: QueueConfig) -> FunctionConfig:
        """The settings of the function that serves `queue`."""
        base = self.functions[Function.WORKER]
        return replace(
            base,
            memory=queue.memory,
            cpu=queue.cpu,
            timeout=queue.timeout,
            concurrency=queue.concurrency,
            min_instances=queue.min_instances,
            max_instances=queue.max_instances,
            env={**base.env, **queue.env},
            secrets={**base.secrets, **queue.secrets},
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that any function or queue is given, sorted."""
        tables = (*(each.secrets for each in self.functions.values()), *(each.secrets for each in self.queues.values()))
        return tuple(sorted({secret_name(value) for table in tables for value in table.values()}))


def secret_name(reference: str) -> str:
    """The secret that `SECRET:VERSION` names."""
    return reference.partition(":")[0]


def load(path: Path | None) -> DeploymentConfig:
    """The deployment that `path` describes; the defaults when there is none. Raises `SettingsError` that says which
    file, table and key is wrong."""
    if path is None:
        return parse({}, file=CONFIG_FILE, folder=Path())
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist; name the file with --config, or leave it out") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    return parse(content, file=str(path), folder=path.parent)


def parse(content: Mapping[str, object], *, file: str, folder: Path) -> DeploymentConfig:
    """The deployment that the TOML document `content` describes. Raises `SettingsError`."""
    root = Table(content, file=file)
    config = root.read("deployment", lambda table: _deployment(table, folder))
    functions = root.read("functions", _functions)
    web = root.read("web", _web)
    queues = root.read("queues", lambda table: _queues(table, folder, functions[Function.WORKER], config.name))
    root.close()
    return replace(config, functions=functions, web=web, queues=queues)


def _deployment(table: Table, folder: Path) -> DeploymentConfig:
    default = DeploymentConfig(folder=folder, queues={})
    name = table.text("name") or default.name
    database = table.text("database") or default.database
    if database != default.database and not _DATABASE.fullmatch(database):
        raise table.error(
            "database", f"= {database!r} must be '(default)' or 4 to 63 lower-case letters, digits and dashes"
        )
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise table.error(
            "name",
            f"= {name!r} must be lower-case letters, digits and dashes, begin with a letter, and have at most "
            f"{_LONGEST_NAME} characters (service accounts are named after it)",
        )
    return replace(
        default,
        name=name,
        bucket=fields.bucket(table),
        database=database,
        location=table.text("location"),
        point_in_time_recovery=_or(table.flag("point_in_time_recovery"), default.point_in_time_recovery),
        delete_protection=_or(table.flag("delete_protection"), default.delete_protection),
        log_retention_days=_days(table, "log_retention_days", default.log_retention_days),
        xcom_retention_days=_days(table, "xcom_retention_days", default.xcom_retention_days),
        soft_delete_days=_soft_delete(table),
        alerts=_or(table.flag("alerts"), default.alerts),
        notification_channels=table.texts("notification_channels"),
        dashboard=_or(table.flag("dashboard"), default.dashboard),
    )


def _days(table: Table, key: str, default: int | None) -> int | None:
    """Days; 0 says never."""
    days = table.whole(key)
    return default if days is None else days or None


def _soft_delete(table: Table) -> int | None:
    days = table.whole("soft_delete_days", most=90) or None
    if days is not None and days < 7:
        raise table.error("soft_delete_days", f"= {days} must be 0 or between 7 and 90 (a rule of Cloud Storage)")
    return days


def _functions(table: Table) -> Mapping[Function, FunctionConfig]:
    return {
        name: table.read(name, lambda one, name=name: _function(one, name, FUNCTION_DEFAULTS[name]))  # type: ignore[misc]
        for name in Function
    }


def _function(table: Table, name: Function, default: FunctionConfig) -> FunctionConfig:
    longest = LONGEST_PUSH if name in (Function.WORKER, Function.EVENTS) else LONGEST_REQUEST
    env, secrets = fields.variables(table)
    return _checked(
        table,
        FunctionConfig(
            memory=fields.memory(table) or default.memory,
            cpu=_or(table.number("cpu"), default.cpu),
            concurrency=_or(table.whole("concurrency", least=1, most=1000), default.concurrency),
            timeout=fields.timeout(table, longest) or default.timeout,
            min_instances=_or(table.whole("min_instances"), default.min_instances),
            max_instances=_or(table.whole("max_instances", least=1), default.max_instances),
            env=env,
            secrets=secrets,
            vpc_connector=table.text("vpc_connector"),
            ingress=table.choice("ingress", Ingress) or default.ingress,
        ),
    )


def _checked(table: Table, one: Served) -> Served:
    """`one`, a function or what a queue makes one of, if Cloud Run can run it."""
    if one.min_instances > one.max_instances:
        raise table.error("min_instances", f"= {one.min_instances} is above max_instances, {one.max_instances}")
    sizes.check(table, one.cpu, one.memory, least_cpu=1 if one.concurrency > 1 else 0, why="a concurrency above 1")
    return one


def _web(table: Table) -> WebConfig:
    return WebConfig(access=table.choice("access", WebAccess) or WebAccess.ID_TOKEN, members=fields.members(table))


def _queues(table: Table, folder: Path, worker: FunctionConfig, name: str) -> Mapping[str, QueueConfig]:
    names = [DEFAULT_QUEUE, *(each for each in table.names() if each != DEFAULT_QUEUE)]
    for queue in names:
        if not _NAME.fullmatch(queue) or queue in _RESERVED_QUEUES or len(f"{name}-worker-{queue}") > _LONGEST_RESOURCE:
            raise table.error(
                queue,
                "is no name for a queue: lower-case letters, digits and dashes, begins with a letter, at most "
                f"{_LONGEST_RESOURCE - len(f'{name}-worker-')} characters, and none of "
                f"{', '.join(sorted(_RESERVED_QUEUES))}",
            )
    return {each: table.read(each, lambda one, each=each: _queue(one, each, folder, worker)) for each in names}  # type: ignore[misc]


_JOB_TIMEOUT = timedelta(days=1)
_LONGEST: Mapping[QueueKind, timedelta] = {
    QueueKind.FUNCTION: LONGEST_PUSH,
    QueueKind.JOB: LONGEST_JOB,
    QueueKind.PULL: LONGEST_JOB,
}
_ONLY_FOR: Mapping[str, frozenset[QueueKind]] = {
    "image": frozenset({QueueKind.JOB, QueueKind.PULL}),
    "dockerfile": frozenset({QueueKind.JOB}),
    "system_packages": frozenset({QueueKind.JOB}),
    "gpu": frozenset({QueueKind.JOB}),
    "min_instances": frozenset({QueueKind.FUNCTION}),
    "max_instances": frozenset({QueueKind.FUNCTION}),
    "concurrency": frozenset({QueueKind.FUNCTION, QueueKind.PULL}),
}


def _queue(table: Table, name: str, folder: Path, worker: FunctionConfig) -> QueueConfig:
    kind = table.choice("kind", QueueKind) or QueueKind.FUNCTION
    _check_kind(table, name, kind)
    env, secrets = fields.variables(table)
    by_default = worker.timeout if kind is QueueKind.FUNCTION else _JOB_TIMEOUT
    queue = QueueConfig(
        name=name,
        kind=kind,
        requirements=fields.path(table, "requirements", folder),
        image=table.text("image"),
        dockerfile=fields.path(table, "dockerfile", folder),
        system_packages=table.texts("system_packages"),
        memory=fields.memory(table) or worker.memory,
        cpu=_or(table.number("cpu"), worker.cpu),
        gpu=table.text("gpu"),
        timeout=fields.timeout(table, _LONGEST[kind]) or by_default,
        service_account=fields.account(table),
        env=env,
        secrets=secrets,
        concurrency=_or(table.whole("concurrency", least=1, most=1000), worker.concurrency),
        min_instances=_or(table.whole("min_instances"), worker.min_instances),
        max_instances=_or(table.whole("max_instances", least=1), worker.max_instances),
    )
    if kind is QueueKind.JOB and queue.gpu is None:  # Machines with GPUs have sizes of their own.
        sizes.check(table, queue.cpu, queue.memory, least_cpu=1, why="a job")
    return _checked(table, queue) if kind is QueueKind.FUNCTION else queue


def _check_kind(table: Table, name: str, kind: QueueKind) -> None:
    for key, kinds in _ONLY_FOR.items():
        if table.has(key) and kind not in kinds:
            raise table.error(key, f"makes no sense for a queue of kind {kind.value!r}; it is for {_listed(kinds)}")
    if table.has("image") and (table.has("dockerfile") or table.has("system_packages")):
        raise table.error("image", "runs as it is; leave out dockerfile and system_packages, or the image")
    if name == DEFAULT_QUEUE and kind is not QueueKind.FUNCTION:
        raise table.error(
            "kind",
            f"= {kind.value!r}: the default queue is served by the worker function, which also "
            "answers alarms; give a queue of another name this kind",
        )


def _listed(kinds: frozenset[QueueKind]) -> str:
    return " and ".join(repr(kind.value) for kind in sorted(kinds))


def _or(value: Given | None, default: Given) -> Given:
    return default if value is None else value
