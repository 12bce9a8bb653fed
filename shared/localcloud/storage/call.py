"""One request and its answer, in the shape that the emulator's handlers take."""

import json
from collections.abc import Mapping
from email import message_from_bytes
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from gcp_storage_emulator.server import Request


class Call(Request):  # type: ignore[misc]
    """A request whose body has been read already."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes, host: str) -> None:
        super().__init__(SimpleNamespace(path=path, headers=headers, server=SimpleNamespace(server_address=())), method)
        self._headers = headers
        self._body = body
        self._base_url = f"http://{host}"
        self._full_url = self._base_url + path
        self._match: Any = None

    @property
    def body(self) -> bytes:
        return self._body

    @property
    def params(self) -> dict[str, str]:
        found: dict[str, str] = super().params or {}
        return found

    @property
    def data(self) -> Any:
        """The body as the handlers want it: JSON decoded, a multipart upload taken apart, else the bytes."""
        if self._data is not None and not isinstance(self._data, bytes | dict | list | str):
            self._data = self._decode()
        return self._data

    def _decode(self) -> Any:
        content_type = self.get_header("Content-Type", "")
        if content_type.startswith("application/json") and "upload_id" not in self.query:
            return json.loads(self._body) if self._body else None
        if content_type.startswith("multipart/related"):
            return _multipart_upload(content_type, self._body)
        if content_type.startswith("multipart/"):
            return self._body
        return self._body

    def one(self, name: str) -> str | None:
        """The value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    def get_header(self, key: str, default: Any = None) -> Any:
        return self._headers.get(key, default)


class Answer:
    """Collects what a handler answers."""

    def __init__(self) -> None:
        self.status: Any = HTTPStatus.OK
        self.headers: dict[str, str] = {}
        self.content: bytes | str = b""

    def __setitem__(self, name: str, value: str) -> None:
        self.headers[name] = value

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    def write(self, text: str) -> None:
        self.content = (self.content if isinstance(self.content, str) else self.content.decode()) + text

    def write_file(self, content: bytes, content_type: str | None = "application/octet-stream") -> None:
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        self.content = content

    def json(self, value: Any) -> None:
        self.headers["Content-Type"] = "application/json; charset=UTF-8"
        self.content = json.dumps(value)

    def fail(self, status: HTTPStatus, reason: str, message: str) -> None:
        """Answer with an error in Google's form."""
        self.status = status
        detail = {"message": message, "domain": "global", "reason": reason}
        self.json({"error": {"code": status.value, "message": message, "errors": [detail]}})

    @property
    def body(self) -> bytes:
        return self.content.encode() if isinstance(self.content, str) else self.content


def split_multipart(content_type: str, body: bytes) -> list[bytes]:
    """The parts of a multipart body, each with its headers. Bytes stay as they are."""
    header = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode())
    boundary = header.get_boundary()
    if boundary is None:
        raise ValueError("a multipart body without a boundary")
    delimiter = b"\r\n--" + boundary.encode()
    pieces = (b"\r\n" + body).split(delimiter)
    return [piece[2:] for piece in pieces[1:] if piece.startswith(b"\r\n")]


def split_part(part: bytes) -> tuple[dict[str, str], bytes]:
    """Headers (names in lower case) and content of one part."""
    head, _separator, content = part.partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _colon, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, content


def _multipart_upload(content_type: str, body: bytes) -> dict[str, Any]:
    """An upload's two parts: metadata, content."""
    meta, media = (split_part(part) for part in split_multipart(content_type, body))
    return {
        "meta": json.loads(meta[1]),
        "content": media[1],
        "content-type": media[0].get("content-type", "application/octet-stream"),
    }
