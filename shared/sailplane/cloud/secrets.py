"""Secret Manager: Variables and Connections by the names that Airflow's `CloudSecretManagerBackend` gives them."""

import base64
import re
import threading
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from sailplane.cloud.settings import Settings
from sailplane.model.errors import Unavailable

VARIABLES_PREFIX = "airflow-variables-"
CONNECTIONS_PREFIX = "airflow-connections-"
_ENDPOINT = "https://secretmanager.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


class SecretManager:
    """Reads the newest version of secrets over Secret Manager's REST API: no client library to import."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    def variable(self, key: str) -> str | None:
        """See `read`."""
        return self.read(VARIABLES_PREFIX + key)

    def connection(self, conn_id: str) -> str | None:
        """See `read`."""
        return self.read(CONNECTIONS_PREFIX + conn_id)

    def read(self, secret: str) -> str | None:
        """The secret's text; None when there is none, or none can have that name.

        Raises `Unavailable` when Secret Manager is away or refuses: a missing permission must not look like a missing
        secret.
        """
        if not _SECRET_ID.fullmatch(secret):
            return None
        status, answer = self._get(
            f"/v1/projects/{quote(self._settings.project)}/secrets/{secret}/versions/latest:access"
        )
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status >= HTTPStatus.BAD_REQUEST:
            raise Unavailable(_refusal(secret, status, answer))
        try:
            return base64.b64decode(answer["payload"].get("data", "")).decode()
        except (KeyError, ValueError):
            raise Unavailable(f"the secret {secret} in Secret Manager is no UTF-8 text") from None

    def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        import requests
        from google.auth.exceptions import GoogleAuthError

        seconds = self._settings.call_deadline.total_seconds()
        try:
            answer = self._http.get(self._endpoint + path, timeout=seconds)
        except (requests.RequestException, GoogleAuthError) as error:
            raise Unavailable(f"Secret Manager could not be reached: {error}") from error
        try:
            content = answer.json()
        except ValueError:
            content = {}
        return answer.status_code, content if isinstance(content, dict) else {}

    @property
    def _endpoint(self) -> str:
        host = self._settings.secret_manager_host
        return f"http://{host}" if host else _ENDPOINT

    @cached_property
    def _http(self) -> Any:
        """A session with the default credentials; a plain one to an emulator."""
        with self._lock:
            if self._settings.secret_manager_host:
                import requests

                plain = requests.Session()
                plain.trust_env = False  # No proxy for this machine.
                return plain
            import google.auth
            from google.auth.transport.requests import AuthorizedSession

            credentials, _project = google.auth.default(scopes=[_SCOPE])
            return AuthorizedSession(credentials)


def _refusal(secret: str, status: int, answer: dict[str, Any]) -> str:
    reason = answer.get("error", {}).get("message", "no reason given")
    advice = ""
    if status == HTTPStatus.FORBIDDEN:
        advice = "; give the worker's service account the role roles/secretmanager.secretAccessor"
    return f"Secret Manager does not show the secret {secret}: {reason} (HTTP {status}){advice}"
