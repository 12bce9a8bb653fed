"""Sets up emulators for Sailplane: Google's own, fake-gcs-server, or whatever else the variables name.

Only what Google's APIs document is asked of them, so that any emulator will do.
"""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import grpc

from sailplane.cloud.settings import Settings
from sailplane.deploy.config import DeploymentConfig, QueueConfig, QueueKind
from sailplane.deploy.topology import OBJECT_WRITTEN, Topology
from sailplane.model.errors import SettingsError, Unavailable
from sailplane.standalone import messaging

VARIABLES = ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")
FUNCTION = "{function}"
"""Stands for the name of a function in the pattern of their URLs."""
_CONFLICT = 409
_NOT_THERE = (404, 501)
_TIMEOUT_SECONDS = 20
_TICK_SECONDS = 180
_MINUTE = timedelta(minutes=1)
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Emulators:
    """Where they are. All three are named, so nothing here can reach Google Cloud."""

    settings: Settings
    pubsub: str
    storage: str
    """A URL without a slash at its end."""

    @classmethod
    def named_in(cls, environment: Mapping[str, str]) -> "Emulators":
        """Raises `SettingsError` when one is missing."""
        missing = [name for name in VARIABLES if not environment.get(name)]
        if missing:
            raise SettingsError(f"{', '.join(missing)} not set: each names an emulator that is to be set up")
        settings = Settings.from_mapping(environment)
        return cls(settings=settings, pubsub=settings.pubsub_host or "", storage=settings.storage_url or "")

    @property
    def topology(self) -> Topology:
        return Topology(project=self.settings.project, name=self.settings.topic_prefix)


def set_up(emulators: Emulators, config: DeploymentConfig, functions: str, say: Say) -> None:
    """Make topics, subscriptions, the bucket and its notification, where they are missing.

    `functions` is the URL of a function with `{function}` for its name. Raises `SettingsError` or `Unavailable`.
    """
    topology = emulators.topology
    queues = tuple((name, queue.kind) for name, queue in config.queues.items())
    urls = _function_urls(topology, config.queues, functions)
    try:
        asyncio.run(messaging.deploy(emulators.pubsub, topology, queues, urls))
    except grpc.RpcError as error:
        raise Unavailable(f"the Pub/Sub emulator at {emulators.pubsub} refuses: {error}") from error
    made = ", ".join(topology.topics(config.queues))
    say(f"Topics and subscriptions in {topology.project}: {made}")
    make_bucket(emulators, say)


def make_bucket(emulators: Emulators, say: Say) -> None:
    """Make the bucket and its notification, where they are missing. Raises `Unavailable`."""
    _make_bucket(emulators, say)
    _make_notification(emulators, say)


def _function_urls(topology: Topology, queues: Mapping[str, QueueConfig], functions: str) -> dict[str, str]:
    if FUNCTION not in functions:
        raise SettingsError(f"{functions} lacks {FUNCTION}, which stands for a function's name")
    return {
        name: functions.replace(FUNCTION, name.removeprefix(f"{topology.name}-")) for name in _called(topology, queues)
    }


def _called(topology: Topology, queues: Mapping[str, QueueConfig]) -> Iterable[str]:
    kinds: Iterable[tuple[str, QueueKind]] = ((name, queue.kind) for name, queue in queues.items())
    return {each.pushes_to for each in topology.subscriptions(kinds) if each.pushes_to}


def _make_bucket(emulators: Emulators, say: Say) -> None:
    settings = emulators.settings
    url = f"{emulators.storage}/storage/v1/b?{urlencode({'project': settings.project})}"
    status = _post(url, {"name": settings.bucket})
    if status != _CONFLICT and status >= 400:
        raise Unavailable(f"the storage emulator at {emulators.storage} answers {status} to a new bucket")
    say(f"Bucket {settings.bucket}: {'was there' if status == _CONFLICT else 'made'}")


def _make_notification(emulators: Emulators, say: Say) -> None:
    """As a deployment does. An emulator without these has flags of its own for it, such as fake-gcs-server."""
    topic = emulators.topology.topic_path(emulators.topology.events_topic)
    url = f"{emulators.storage}/storage/v1/b/{emulators.settings.bucket}/notificationConfigs"
    wanted = f"//pubsub.googleapis.com/{topic}"
    status, known = _get(url)
    if status in _NOT_THERE:
        say("Notifications: this emulator takes none over the API; they must be among its flags")
        return
    if any(str(each.get("topic", "")).endswith(topic) for each in known.get("items", ())):
        say(f"Notifications to {topic}: were there")
        return
    status = _post(url, {"topic": wanted, "payload_format": "JSON_API_V1", "event_types": [OBJECT_WRITTEN]})
    if status >= 400:
        raise Unavailable(f"the storage emulator at {emulators.storage} answers {status} to a new notification")
    say(f"Notifications to {topic}: made")


def _post(url: str, body: object) -> int:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return _ask(request)[0]


def _get(url: str) -> tuple[int, Mapping[str, list[dict[str, object]]]]:
    status, body = _ask(urllib.request.Request(url))
    return status, json.loads(body or b"{}") if status < 400 else {}


def _ask(request: urllib.request.Request, seconds: float = _TIMEOUT_SECONDS) -> tuple[int, bytes]:
    """Status and body. No proxy is asked: emulators are near. Raises `Unavailable` without an answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError as error:
        raise Unavailable(f"{request.full_url} does not answer: {error}") from error


class Clock:
    """Posts the tick each minute, as Cloud Scheduler does. What goes wrong is said; the next minute comes anyway."""

    def __init__(self, url: str, *, now: Callable[[], datetime], sleep: Callable[[float], None], say: Say) -> None:
        self._url = url
        self._now = now
        self._sleep = sleep
        self._say = say

    def wait(self) -> None:
        """Until the next full minute."""
        now = self._now()
        self._sleep((now.replace(second=0, microsecond=0) + _MINUTE - now).total_seconds())

    def ring(self) -> None:
        request = urllib.request.Request(self._url, b"{}", {"Content-Type": "application/json"})
        try:
            status, body = _ask(request, _TICK_SECONDS)
        except Unavailable as error:
            self._say(str(error))
            return
        if status >= 400:
            self._say(f"tick answered {status}: {body[:200].decode(errors='replace')}")
