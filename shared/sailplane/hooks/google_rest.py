"""Google's REST APIs, without a client library for each."""

import time
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.google import GoogleBaseHook

_REFUSED = (HTTPStatus.TOO_MANY_REQUESTS,)
"""The call has done nothing, and may succeed later."""
_PASSING = (*_REFUSED, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
"""The call may have done what it should: only one that changes nothing is made again."""
_TIMEOUT = 120.0


class GoogleApiError(AirflowException):
    """A Google API refused a call."""

    def __init__(self, call: str, status: int, reason: str) -> None:
        super().__init__(f"{call} answered {status}: {reason}")
        self.status = status


class Unreachable(AirflowException):
    """A Google API gave no answer."""


class GoogleRestHook(GoogleBaseHook):
    """Calls a REST API with the hook's credentials, or the service's emulator, where the environment names one."""

    endpoint = ""
    """`https://` and the service's host."""

    @cached_property
    def session(self) -> Any:
        return self.get_session()

    @property
    def base_url(self) -> str:
        emulator = self.emulator
        if emulator is None:
            return self.endpoint
        return emulator if "://" in emulator else f"http://{emulator}"

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer's JSON. Calls that the service is too busy for are made again, `num_retries` times.

        Raises `GoogleApiError` with what the service says.
        """
        answer = self._repeated(method, f"{self.base_url}{path}", body)
        content = _content(answer)
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            error = content.get("error")
            reason = error.get("message") if isinstance(error, Mapping) else answer.text[:500]
            raise GoogleApiError(f"{method} {path}", answer.status_code, reason or answer.reason)
        return content

    def _repeated(self, method: str, url: str, body: Mapping[str, Any] | None) -> Any:
        changes_nothing = method == "GET"
        for attempt in range(self.num_retries):
            try:
                answer = self.send(method, url, json=body)
            except Unreachable:
                if not changes_nothing:
                    raise
            else:
                if answer.status_code not in (_PASSING if changes_nothing else _REFUSED):
                    return answer
            time.sleep(min(2.0**attempt / 4, 30.0))
        return self.send(method, url, json=body)

    def send(self, method: str, url: str, session: Any = None, **options: Any) -> Any:
        """The `requests.Response`, whatever its status. Raises `Unreachable` when there is none."""
        import requests
        from google.auth.exceptions import GoogleAuthError

        try:
            return (session or self.session).request(method, url, **{"timeout": _TIMEOUT, **options})
        except (requests.RequestException, GoogleAuthError) as error:
            raise Unreachable(f"{method} {url} failed: {error}") from error


def _content(answer: Any) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
