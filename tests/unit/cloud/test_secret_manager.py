"""Secret Manager's REST API, as far as reading goes, played by a small server."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sailplane.cloud.secrets import SecretManager
from sailplane.cloud.settings import Settings
from sailplane.model.errors import Unavailable

SECRETS = {
    "airflow-variables-city": b"Seattle",
    "airflow-connections-db": b"http://db",
    "airflow-variables-bad": b"\xff",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.removeprefix("/v1/projects/p/secrets/").removesuffix("/versions/latest:access")
        if name == "airflow-variables-closed":
            self.answer(403, {"error": {"message": "Permission denied"}})
        elif name in SECRETS:
            self.answer(200, {"payload": {"data": base64.b64encode(SECRETS[name]).decode()}})
        else:
            self.answer(404, {"error": {"message": "not found"}})

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def manager() -> Iterator[SecretManager]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    host = f"127.0.0.1:{server.server_address[1]}"
    yield SecretManager(Settings.from_mapping({"GOOGLE_CLOUD_PROJECT": "p", "SECRET_MANAGER_EMULATOR_HOST": host}))
    server.shutdown()
    server.server_close()
    thread.join()


def test_secrets_have_the_names_that_airflow_gives_them(manager: SecretManager) -> None:
    assert (manager.variable("city"), manager.connection("db")) == ("Seattle", "http://db")
    assert manager.variable("none") is None


def test_a_name_that_no_secret_can_have_is_not_asked_for(manager: SecretManager) -> None:
    assert manager.variable("../city") is None


def test_a_missing_permission_is_no_missing_secret(manager: SecretManager) -> None:
    with pytest.raises(Unavailable, match=r"Permission denied .HTTP 403.; give .* roles/secretmanager.secretAccessor"):
        manager.variable("closed")


def test_a_secret_that_is_no_text_is_told(manager: SecretManager) -> None:
    with pytest.raises(Unavailable, match="airflow-variables-bad in Secret Manager is no UTF-8 text"):
        manager.variable("bad")
