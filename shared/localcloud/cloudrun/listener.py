"""The URL of one function: an HTTP server that passes every request on to an instance."""

import os
import socket
from typing import Any

from aiohttp import web

from localcloud.cloudrun.service import RefusedError, Service
from localcloud.cloudrun.wire import ConnectionClosedError, Reply, encode_request

MAX_REQUEST_BYTES = 32 * 1024 * 1024
"""Cloud Run's limit for HTTP/1."""
SHUTDOWN_SECONDS = 0.5
"""How long connections that linger may hold up the end."""
_COLLECT_BYTES = 1024 * 1024
"""Answers up to this length are passed on in one piece."""
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "expect",
    }
)
_FORWARDED = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})


class _TooLargeError(Exception):
    pass


class Listener:
    """Serves one function on its own port."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._runner: web.ServerRunner | None = None

    async def start(self, sock: socket.socket) -> None:
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await _read_body(request)
        except _TooLargeError:
            return web.Response(status=413, text=f"the request is larger than {MAX_REQUEST_BYTES} bytes\n")
        message = encode_request(request.method, request.raw_path, forwarded_headers(request), body)
        try:
            async with self._service.exchange(message, is_head=request.method == "HEAD") as reply:
                return await _pass_on(request, reply)
        except RefusedError as refusal:
            return web.Response(status=refusal.status, text=f"{refusal.reason}\n")


async def _read_body(request: web.BaseRequest) -> bytes:
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > MAX_REQUEST_BYTES:
        raise _TooLargeError
    pieces: list[bytes] = []
    size = 0
    while piece := await request.content.readany():
        size += len(piece)
        if size > MAX_REQUEST_BYTES:
            raise _TooLargeError
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def forwarded_headers(request: web.BaseRequest) -> list[tuple[str, str]]:
    """The caller's headers as the instance sees them: without those of the hop, with X-Forwarded-*."""
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if (lowered := name.lower()) not in _HOP_BY_HOP and lowered not in _FORWARDED
    ]
    before = request.headers.get("X-Forwarded-For")
    caller = request.remote or "127.0.0.1"
    headers.append(("X-Forwarded-For", f"{before}, {caller}" if before else caller))
    headers.append(("X-Forwarded-Proto", request.headers.get("X-Forwarded-Proto", "http")))
    headers.append(("X-Forwarded-Host", request.headers.get("X-Forwarded-Host", request.host)))
    if "traceparent" not in request.headers:
        headers.append(("traceparent", new_traceparent()))
    return headers


def new_traceparent() -> str:
    """The start of a trace, as Cloud Run gives one to every request that brings none."""
    digits = os.urandom(24).hex()
    return f"00-{digits[:32]}-{digits[32:]}-01"


def _answer_headers(reply: Reply) -> list[tuple[str, str]]:
    return [(name, value) for name, value in reply.headers if name.lower() not in _HOP_BY_HOP]


async def _pass_on(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    headers: Any = _answer_headers(reply)
    if request.method == "HEAD":
        return await _head_answer(request, reply, headers)
    if reply.length is not None and reply.length <= _COLLECT_BYTES:
        body = await reply.body()
        answer = web.Response(status=reply.status, headers=_multi(headers), body=body)
        if not any(name.lower() == "content-type" for name, _value in headers):
            answer.headers.popall("Content-Type", None)
        return answer
    return await _stream(request, reply, headers)


async def _head_answer(request: web.BaseRequest, reply: Reply, headers: list[tuple[str, str]]) -> web.StreamResponse:
    answer = web.StreamResponse(status=reply.status, headers=_multi(headers))
    answer.content_length = reply.length
    await answer.prepare(request)
    await answer.write_eof()
    return answer


async def _stream(request: web.BaseRequest, reply: Reply, headers: list[tuple[str, str]]) -> web.StreamResponse:
    answer = web.StreamResponse(status=reply.status, headers=_multi(headers))
    answer.content_length = reply.length
    await answer.prepare(request)
    try:
        while piece := await reply.chunk():
            await answer.write(piece)
    except ConnectionClosedError:
        # The head is out already: breaking the connection is the only way left to say that the rest is missing.
        if request.transport is not None:
            request.transport.abort()
        return answer
    await answer.write_eof()
    return answer


def _multi(headers: list[tuple[str, str]]) -> Any:
    from multidict import CIMultiDict

    return CIMultiDict(headers)
