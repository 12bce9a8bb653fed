import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from sailplane.api.app import App
from sailplane.api.backend import Backend
from sailplane.api.http import Request, Response
from sailplane.api.users import Open


class Client:
    """Asks the application as a browser would, without a server between."""

    def __init__(self, app: App) -> None:
        self._app = app

    def ask(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Response:
        split = urlsplit(url)
        given = {"content-type": "application/json"} if body is not None else {}
        return self._app.handle(
            Request(
                method=method,
                path=unquote(split.path),
                query=parse_qs(split.query),
                headers={**given, **(headers or {})},
                body=raw if raw is not None else b"" if body is None else json.dumps(body).encode(),
            )
        )

    def get(self, url: str, **headers: str) -> Response:
        return self.ask("GET", url, headers=headers)

    def read(self, url: str) -> Any:
        """The JSON of a successful answer."""
        answer = self.get(url)
        assert answer.status == 200, answer
        return json.loads(answer.body)


@pytest.fixture
def client_of() -> type[Client]:
    return Client


@pytest.fixture
def client(backend: Backend) -> Client:
    return Client(App(backend, Open()))
