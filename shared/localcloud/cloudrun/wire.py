"""A minimal HTTP/1.1 client over kept-alive connections, for the one kind of server that an instance runs.

A general HTTP client costs several times more processor time per request than the rest of the way from Pub/Sub to
the function; this one writes head and body in one piece, parses the answer's head once and hands the body through.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import cast

HIGH_WATER = 256 * 1024
MAX_HEAD = 64 * 1024
NO_BODY_STATUSES = frozenset({204, 304})


class ConnectionClosedError(ConnectionError):
    """The instance closed the connection before its answer was complete."""


class _State(Enum):
    IDLE = "idle"
    HEAD = "head"
    FIXED = "fixed"
    CHUNK_HEAD = "chunk head"
    CHUNK_DATA = "chunk data"
    TRAILER = "trailer"
    UNTIL_CLOSE = "until close"
    CLOSED = "closed"


class Reply:
    """An answer whose head has arrived; the body comes by `chunk`."""

    def __init__(self, connection: "Connection", status: int, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = headers
        self.length: int | None = None
        self.complete = False
        self.error: ConnectionClosedError | None = None
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._discarding = False
        self._waiter: asyncio.Future[None] | None = None

    def discard(self, error: ConnectionClosedError) -> None:
        """Nobody reads on: who waits gets `error`, what still comes is dropped."""
        self._discarding = True
        self._pieces.clear()
        self.finish(error)

    def feed(self, piece: bytes) -> None:
        if self._discarding:
            return
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > HIGH_WATER:
            self._connection.pause()
        self._wake()

    def finish(self, error: ConnectionClosedError | None = None) -> None:
        self.complete = True
        self.error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def chunk(self) -> bytes:
        """The next piece of the body; empty at its end. Raises ConnectionClosedError when it broke off."""
        while not self._pieces:
            if self.error is not None:
                raise self.error
            if self.complete:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        self._waiting_bytes -= len(piece)
        if self._waiting_bytes <= HIGH_WATER:
            self._connection.resume()
        return piece

    async def body(self) -> bytes:
        """The whole rest of the body."""
        if self.complete and self.error is None:
            whole = b"".join(self._pieces)
            self._pieces.clear()
            return whole
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def drain(self) -> None:
        """Wait for the end of the body and drop it."""
        if self.complete and self.error is None:
            self._pieces.clear()
            return
        while await self.chunk():
            pass


class Connection(asyncio.Protocol):
    """One connection to an instance; one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._state = _State.IDLE
        self._buffer = bytearray()
        self._left = 0
        self._head: asyncio.Future[Reply] | None = None
        self._reply: Reply | None = None
        self._without_body = False
        self._keep = True
        self._paused = False
        self._abandoned: Callable[[], None] | None = None
        self.used_at = self._loop.time()

    @property
    def reusable(self) -> bool:
        return self._state is _State.IDLE and self._keep and self._transport is not None

    async def request(self, message: bytes, *, is_head: bool = False) -> Reply:
        """Send one request, already encoded, and wait for the head of its answer."""
        if self._transport is None or self._state is not _State.IDLE:
            raise ConnectionClosedError("the connection to the instance is closed or busy")
        self._state = _State.HEAD
        self._without_body = is_head
        self._head = self._loop.create_future()
        self._transport.write(message)
        return await self._head

    def abandon(self, ended: Callable[[], None]) -> None:
        """Stop waiting for the answer. It is still read to its end, and dropped; then `ended` is called."""
        self._abandoned = ended
        error = ConnectionClosedError("nobody waits for the answer any more")
        if self._reply is not None:
            self._reply.discard(error)
        elif self._head is not None and not self._head.done():
            self._head.set_exception(error)
        self.resume()

    def _tell_abandoner(self) -> None:
        ended, self._abandoned = self._abandoned, None
        if ended is not None:
            ended()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        reply, head = self._reply, self._head
        if self._state is _State.UNTIL_CLOSE and reply is not None and exc is None:
            self._state = _State.CLOSED
            reply.finish()
            self._tell_abandoner()
            return
        self._state = _State.CLOSED
        error = ConnectionClosedError("the instance closed the connection before it had answered")
        if reply is not None:
            reply.finish(error)
        elif head is not None and not head.done():
            head.set_exception(error)
        self._tell_abandoner()

    def data_received(self, data: bytes) -> None:
        if self._state is _State.UNTIL_CLOSE and self._reply is not None:
            self._reply.feed(data)
            return
        if self._state is _State.FIXED and not self._buffer and len(data) <= self._left and self._reply is not None:
            self._left -= len(data)
            self._reply.feed(data)
            if not self._left:
                self._end()
            return
        self._buffer += data
        try:
            while self._step():
                pass
        except ValueError:
            self.close()

    def _step(self) -> bool:
        """Take one element off the buffer; False where more bytes are needed."""
        match self._state:
            case _State.HEAD:
                return self._take_head()
            case _State.FIXED | _State.CHUNK_DATA:
                return self._take_data()
            case _State.CHUNK_HEAD:
                return self._take_chunk_head()
            case _State.TRAILER:
                return self._take_trailer()
            case _State.UNTIL_CLOSE:
                return self._take_rest()
            case _State.IDLE if self._buffer:
                raise ValueError("bytes that nobody asked for")
            case _:
                return False

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise ValueError("the answer's head is too long")
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        status = int(lines[0].split(" ", 2)[1])
        if 100 <= status < 200:
            return True
        headers = [_header(line) for line in lines[1:]]
        reply = self._reply = Reply(self, status, headers)
        if self._abandoned is not None:
            reply.discard(ConnectionClosedError("nobody waits for the answer any more"))
        self._frame(reply)
        if self._head is not None and not self._head.done():
            self._head.set_result(reply)
        if self._state is _State.IDLE:
            self._state = _State.FIXED
            self._end()
        return True

    def _frame(self, reply: Reply) -> None:
        """Decide how the body ends (RFC 9112, section 6.3). IDLE stands for: there is none."""
        length: int | None = None
        chunked = False
        self._keep = True
        for name, value in reply.headers:
            lowered = name.lower()
            if lowered == "content-length":
                length = int(value)
            elif lowered == "transfer-encoding":
                chunked = value.lower().endswith("chunked")
            elif lowered == "connection" and value.lower() == "close":
                self._keep = False
        reply.length = length
        if self._without_body or reply.status in NO_BODY_STATUSES or (length == 0 and not chunked):
            self._state = _State.IDLE
        elif chunked:
            reply.length = None
            self._state = _State.CHUNK_HEAD
        elif length is not None:
            self._left = length
            self._state = _State.FIXED
        else:
            self._keep = False
            self._state = _State.UNTIL_CLOSE

    def _take_data(self) -> bool:
        if self._state is _State.CHUNK_DATA and not self._left:
            if len(self._buffer) < 2:
                return False
            del self._buffer[:2]
            self._state = _State.CHUNK_HEAD
            return True
        if not self._buffer:
            return False
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: len(piece)]
        self._left -= len(piece)
        if self._reply is not None:
            self._reply.feed(piece)
        if self._state is _State.FIXED and not self._left:
            self._end()
        return True

    def _take_rest(self) -> bool:
        if self._buffer and self._reply is not None:
            self._reply.feed(bytes(self._buffer))
            self._buffer.clear()
        return False

    def _take_chunk_head(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        self._left = int(self._buffer[:end].split(b";", 1)[0], 16)
        del self._buffer[: end + 2]
        self._state = _State.CHUNK_DATA if self._left else _State.TRAILER
        return True

    def _take_trailer(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        del self._buffer[: end + 2]
        if end == 0:
            self._end()
        return True

    def _end(self) -> None:
        reply, self._reply, self._head = self._reply, None, None
        self._state = _State.IDLE
        self.used_at = self._loop.time()
        if not self._keep:
            self.close()
        if reply is not None:
            reply.finish()
        self._tell_abandoner()


def _header(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(":")
    if not separator:
        raise ValueError(f"not a header: {line[:100]!r}")
    return name, value.strip()


def encode_request(method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    """A whole HTTP/1.1 request. `headers` holds neither Content-Length nor Transfer-Encoding."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
