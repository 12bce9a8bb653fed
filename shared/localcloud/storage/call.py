"""One request and its answer, in the shape that the emulator's handlers take."""

import json
import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Call:
    """A request whose body has been read already, with the members that the emulator's handlers use."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes, host: str) -> None:
        parts = urlsplit(path)
        self.method = method
        self.path = parts.path
        self.base_url = f"http://{host}"
        self.full_url = self.base_url + path
        self.query: dict[str, list[str]] = parse_qs(parts.query, keep_blank_values=True)
        self.params: dict[str, str] = {}
        """The variables in the path of the route that was found."""
        self.body = body
        self._headers = headers

    def set_match(self, match: re.Match[str]) -> None:
        self.params = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}

    @cached_property
    def data(self) -> Any:
        """The body as the handlers want it: JSON decoded, a multipart upload taken apart, else the bytes."""
        return self._decode()

    def _decode(self) -> Any:
        content_type = self.get_header("Content-Type", "")
        if content_type.startswith("application/json") and "upload_id" not in self.query:
            return json.loads(self.body) if self.body else None
        if content_type.startswith("multipart/related"):
            return _multipart_upload(content_type, self.body)
        return self.body

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
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if boundary is None:
        raise ValueError("a multipart body without a boundary")
    delimiter = b"\r\n--" + boundary.encode()
    pieces = (b"\r\n" + body).split(delimiter)
    return [piece[2:] for piece in pieces[1:] if piece.startswith(b"\r\n")]


def batch_parts(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Content id and embedded request of each part of a batch. Google's client ends lines with a bare newline here."""
    parsed = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = [part for part in parsed.walk() if not part.is_multipart()]
    return [(part.get("Content-ID", ""), _payload(part)) for part in parts]


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


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
