"""Builds a staged folder and runs what was built, with the commands of Google's buildpack for Python.

They are in GoogleCloudPlatform/buildpacks: `pkg/python/python.go` (pip, compileall), `cmd/python/pip` (pip check) and
`cmd/python/functions_framework` (the command of the container). Left out is `--user`, which a virtual environment has
no use for, and in its place the packages lie in an environment of their own, as the layer of the image does.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0
_INSTALL = (
    *("install", "--requirement", "requirements.txt", "--upgrade", "--upgrade-strategy", "only-if-needed"),
    *("--no-warn-script-location", "--no-warn-conflicts", "--force-reinstall", "--no-compile"),
    "--disable-pip-version-check",
)


def build(source: Path, venv: Path) -> Path:
    """Install what the staged folder requires; the folder of the environment's commands."""
    _run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, *_INSTALL, cwd=source)
    _run(sys.executable, "-m", "pip", "--python", python, "check", cwd=source)
    _run(python, "-m", "compileall", "-f", "-q", ".", cwd=source)
    return venv / "bin"


def _run(*command: Any, cwd: Path | None = None) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"


class Container:
    """One instance of a function, told what Cloud Run tells it and nothing else of this machine."""

    def __init__(self, name: str, source: Path, commands: Path, *, target: str, environment: Mapping[str, str]) -> None:
        """`commands` is where the commands are that were built from `source`."""
        self.output = source.parent / f"{name}.out"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        home = source.parent / f"{name}.home"
        home.mkdir()
        told = {
            "PATH": f"{commands}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "TMPDIR": str(home),
            "PORT": str(self.port),
            "FUNCTION_TARGET": target,
            "FUNCTION_SIGNATURE_TYPE": "http",
            "K_SERVICE": name,
            "K_REVISION": f"{name}-00001-abc",
            "K_CONFIGURATION": name,
        }
        with self.output.open("wb") as out:
            self._process = subprocess.Popen(
                [str(commands / "functions-framework")],
                cwd=source,
                env={**told, **environment},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait_until_it_listens(self) -> None:
        """What Cloud Run's startup probe does."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert self._process.poll() is None, self.output.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < give_up_at, self.output.read_text()
                time.sleep(0.05)
            else:
                return

    def receives(self, request: bytes) -> tuple[int, bytes]:
        """Send the bytes of one HTTP/1.1 request; status and body of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(request)
            answer = connection.makefile("rb")
            status = int(answer.readline().split()[1])
            headers = dict(line.lower().split(b": ", 1) for line in iter(lambda: answer.readline().rstrip(), b""))
            return status, answer.read(int(headers[b"content-length"]))

    def stop(self) -> int:
        """As Cloud Run does: SIGTERM, and ten seconds. Its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(10)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
