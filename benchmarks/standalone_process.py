"""A `sailplane standalone` of its own for a measurement: started, asked over HTTP as anybody would, and stopped."""

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from processes import Tree

SHARED = Path(__file__).resolve().parents[1] / "shared"
DAGS = Path(__file__).resolve().parent / "dags"
START_SECONDS = 90.0
STOP_SECONDS = 30.0
_READY = "Stop it with Ctrl-C"


class BenchmarkError(Exception):
    """The measurement is worth nothing: something did not start, answer or succeed."""


class Client:
    """One keep-alive connection to one server."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"Content-Type": "application/json", **(headers or {})}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a successful answer."""
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise BenchmarkError(f"{method} {path} was answered {answer.status}: {text[:500]!r}")
        return json.loads(text)

    def close(self) -> None:
        self._connection.close()


class Api(Client):
    """Sailplane's REST API, as far as a benchmark needs it."""

    def trigger(self, dag_id: str, run_id: str) -> None:
        self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "dag_run_id": run_id})

    def make_pool(self, name: str, slots: int) -> None:
        self.ask("POST", "/api/v2/pools", {"name": name, "slots": slots})

    def run(self, dag_id: str, run_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}")
        return found

    def instances(self, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances?limit=1000"
        found: list[Mapping[str, Any]] = self.ask("GET", path)["task_instances"]
        return found


def seconds_of(instant: str) -> float:
    """An ISO instant on the scale of `time.time`."""
    return datetime.fromisoformat(instant).timestamp()


class StandaloneProcess:
    """Use as a context: what it started is gone when it is left, whatever happened."""

    def __init__(self, home: Path, dags: Path = DAGS) -> None:
        self.home = home
        self.started_at = time.time()
        self._log = home.parent / f"{home.name}.log"
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        command = [sys.executable, "-m", "sailplane.cli", "standalone"]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*command, "--home", str(home), "--dags", str(dags), "--port", "0"],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.tree = Tree(self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "StandaloneProcess":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _read(self) -> None:
        stdout = self._process.stdout
        for line in stdout or ():
            self._lines.put(line)
        self._lines.put(None)

    def wait_until_ready(self) -> "StandaloneProcess":
        """Return as soon as it says that it serves."""
        said: list[str] = []
        try:
            while line := self._lines.get(timeout=START_SECONDS):
                said.append(line)
                if _READY in line:
                    return self
        except queue.Empty:
            raise BenchmarkError(f"the standalone was not ready within {START_SECONDS:g} s") from None
        raise BenchmarkError(f"the standalone did not start: {''.join(said)}{self._log.read_text()}")

    def api(self) -> Api:
        login = json.loads((self.home / "auth.json").read_text())
        basic = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
        return Api(self._found()["SAILPLANE_URL"], {"Authorization": f"Basic {basic}"})

    def admin(self) -> "Admin":
        return Admin(self._found()["LOCALCLOUD_ADMIN_URL"])

    def _found(self) -> Mapping[str, str]:
        environment: Mapping[str, str] = json.loads((self.home / "environment.json").read_text())
        return environment

    def stop(self) -> None:
        family = self.tree.read()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for one in family:
            one.kill_if_left()
        self._reader.join(timeout=5)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Admin(Client):
    """The local cloud's admin endpoint."""

    def counters(self) -> Mapping[str, int]:
        counters: Mapping[str, int] = self.ask("GET", "/counters")
        return counters

    def settled_counters(self, pause_seconds: float = 0.25) -> Mapping[str, int]:
        """The counters once they stand still: what the last run left to do (logs, acknowledgements) is done."""
        before = self.counters()
        while True:
            time.sleep(pause_seconds)
            now = self.counters()
            if now == before:
                return now
            before = now

    def roles(self) -> dict[int, str]:
        """What the processes are that the local cloud has started, by process id."""
        described = self.ask("GET", "/functions")
        roles = {
            instance["pid"]: name
            for name, function in described["functions"].items()
            for instance in function["instances"]
            if instance["pid"] is not None
        }
        if described["zygote_pid"] is not None:
            roles[described["zygote_pid"]] = "zygote"
        return roles

    def scale_to_zero(self) -> None:
        """What happens by itself when nobody has asked for a while: all functions' processes stop."""
        for name in self.ask("GET", "/functions")["functions"]:
            self.ask("POST", f"/functions/{name}/stop")


def _environment() -> dict[str, str]:
    """Nothing of another Sailplane or emulator may leak in."""
    kept = {name: value for name, value in os.environ.items() if "EMULATOR" not in name and "SAILPLANE" not in name}
    return {**kept, "PYTHONPATH": str(SHARED), "PYTHONUNBUFFERED": "1"}
