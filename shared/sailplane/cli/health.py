"""An HTTP port that says how a pull worker is, for the probes of Kubernetes and its like."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sailplane.engine.pulling import PullHealth

LONGEST_DISCONNECTED = 120.0
"""Seconds without Pub/Sub after which a worker calls itself unhealthy."""


class HealthServer:
    """Serves while the block runs; nothing at all when the port is None."""

    def __init__(self, port: int | None, health: Callable[[], "PullHealth"]) -> None:
        self._server = None if port is None else ThreadingHTTPServer(("", port), _handler(health))
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return 0 if self._server is None else int(self._server.server_address[1])

    def __enter__(self) -> "HealthServer":
        if self._server is not None:
            self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


def status(health: "PullHealth") -> HTTPStatus:
    """503 once nothing can come: from then on another machine would do better."""
    is_lost = health.lost_seconds > LONGEST_DISCONNECTED
    return HTTPStatus.SERVICE_UNAVAILABLE if is_lost else HTTPStatus.OK


def _handler(health: Callable[[], "PullHealth"]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = health()
            body = json.dumps(asdict(now)).encode()
            self.send_response(status(now))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    return Handler
