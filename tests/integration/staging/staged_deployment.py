"""Where the staged functions lie, and how a running deployment of them is talked to."""

import base64
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from function_container import PATIENCE_SECONDS, Container

from localcloud import LocalCloudThread
from sailplane.deploy.config import QueueKind, parse
from sailplane.deploy.design import Design
from sailplane.deploy.resource import Place
from sailplane.standalone.registration import push_folder

PROJECT = "staged-project"
INDEXES = Path(__file__).parents[3] / "infra" / "firestore.indexes.json"
DAGS = Path(__file__).parent / "dags"
QUEUES = (("default", QueueKind.FUNCTION), ("by-hand", QueueKind.PULL))
"""What is published to the second queue is left to the tests, which push it themselves."""
FUNCTIONS = ("tick", "worker", "events", "web")
DESIGN = Design(
    config=parse({"queues": {"by-hand": {}}}, file="sailplane.toml", folder=DAGS),
    place=Place(project=PROJECT, project_number="123456789012", region="europe-west1"),
    indexes={},
)


@dataclass(frozen=True, kw_only=True)
class Staged:
    """The staged folders, and the commands of the environment that was built for each."""

    folders: Mapping[str, Path]
    commands: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything of a deployment, running."""

    cloud: LocalCloudThread
    containers: Mapping[str, Container]
    environment: Mapping[str, str]

    def push_dags(self, folder: Path) -> None:
        """What `sailplane deploy` does last."""
        report = push_folder(self.environment, folder)
        assert not report.errors, report.errors

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The web function's answer to someone whom Cloud Run let in."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.containers["sailplane-web"].url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {checked_token('ada@example.org')}")
        request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            return json.loads(answer.read())

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Task id to state."""
        listed = self.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {each["task_id"]: each["state"] for each in listed["task_instances"]}

    def upload(self, name: str, content: bytes) -> None:
        self._storage(f"/upload/storage/v1/b/{DESIGN.bucket}/o?uploadType=media&name={name}", content)

    def download(self, name: str) -> bytes:
        return self._storage(f"/download/storage/v1/b/{DESIGN.bucket}/o/{name.replace('/', '%2F')}?alt=media")

    def _storage(self, path: str, content: bytes | None = None) -> bytes:
        url = self.environment["STORAGE_EMULATOR_HOST"] + path
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, data=content), timeout=PATIENCE_SECONDS) as answer:
            body: bytes = answer.read()
            return body


def checked_token(email: str) -> str:
    """An ID token as Cloud Run hands it on: it has checked the signature and taken it off."""
    claims = {"email": email, "email_verified": True, "exp": int(time.time()) + 3600}
    header, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "RS256"}, claims))
    return f"{header}.{body}.SIGNATURE_REMOVED_BY_GOOGLE"
