"""Settings: read once, from a mapping handed in, into one frozen object."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from sailplane.model.errors import SettingsError


class SecretsPlace(StrEnum):
    """Somewhere Variables and Connections may be."""

    ENVIRONMENT = "environment"
    """`AIRFLOW_VAR_NAME`, `AIRFLOW_CONN_ID`."""
    STORE = "store"
    SECRET_MANAGER = "secretmanager"
    FILE = "file"
    """Those that `SAILPLANE_VARIABLES_FILE` and `SAILPLANE_CONNECTIONS_FILE` name."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where Sailplane's cloud is, and how much one worker instance does at once."""

    project: str
    bucket: str
    database: str = "(default)"
    topic_prefix: str = "sailplane"
    cache_dir: Path
    """Where a worker keeps bundles it has fetched and the logs of running tries."""
    worker_concurrency: int = 8
    """Task instances that one worker instance runs side by side."""
    vcpus: float = 1.0
    """What the platform gives this instance, and bills: there is no way to ask it."""
    memory_gib: float = 1.0
    request_limit: timedelta = timedelta(seconds=540)
    """How long the platform lets one request of a worker take."""
    call_deadline: timedelta = timedelta(seconds=20)
    """How long a call to Google Cloud is tried again before the request fails and its message comes again."""
    lease: timedelta = timedelta(seconds=60)
    """How long a running task instance is believed without a heartbeat: then its worker is gone. Long enough for a
    pause of the store, short enough that a killed worker costs a minute."""
    alarm_shards: int = 1
    """Over how many index ranges alarms are spread; more than 1 only beyond about 400 task ends a second."""
    tick_stay: timedelta = timedelta(seconds=55)
    """How long a tick may stay for what rings before the next one comes, which is billed as long as it lasts."""
    log_flush: timedelta = timedelta(seconds=3)
    """How often the log of a running task is brought to the bucket."""
    import_timeout: timedelta = timedelta(seconds=30)
    """How long the top level of a DAG file may take, as in Airflow."""
    memory_limit: int | None = None
    """Bytes that a worker instance may use; None: what its container may."""
    fresh_process: bool = False
    """Give every task a process of its own instead of reusing warm ones."""
    firestore_host: str | None = None
    pubsub_host: str | None = None
    storage_url: str | None = None
    region: str = ""
    """Where the Cloud Run jobs of job queues are."""
    run_host: str | None = None
    """`host:port` of something that answers Cloud Run's Admin API in Google's place; Google names no such variable."""
    secrets: tuple[SecretsPlace, ...] = (SecretsPlace.ENVIRONMENT, SecretsPlace.STORE, SecretsPlace.FILE)
    """Where Variables and Connections are looked for, in this order."""
    variables_file: str = ""
    connections_file: str = ""
    secret_manager_host: str | None = None
    """`host:port` of something that answers Secret Manager's API in Google's place."""
    environment: Mapping[str, str]
    """What tasks see as their environment."""

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> "Settings":
        """The settings in `mapping`, usually `os.environ`. Raises `SettingsError` naming what is missing or wrong."""
        project = mapping.get("GOOGLE_CLOUD_PROJECT", "")
        if not project:
            raise SettingsError("GOOGLE_CLOUD_PROJECT is not set: it names the project whose Firestore is used")
        return cls(
            project=project,
            bucket=mapping.get("SAILPLANE_BUCKET") or f"{project}-sailplane",
            database=mapping.get("SAILPLANE_DATABASE", "(default)"),
            topic_prefix=mapping.get("SAILPLANE_TOPIC_PREFIX", "sailplane"),
            cache_dir=Path(mapping.get("SAILPLANE_CACHE_DIR") or Path(tempfile.gettempdir()) / "sailplane"),
            worker_concurrency=_whole(mapping, "SAILPLANE_WORKER_CONCURRENCY", 8),
            vcpus=_number(mapping, "SAILPLANE_CPU", 1.0),
            memory_gib=_gib(mapping, "SAILPLANE_MEMORY", 1.0),
            request_limit=_seconds(mapping, "SAILPLANE_REQUEST_LIMIT", 540),
            call_deadline=_seconds(mapping, "SAILPLANE_CALL_DEADLINE", 20),
            lease=_seconds(mapping, "SAILPLANE_LEASE_SECONDS", 60),
            alarm_shards=_whole(mapping, "SAILPLANE_ALARM_SHARDS", 1),
            tick_stay=_seconds(mapping, "SAILPLANE_TICK_STAY", 55),
            log_flush=_seconds(mapping, "SAILPLANE_LOG_FLUSH", 3),
            import_timeout=import_timeout(mapping),
            memory_limit=_bytes(mapping, "SAILPLANE_MEMORY_LIMIT"),
            fresh_process=mapping.get("SAILPLANE_FRESH_PROCESS", "").lower() in ("1", "true", "yes"),
            firestore_host=mapping.get("FIRESTORE_EMULATOR_HOST") or None,
            pubsub_host=mapping.get("PUBSUB_EMULATOR_HOST") or None,
            storage_url=_url(mapping.get("STORAGE_EMULATOR_HOST", "")),
            region=mapping.get("SAILPLANE_REGION", ""),
            run_host=mapping.get("CLOUD_RUN_EMULATOR_HOST") or None,
            secrets=_places(mapping.get("SAILPLANE_SECRETS", "")),
            variables_file=mapping.get("SAILPLANE_VARIABLES_FILE", ""),
            connections_file=mapping.get("SAILPLANE_CONNECTIONS_FILE", ""),
            secret_manager_host=mapping.get("SECRET_MANAGER_EMULATOR_HOST") or None,
            environment=dict(mapping),
        )

    def topic(self, queue: str) -> str:
        """Full name of the topic that serves `queue`."""
        return f"projects/{self.project}/topics/{self.topic_prefix}-{queue}"

    def subscription(self, queue: str) -> str:
        """Full name of the subscription from which workers pull `queue`."""
        return f"projects/{self.project}/subscriptions/{self.topic_prefix}-{queue}"

    def job(self, queue: str) -> str:
        """Full name of the Cloud Run job that runs the tasks of `queue`. Raises `SettingsError` without a region."""
        if not self.region:
            raise SettingsError(f"SAILPLANE_REGION is not set: it says where the Cloud Run job of queue {queue!r} is")
        return f"projects/{self.project}/locations/{self.region}/jobs/{self.topic_prefix}-{queue}"


def import_timeout(mapping: Mapping[str, str]) -> timedelta:
    """`Settings.import_timeout`, for those who read DAG files and need no cloud."""
    return _seconds(mapping, "SAILPLANE_IMPORT_TIMEOUT", 30)


def _places(text: str) -> tuple[SecretsPlace, ...]:
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names:
        return Settings.secrets
    try:
        return tuple(map(SecretsPlace, names))
    except ValueError:
        raise SettingsError(
            f"SAILPLANE_SECRETS={text!r} must name places in order, as environment,store,secretmanager,file"
        ) from None


def _url(host: str) -> str | None:
    """Google's clients in other languages take a host without a scheme, too."""
    if not host:
        return None
    return (host if "://" in host else f"http://{host}").rstrip("/")


def _whole(mapping: Mapping[str, str], name: str, default: int) -> int:
    text = mapping.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name}={text!r} must be a whole number of 1 or more")
    return int(text)


def _number(mapping: Mapping[str, str], name: str, default: float) -> float:
    text = mapping.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = -1.0
    if number <= 0:
        raise SettingsError(f"{name}={text!r} must be a number above 0")
    return number


def _gib(mapping: Mapping[str, str], name: str, default: float) -> float:
    """An amount of memory as gcloud writes it: 512Mi, 2Gi."""
    text = mapping.get(name, "")
    if not text:
        return default
    amount, unit = text[:-2], text[-2:]
    if unit not in ("Mi", "Gi") or not amount.isdecimal() or not int(amount):
        raise SettingsError(f"{name}={text!r} must be like 512Mi or 2Gi")
    return int(amount) / (1024 if unit == "Mi" else 1)


_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def _bytes(mapping: Mapping[str, str], name: str) -> int | None:
    """A size as Google Cloud and Kubernetes write it: 512Mi, 2Gi, or bytes."""
    text = mapping.get(name, "")
    if not text:
        return None
    number = text.rstrip("kMGi")
    unit = text[len(number) :]
    if not number.isdecimal() or unit not in _UNITS or int(number) < 1:
        raise SettingsError(f"{name}={text!r} must be a size like 512Mi or 2Gi")
    return int(number) * _UNITS[unit]


def _seconds(mapping: Mapping[str, str], name: str, default: float) -> timedelta:
    text = mapping.get(name, "")
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = -1.0
    if seconds <= 0:
        raise SettingsError(f"{name}={text!r} must be a number of seconds above 0")
    return timedelta(seconds=seconds)
