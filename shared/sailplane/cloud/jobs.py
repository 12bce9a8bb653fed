"""Cloud Run jobs: starting an execution for one task instance."""

import base64
import threading
from functools import cached_property
from http import HTTPStatus
from typing import Any

from sailplane.cloud.settings import Settings
from sailplane.model import messages
from sailplane.model.errors import CorruptRecord, QuotaExhausted, Unavailable, UnknownQueue
from sailplane.model.messages import Message

TICKET_VARIABLE = "SAILPLANE_TICKET"
"""In the environment of an execution: the message with the one ticket that it is for, as `encode` writes it."""
_ENDPOINT = "https://run.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
"""The same call would be refused again."""


def encode(message: Message) -> str:
    """`message` as text that fits an environment variable."""
    return base64.b64encode(messages.encode(message)).decode()


def decode(text: str) -> Message:
    """What `encode` made. Raises `CorruptRecord` when it is something else."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CorruptRecord(f"not a ticket of Sailplane: {text[:80]!r} is not base64") from error
    return messages.decode(data)


class Jobs:
    """Starts executions over the Cloud Run Admin API (v2, `projects.locations.jobs.run`).

    The API knows no request ids: a call whose answer was lost may have started an execution. Starting two for one
    task instance is harmless, as only one of them can claim it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    def start(self, queue: str, message: Message) -> str:
        """Start an execution of the job of `queue` for the one ticket in `message`; its name, as far as it is known.

        Raises `UnknownQueue` when the job does not exist or cannot be run so, `QuotaExhausted` when as many run as may,
        and `Unavailable` when Cloud Run is away, or the permission is missing.
        """
        job = self._settings.job(queue)
        status, answer = self._post(f"/v2/{job}:run", _request(message))
        if status < HTTPStatus.BAD_REQUEST:
            return str(answer.get("metadata", {}).get("name", ""))
        reason = answer.get("error", {}).get("message", "no reason given")
        if status in _REFUSED:
            raise UnknownQueue(
                f"no execution of {job} can be started for the queue {queue!r}: {reason} (HTTP {status}); deploy the "
                "queue, or correct the task's `queue`"
            )
        error = QuotaExhausted if status == HTTPStatus.TOO_MANY_REQUESTS else Unavailable
        raise error(f"no execution of {job} could be started: {reason} (HTTP {status})")

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        import requests
        from google.auth.exceptions import GoogleAuthError

        seconds = self._settings.call_deadline.total_seconds()
        try:
            answer = self._http.post(self._endpoint + path, json=body, timeout=seconds)
        except (requests.RequestException, GoogleAuthError) as error:
            raise Unavailable(f"Cloud Run could not be reached: {error}") from error
        try:
            content = answer.json()
        except ValueError:
            content = {}
        return answer.status_code, content if isinstance(content, dict) else {}

    @property
    def _endpoint(self) -> str:
        return f"http://{self._settings.run_host}" if self._settings.run_host else _ENDPOINT

    @cached_property
    def _http(self) -> Any:
        """A session with the default credentials; a plain one to an emulator."""
        with self._lock:
            if self._settings.run_host:
                import requests

                plain = requests.Session()
                plain.trust_env = False  # No proxy for this machine.
                return plain
            import google.auth
            from google.auth.transport.requests import AuthorizedSession

            credentials, _project = google.auth.default(scopes=[_SCOPE])
            return AuthorizedSession(credentials)


def _request(message: Message) -> dict[str, Any]:
    """The body of `jobs.run`: the variable is added to those of the job."""
    override = {"env": [{"name": TICKET_VARIABLE, "value": encode(message)}]}
    return {"overrides": {"containerOverrides": [override]}}
