"""A standalone as its user starts it: a process of its own, asked over HTTP."""

import base64
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

SHARED = Path(__file__).parents[3] / "shared"
PATIENCE_SECONDS = 100.0
"""Where emulators notify of no object, the demo's sensor finds its file with its next look, half a minute later."""
HELLO = """
from sailplane import DAG
from sailplane import task

@task
def greet(params=None):
    print("hello there")
    return {"sum": 40 + params["more"]}

@task
def shout(what):
    print(f"got {what}")

with DAG("hello", schedule=None, params={"more": 2}, tags=["small"]):
    shout(greet())
"""


EMULATORS = ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")


def outer_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "EMULATOR" not in name and "SAILPLANE" not in name}
    return {**kept, "PYTHONPATH": str(SHARED), "PYTHONUNBUFFERED": "1"}


def named_emulators(home: Path) -> dict[str, str]:
    """The emulators that these tests are to run against, with project and bucket of each home's own. None: ours."""
    named = {name: os.environ[name] for name in EMULATORS if os.environ.get(name)}
    own = f"home-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    return {**named, "GOOGLE_CLOUD_PROJECT": own, "SAILPLANE_BUCKET": own} if named else {}


def run_cli(*arguments: str, timeout: float = PATIENCE_SECONDS) -> subprocess.CompletedProcess[str]:
    """`sailplane ARGUMENTS`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "sailplane.cli", *arguments],
        env=outer_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def eventually(probe: Callable[[], Any], what: str) -> Any:
    """The first true answer of `probe`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"gave up waiting until {what}")


class Running:
    """One `sailplane standalone` under way."""

    def __init__(self, home: Path, dags: Path, *options: str, **variables: str) -> None:
        self.home = home
        self.dags = dags
        self.output = home.parent / f"{home.name}.out"
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sailplane.cli", "standalone", *self._options(options)],
                env={**outer_environment(), **named_emulators(home), **variables},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _options(self, options: tuple[str, ...]) -> list[str]:
        return ["--home", str(self.home), "--dags", str(self.dags), "--port", "0", *options]

    def wait_until_ready(self) -> "Running":
        def ready() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            return "Stop it with Ctrl-C" in self.output.read_text()

        eventually(ready, "the standalone runs")
        return self

    @property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = json.loads((self.home / "environment.json").read_text())
        return environment

    @property
    def password(self) -> str:
        password: str = json.loads((self.home / "auth.json").read_text())["password"]
        return password

    def ask(self, method: str, path: str, body: Any = None, *, login: bool = True) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        request = urllib.request.Request(self.environment["SAILPLANE_URL"].rstrip("/") + path, method=method)
        if login:
            basic = base64.b64encode(f"admin:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {basic}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())

    def get(self, path: str) -> Any:
        status, document = self.ask("GET", path)
        assert status == 200, document
        return document

    def trigger(self, dag_id: str, **body: Any) -> str:
        status, run = self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, **body})
        assert status == 200, run
        run_id: str = run["dag_run_id"]
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        state: str = self.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def wait_for_end(self, dag_id: str, run_id: str) -> str:
        def ended() -> str | None:
            state = self.run_state(dag_id, run_id)
            return state if state in ("success", "failed") else None

        state: str = eventually(ended, f"run {run_id} has ended")
        return state

    def stop(self, number: int = signal.SIGINT) -> int:
        """Its exit code. Fails when it leaves a process behind."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        _gone, alive = psutil.wait_procs(family, timeout=10)
        assert not alive, f"left behind: {alive}"
        return code

    def clean_up(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                one.kill()
        self.process.kill()
        self.process.wait()


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Running]]:
    """Starts standalones in `tmp_path`, on one home unless told otherwise; none outlives the test."""
    started: list[Running] = []
    ours = dict.fromkeys(EMULATORS, "") if request.node.get_closest_marker("localcloud") else {}

    def start_one(*options: str, home: str = "home", **variables: str) -> Running:
        dags = tmp_path / "dags"
        dags.mkdir(exist_ok=True)
        running = Running(tmp_path / home, dags, *options, **{**ours, **variables})
        started.append(running)
        return running.wait_until_ready()

    yield start_one
    for running in started:
        running.clean_up()


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """The folder of DAG files, with one in it."""
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "hello.py").write_text(HELLO)
    return folder


@pytest.fixture
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    return run_cli


@pytest.fixture
def environment_of() -> Callable[[Path], dict[str, str]]:
    """The variables of a process that works on that home, on the emulators that these tests run against."""
    return lambda home: {**outer_environment(), **named_emulators(home)}


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any], str], Any]:
    return eventually
