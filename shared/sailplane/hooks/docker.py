"""A Docker engine over its HTTP API, by a socket on this machine or over TCP. Nothing need be installed for it.

Follows the Docker Engine API, version 1.40 and later: https://docs.docker.com/reference/api/engine/
"""

import base64
import http.client
import io
import json
import os
import socket
import ssl
import struct
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.base import BaseHook

DEFAULT_URL = "unix:///var/run/docker.sock"
_JSON = "application/json"
_FRAME = struct.Struct(">BxxxL")
"""Before each piece of output: which stream, three empty bytes, how many bytes follow."""
_NO_ENGINE = (
    "Cloud Run has none: give the task a queue that a pull worker serves on a machine with Docker, or let a job queue "
    "run the image itself; see docs/isolated-tasks.md"
)


class DockerError(AirflowException):
    """The engine refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the Docker engine answered {status}: {message}")
        self.status = status
        self.reason = message


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Files by which engine and client know each other, over TCP."""

    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    verify: bool = True
    hostname: str | bool | None = None

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_cert)
        if self.client_cert is not None:
            context.load_cert_chain(self.client_cert, self.client_key)
        if self.hostname is False or not self.verify:
            context.check_hostname = False
        if not self.verify:
            context.verify_mode = ssl.CERT_NONE
        return context


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DockerHook(BaseHook):
    """One engine. `docker_conn_id` names a Connection with the login of a registry (`host`, `login`, `password`)."""

    conn_type = "docker"
    conn_name_attr = "docker_conn_id"
    default_conn_name = "docker_default"
    hook_name = "Docker"

    def __init__(
        self,
        docker_conn_id: str | None = None,
        base_url: str | None = None,
        version: str | None = None,
        tls: Tls | None = None,
        timeout: float = 60,
    ) -> None:
        super().__init__()
        self.docker_conn_id = docker_conn_id
        self.base_url = base_url or os.environ.get("DOCKER_HOST") or DEFAULT_URL
        self._prefix = f"/v{version}" if version and version != "auto" else ""
        self._tls = tls
        self._timeout = timeout

    # Images

    def has_image(self, image: str) -> bool:
        return self._found("GET", f"/images/{quote(image, safe='/:@')}/json")

    def pull(self, image: str) -> Iterator[str]:
        """Fetch `image`; gives each new line of the engine's progress. Raises `DockerError`."""
        name, tag = _split(image)
        seen = ""
        query, headers = {"fromImage": name, "tag": tag}, self._registry_headers()
        with self._open("POST", "/images/create", query=query, headers=headers) as response:
            for line in response:
                told = json.loads(line) if line.strip() else {}
                if "error" in told:
                    raise DockerError(response.status, str(told["error"]))
                text = f"{told.get('id', '')} {told.get('status', '')}".strip()
                if text and text != seen and "progress" not in told:
                    seen = text
                    yield text

    def _registry_headers(self) -> dict[str, str]:
        if self.docker_conn_id is None:
            return {}
        login = self.get_connection(self.docker_conn_id)
        if not login.host or not login.login:
            raise AirflowException(
                f"the Connection {self.docker_conn_id!r} names no registry: it needs host, login and password"
            )
        auth = {"username": login.login, "password": login.password or "", "serveraddress": login.host}
        return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()}

    # Containers

    def create(self, spec: Mapping[str, Any], name: str | None = None) -> str:
        """Make a container; returns its id. `spec` is the API's."""
        query = {"name": name} if name else {}
        return str(self._json("POST", "/containers/create", spec, query)["Id"])

    def start(self, container: str) -> None:
        self._json("POST", f"/containers/{container}/start")

    def logs(self, container: str, *, tty: bool) -> Iterator[tuple[int, bytes]]:
        """What the container prints, piece by piece, until it ends: the number of the stream, and the bytes."""
        query = {"follow": "1", "stdout": "1", "stderr": "1"}
        with self._open("GET", f"/containers/{container}/logs", query=query, timeout=None) as response:
            yield from (_plain if tty else _frames)(response)

    def wait(self, container: str) -> int:
        """The exit code, once the container has ended."""
        with self._open("POST", f"/containers/{container}/wait", timeout=None) as response:
            ended = json.loads(response.read())
        if (ended.get("Error") or {}).get("Message"):
            raise DockerError(response.status, ended["Error"]["Message"])
        return int(ended["StatusCode"])

    def stop(self, container: str, seconds: int = 5) -> None:
        """SIGTERM, and after so many seconds SIGKILL. One that has ended, or is gone, is left alone."""
        self._found("POST", f"/containers/{container}/stop", {"t": str(seconds)}, seconds + self._timeout)

    def remove(self, container: str, *, force: bool = False) -> None:
        self._found("DELETE", f"/containers/{container}", {"force": str(int(force)), "v": "1"})

    def put_folder(self, container: str, folder: Path, place: str) -> None:
        """Copy `folder` into the container, under the name `place` (absolute)."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(folder, arcname=place.lstrip("/"), filter=_readable_by_all)
        query = {"path": "/"}
        headers = {"Content-Type": "application/x-tar"}
        with self._open("PUT", f"/containers/{container}/archive", packed.getvalue(), query, headers) as response:
            response.read()

    def get_file(self, container: str, path: str) -> bytes | None:
        """The content of a file in the container, which may have ended; None when there is none."""
        try:
            with self._open("GET", f"/containers/{container}/archive", query={"path": path}) as response:
                packed = response.read()
        except DockerError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            file = archive.extractfile(archive.getmembers()[0])
            return file.read() if file is not None else None

    # Calls

    def _found(
        self, method: str, path: str, query: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> bool:
        try:
            with self._open(method, path, query=query, timeout=timeout or self._timeout) as response:
                response.read()
        except DockerError as error:
            if error.status == http.client.NOT_FOUND:
                return False
            raise
        return True

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": _JSON}
        with self._open(method, path, data, query, headers) as response:
            text = response.read()
        return json.loads(text) if text.strip() else None

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = -1,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, to be read. Raises `DockerError`, or `AirflowException` when nobody answers."""
        target = f"{self._prefix}{path}{'?' + urlencode(query) if query else ''}"
        with closing(self._connection(self._timeout if timeout == -1 else timeout)) as connection:
            try:
                connection.request(method, target, body=data, headers=dict(headers or {}))
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise AirflowException(f"no Docker engine answers at {self.base_url}: {error}. {_NO_ENGINE}") from error
            with response:
                if response.status >= http.client.BAD_REQUEST:
                    raise DockerError(response.status, _message(response.read()))
                yield response

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        url = urlsplit(self.base_url)
        if url.scheme == "unix":
            return _UnixConnection(url.path, timeout)
        if url.scheme not in ("tcp", "http", "https") or not url.hostname:
            raise AirflowException(
                f"docker_url {self.base_url!r} must begin with unix://, tcp://, http:// or https:// and name a place"
            )
        if self._tls is not None or url.scheme == "https":
            tls = self._tls or Tls()
            return http.client.HTTPSConnection(url.hostname, url.port or 2376, timeout=timeout, context=tls.context())
        return http.client.HTTPConnection(url.hostname, url.port or 2375, timeout=timeout)


def _split(image: str) -> tuple[str, str]:
    """Name and tag, or digest; a colon in the registry's part is its port."""
    if "@" in image:
        name, _, digest = image.partition("@")
        return name, digest
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip() or "without a reason"


def _plain(response: http.client.HTTPResponse) -> Iterator[tuple[int, bytes]]:
    while data := response.read1(64 * 1024):
        yield 1, data


def _frames(response: http.client.HTTPResponse) -> Iterator[tuple[int, bytes]]:
    """The pieces of stdout and stderr in the order in which they came."""
    while len(head := response.read(_FRAME.size)) == _FRAME.size:
        stream, length = _FRAME.unpack(head)
        yield stream, response.read(length)


def _readable_by_all(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The user in the container may be any: it reads what is copied, and writes beside it."""
    entry.mode = 0o777 if entry.isdir() else 0o666
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
