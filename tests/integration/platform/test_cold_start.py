"""What a function imports when it starts: each module of it makes somebody wait."""

import base64
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from platform_stage import ROOT, Stage

from sailplane.model import messages
from sailplane.model.messages import AlarmWave, Message

GOAL_SECONDS = 0.8
"""Of processor time, on a machine of two cores; shown when a test fails, not asserted: machines differ."""
NEVER = (
    "aiohttp",
    "croniter",
    "dateutil",
    "google.cloud.firestore",
    "google.cloud.pubsub_v1",
    "google.cloud.storage",
    "google.api_core",
    "google.auth",
    "jsonschema",
    "localcloud",
    "numpy",
    "pandas",
    "pendulum",
    "pyarrow",
    "pydantic",
    "requests",
    "rich",
    "sailplane.authoring",
    "sailplane.cli",
    "sailplane.deploy",
    "sailplane.operators",
    "sailplane.standalone",
    "starlette",
    "typer",
    "uvicorn",
    "yaml",
)
"""Neither at the import of a function nor with its first request, here where no credentials are needed."""
OWN = {
    "tick": ("sailplane.api", "sailplane.runner.pool", "sailplane.engine.worker"),
    "worker": ("sailplane.api",),
    "events": ("sailplane.api", "sailplane.runner.pool", "sailplane.engine.worker"),
    "web": ("sailplane.runner.pool", "sailplane.engine.worker"),
}
"""What belongs to other functions."""


def pushed(data: bytes, **attributes: str) -> str:
    message = {"data": base64.b64encode(data).decode(), "messageId": "1", "attributes": attributes}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"})


REQUESTS = {
    "tick": ("POST", "/", ""),
    "worker": ("POST", "/projects/p/topics/t", pushed(messages.encode(Message(alarms=AlarmWave())))),
    "events": (
        "POST",
        "/projects/p/topics/t",
        pushed(b"{}", bucketId="b", objectId="nobody/waits", eventType="OBJECT_FINALIZE"),
    ),
    "web": ("GET", "/api/v2/monitor/health", ""),
}


@pytest.fixture(scope="module")
def cold(shared_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Any:
    login = tmp_path_factory.mktemp("login") / "auth.json"
    login.write_text(json.dumps({"username": "admin", "password": "x" * 20, "secret": "y" * 20}))

    @cache
    def start(name: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parent / "cold_start.py"), name, *REQUESTS[name]],
            env={**shared_stage.environment, "SAILPLANE_AUTH_FILE": str(login)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return start


def found(modules: list[str], *unwanted: str) -> list[str]:
    """Those of `modules` that are, or are in, an unwanted one."""
    return [name for name in modules if any(name == each or name.startswith(f"{each}.") for each in unwanted)]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_function_imports_nothing_that_it_does_not_need_at_once(cold: Any, name: str) -> None:
    report = cold(name)
    assert found(report["imported"], *NEVER, *OWN[name]) == [], f"{report['seconds']:.2f} s, goal {GOAL_SECONDS}"


@pytest.mark.parametrize("name", REQUESTS)
def test_nor_does_its_first_request_as_long_as_nothing_is_to_do(cold: Any, name: str) -> None:
    report = cold(name)
    assert report["status"] == 200, report["answer"]
    wanted = OWN[name] if name != "worker" else ("sailplane.api",)
    assert found(report["used"], *NEVER, *wanted) == []
