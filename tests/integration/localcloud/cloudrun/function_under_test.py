"""Functions that the tests deploy."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import functions_framework

STARTED_AT = time.monotonic()
_busy: list[int] = []
_most_busy: list[int] = [0]
_lock = threading.Lock()


@functions_framework.http
def echo(request: flask.Request) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "method": request.method,
        "path": request.full_path,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": request.get_data().decode(),
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "argv": sys.argv,
        "scheme": request.scheme,
    }


@functions_framework.http
def sleep(request: flask.Request) -> dict[str, Any]:
    """Stay busy for the seconds given; how many requests were at most in this process at once."""
    with _lock:
        _busy.append(1)
        _most_busy.append(max(len(_busy), _most_busy[-1]))
    time.sleep(float(request.args["seconds"]))
    with _lock:
        _busy.pop()
    return {"pid": os.getpid(), "most": _most_busy[-1]}


@functions_framework.http
def die(request: flask.Request) -> str:
    if request.args:
        os.kill(os.getpid(), signal.SIGKILL)
    return str(os.getpid())


@functions_framework.http
def stubborn(request: flask.Request) -> str:
    """Stop the parent, so that nothing in this instance heeds SIGTERM any more."""
    os.kill(os.getppid(), signal.SIGSTOP)
    return str(os.getpid())


@functions_framework.http
def large(request: flask.Request) -> flask.Response:
    received = len(request.get_data())

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            yield bytes([number]) * 65_536

    return flask.Response(pieces(), headers={"X-Received": str(received)}, content_type="application/x-pieces")


@functions_framework.http
def speak(request: flask.Request) -> tuple[str, int, dict[str, str]]:
    print("said on stdout")
    print("said on stderr", file=sys.stderr)
    return "spoken", 418, {"X-Tone": "soft"}


@functions_framework.cloud_event
def remember(event: Any) -> None:
    Path(os.environ["MEMORY"]).write_text(event.data["message"]["data"])
