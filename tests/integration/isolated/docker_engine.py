"""A Docker engine that has no containers: it speaks the engine's HTTP API on a socket, and runs commands right here.

Each container has a folder; the paths of its command that begin with one of the folders copied into it are moved there.
"""

import io
import json
import socketserver
import struct
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Container:
    spec: dict[str, Any]
    name: str
    root: Path
    process: subprocess.Popen[bytes] | None = None
    copied: list[str] = field(default_factory=list)

    def start(self) -> None:
        command = [self._here(word) for word in (self.spec.get("Entrypoint") or []) + (self.spec.get("Cmd") or [])]
        env = dict(pair.split("=", 1) for pair in self.spec.get("Env", []))
        self.process = subprocess.Popen(
            command,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **env},
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if self.spec.get("Tty") else subprocess.PIPE,
        )

    def _here(self, word: str) -> str:
        return str(self.root) + word if any(word.startswith(place) for place in self.copied) else word


@dataclass
class Engine:
    """What it was asked, and what it has."""

    folder: Path
    images: set[str] = field(default_factory=lambda: {"python:3"})
    containers: dict[str, Container] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    is_far_away: bool = False
    """It cannot mount folders of this machine."""

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'docker.sock'}"

    @property
    def specs(self) -> list[dict[str, Any]]:
        return [each.spec for each in self.containers.values()]


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    engine: Engine

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "socket"

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _handle(self) -> None:
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        engine = self.server.engine
        engine.requests.append((self.command, url.path))
        engine.headers.append(dict(self.headers))
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if parts[0].startswith("v1."):
            parts = parts[1:]
        match self.command, parts:
            case "GET", ["images", *name, "json"]:
                self._json(200 if "/".join(name) in engine.images else 404, {"message": "no such image"})
            case "POST", ["images", "create"]:
                self._pull(engine)
            case "POST", ["containers", "create"]:
                self._create(engine)
            case _, ["containers", identifier, *rest]:
                self._container(engine, identifier, rest)
            case _:
                self._json(404, {"message": "page not found"})

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def _pull(self, engine: Engine) -> None:
        image = f"{self.query['fromImage']}:{self.query['tag']}"
        if "private" in image and "X-Registry-Auth" not in self.headers:
            self._json(404, {"message": f"pull access denied for {image}"})
        elif "broken" in image:
            self._lines([{"status": "Pulling"}, {"error": "unexpected EOF"}])
        else:
            engine.images.add(image)
            progress = {"status": "Downloading", "id": "a1", "progress": "[=>  ]", "progressDetail": {"current": 1}}
            self._lines([{"status": f"Pulling from {image}"}, progress, {"status": "Pull complete", "id": "a1"}])

    def _create(self, engine: Engine) -> None:
        spec = json.loads(self.body)
        sources = [mount["Source"] for mount in spec["HostConfig"].get("Mounts", []) if mount["Type"] == "bind"]
        if engine.is_far_away and sources:
            message = f"invalid mount config for type bind: bind source path does not exist: {sources[0]}"
            self._json(400, {"message": message})
            return
        identifier = f"c{len(engine.containers) + 1}"
        root = engine.folder / identifier
        root.mkdir()
        engine.containers[identifier] = Container(spec, self.query.get("name", ""), root)
        self._json(201, {"Id": identifier, "Warnings": []})

    def _container(self, engine: Engine, identifier: str, rest: list[str]) -> None:
        container = engine.containers.get(identifier)
        if container is None or identifier in engine.removed:
            self._json(404, {"message": f"No such container: {identifier}"})
            return
        match self.command, rest:
            case "POST", ["start"]:
                container.start()
                self._answer(204)
            case "GET", ["logs"]:
                self._logs(container)
            case "POST", ["wait"]:
                assert container.process is not None
                self._json(200, {"StatusCode": container.process.wait()})
            case "POST", ["stop"]:
                engine.stopped.append(identifier)
                if container.process is not None:
                    container.process.terminate()
                self._answer(204)
            case "DELETE", []:
                engine.removed.append(identifier)
                self._answer(204)
            case "PUT", ["archive"]:
                self._put(container)
            case "GET", ["archive"]:
                self._get(container)

    def _put(self, container: Container) -> None:
        with tarfile.open(fileobj=io.BytesIO(self.body)) as archive:
            container.copied.append(f"/{archive.getnames()[0]}")
            archive.extractall(container.root, filter="data")
        self._answer(200)

    def _get(self, container: Container) -> None:
        path = Path(str(container.root) + self.query["path"])
        if not path.exists():
            self._json(404, {"message": f"Could not find the file {self.query['path']}"})
            return
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(path, arcname=path.name)
        self._answer(200, packed.getvalue(), "application/x-tar")

    def _logs(self, container: Container) -> None:
        """Chunks of whatever size the pipes give; without a terminal each in a frame."""
        assert container.process is not None
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        turn = threading.Lock()
        streams = {1: container.process.stdout, 2: container.process.stderr}

        def follow(number: int) -> None:
            stream = streams[number]
            while stream is not None and (data := stream.read1(7)):  # type: ignore[union-attr]
                frame = data if container.spec.get("Tty") else struct.pack(">BxxxL", number, len(data)) + data
                with turn:
                    self.wfile.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")

        threads = [threading.Thread(target=follow, args=(number,)) for number in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.wfile.write(b"0\r\n\r\n")

    def _lines(self, lines: list[dict[str, Any]]) -> None:
        self._answer(200, b"".join(json.dumps(line).encode() + b"\r\n" for line in lines))

    def _json(self, status: int, value: dict[str, Any]) -> None:
        self._answer(status, json.dumps(value).encode())

    def _answer(self, status: int, body: bytes = b"", kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:
            self.wfile.write(body)


class RunningEngine:
    """The engine while it answers."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine(folder)
        self._server = _Server(str(folder / "docker.sock"), _Handler)
        self._server.engine = self.engine
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Engine:
        self._thread.start()
        return self.engine

    def __exit__(self, *_: object) -> None:
        for container in self.engine.containers.values():
            if container.process is not None:
                container.process.kill()
                container.process.wait()
                for pipe in (container.process.stdout, container.process.stderr):
                    if pipe is not None:
                        pipe.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
