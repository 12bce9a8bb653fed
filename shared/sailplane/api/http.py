"""A request and its answer as plain values, whatever server carries them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

JSON = "application/json"
NDJSON = "application/x-ndjson"
TEXT = "text/plain"
HTML = "text/html"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request, with its path decoded."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return _media_type(self.headers.get("content-type", ""))

    def accepts(self, *offered: str) -> str:
        """The media type of `offered` that the client names first; the first one when it names none of them."""
        for wanted in self.headers.get("accept", "").split(","):
            if _media_type(wanted) in offered:
                return _media_type(wanted)
        return offered[0]


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpError(Exception):
    """The request ends with this status; `detail` is shown to the client."""

    def __init__(self, status: int, detail: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


_ENCODER = msgspec.json.Encoder(enc_hook=str)
"""What JSON has no form for (a set, a Decimal in an XCom...) is shown as text, as Airflow does."""


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status=status, body=_ENCODER.encode(value), headers=headers or {})


def error_response(error: HttpError) -> Response:
    return json_response({"detail": error.detail}, error.status, error.headers)


def text_response(text: str, content_type: str = TEXT, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body=text.encode(), content_type=f"{content_type}; charset=utf-8", headers=headers or {})
