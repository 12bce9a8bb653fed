"""What `emulator-compose.yml` starts, as processes of this machine beside whatever emulators there are.

The commands and variables are those of the file. Only what is a matter of containers is put in other terms: names of
hosts, ports, and where the functions' files lie.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 90.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def eventually(probe: Callable[[], Any], what: str) -> Any:
    """The first true answer of `probe`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"gave up waiting until {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Rehearsal:
    """The services of the file that are Sailplane's own. Functions listen on ports of this machine."""

    def __init__(self, emulators: Mapping[str, str], project: str, bucket: str, folder: Path) -> None:
        self.services: dict[str, Any] = yaml.safe_load((ROOT / "emulator-compose.yml").read_text())["services"]
        self.names = {"GOOGLE_CLOUD_PROJECT": project, "SAILPLANE_BUCKET": bucket}
        self.ports = {name: free_port() for name in ("tick", "worker", "events", "web")}
        self._emulators = emulators
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def run(self, service: str) -> str:
        """Run a service that ends by itself; what it printed. Fails when it does."""
        done = subprocess.run(
            self._command(service),
            env=self._environment(service),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *services: str) -> None:
        """Start services that go on; returns when those that listen do."""
        for service in services:
            with self.output(service).open("wb") as out:
                self._started.append(
                    subprocess.Popen(
                        self._command(service),
                        env=self._environment(service),
                        cwd=ROOT,
                        stdout=out,
                        stderr=subprocess.STDOUT,
                    )
                )
        for service in services:
            if service in self.ports:
                eventually(lambda port=self.ports[service]: listens(port), f"{service} listens")

    def output(self, service: str) -> Path:
        return self._folder / f"{service}.out"

    def stop(self) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(PATIENCE_SECONDS)

    def ask(self, path: str, body: Any = None) -> Any:
        """An answer of the web function: JSON of a GET, or of a POST of `body`."""
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.ports['web']}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
        with _OPENER.open(request, timeout=PATIENCE_SECONDS) as answer:
            return json.loads(answer.read())

    def _environment(self, service: str) -> dict[str, str]:
        outer = {name: value for name, value in os.environ.items() if "SAILPLANE" not in name}
        own = {name: str(value) for name, value in self.services[service].get("environment", {}).items()}
        here = {
            "PYTHONPATH": str(ROOT / "shared"),
            "SAILPLANE_CACHE_DIR": str(self._folder / "cache"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        return {**outer, **own, **self._emulators, **self.names, **here}

    def _command(self, service: str) -> Sequence[str]:
        program, *words = self.services[service]["command"]
        here = [self._here(word, service) for word in words]
        if program == "sailplane":
            return [sys.executable, "-m", "sailplane.cli", *here]
        return [str(Path(sys.executable).parent / program), *here]

    def _here(self, word: str, service: str) -> str:
        """A word of a command, with what only containers have replaced."""
        word = word.replace("/opt/sailplane/functions", str(ROOT / "functions")).replace("/dags", str(ROOT / "dags"))
        for name, port in self.ports.items():
            word = word.replace(f"http://{name}:8080", f"http://127.0.0.1:{port}")
        return f"--port={self.ports[service]}" if word == "--port=8080" else word


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
