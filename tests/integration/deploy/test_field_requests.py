"""The one request for which there is no gcloud command, made by the real curl."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sailplane.deploy.command import Command
from sailplane.deploy.commands import VERBS
from sailplane.deploy.config import load
from sailplane.deploy.design import Design
from sailplane.deploy.kit import Kit
from sailplane.deploy.resource import Kind, Place
from sailplane.deploy.resources import desired
from sailplane.deploy.shell import Answer, CommandFailed, Shell
from sailplane.standalone.assets import indexes_file

GOOGLE = "https://firestore.googleapis.com"


class Firestore(BaseHTTPRequestHandler):
    """Notes what it is asked, and answers with the code that the server holds."""

    def do_PATCH(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.requests.append((self.path, dict(self.headers), body))
        answer = json.dumps({"error": {"message": "said the server"}} if server.code != 200 else {}).encode()
        self.send_response(server.code)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    listening: Any = ThreadingHTTPServer(("127.0.0.1", 0), Firestore)
    listening.requests, listening.code = [], 200
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield listening
    listening.shutdown()
    thread.join()
    listening.server_close()


def command(server: Any) -> Command:
    """What writes the field `tasks.alarm_at`, addressed to `server`."""
    place = Place(project="acme", project_number="1", region="europe-west1")
    design = Design(config=load(None), place=place, indexes=json.loads(indexes_file().read_text()))
    (field,) = [one for one in desired(design) if one.kind is Kind.FIELD and one.name == "tasks.alarm_at"]
    (made,) = VERBS[Kind.FIELD].create(Kit(design=design, workspace=Path()), field)
    argv = tuple(word.replace(GOOGLE, f"http://127.0.0.1:{server.server_port}") for word in made.argv)
    return Command(argv=argv, takes_token=made.takes_token)


def shell() -> Shell:
    real = Shell({"PATH": "/usr/local/bin:/usr/bin:/bin", "NO_PROXY": "*"})
    start = real._start

    def run(argv: tuple[str, ...], standard_input: str) -> Answer:
        return Answer(code=0, stdout="the-token\n") if argv[0] == "gcloud" else start(argv, standard_input)

    return Shell({}, run)


# A machine without curl cannot deploy; there is nothing to hold there.
if shutil.which("curl"):

    def test_curl_sends_the_field_with_the_token_of_gcloud(server: Any) -> None:
        shell().do(command(server))
        ((path, headers, body),) = server.requests
        assert (
            path
            == "/v1/projects/acme/databases/(default)/collectionGroups/tasks/fields/alarm_at?updateMask=indexConfig"
        )
        lower = {name.lower(): value for name, value in headers.items()}
        assert lower["authorization"] == "Bearer the-token"
        assert lower["x-goog-user-project"] == "acme"
        assert lower["content-type"] == "application/json"
        assert body["indexConfig"]["indexes"][0]["queryScope"] == "COLLECTION_GROUP"

    def test_what_the_server_refuses_is_an_error_with_its_words(server: Any) -> None:
        server.code = 403
        with pytest.raises(CommandFailed, match="said the server"):
            shell().do(command(server))
