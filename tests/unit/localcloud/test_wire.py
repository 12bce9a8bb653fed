"""Reading HTTP/1.1 answers, however the bytes arrive."""

import asyncio
from collections.abc import Iterable

import pytest

from localcloud.cloudrun.wire import Connection, ConnectionClosedError, encode_request

ANSWERS = {
    "with a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello", 200, b"hello", True),
    "in chunks": (
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\n",
        201,
        b"hello",
        True,
    ),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "with an empty body": (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 500, b"", True),
    "after an interim one": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
    ),
    "that closes": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
}


class Wire(asyncio.Transport):
    """Takes what is sent and forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def _answer(pieces: Iterable[bytes]) -> tuple[int, bytes, bool]:
    connection, wire = Connection(), Wire()
    connection.connection_made(wire)
    asked = asyncio.ensure_future(connection.request(encode_request("GET", "/", [("Host", "x")], b"")))
    await asyncio.sleep(0)
    for piece in pieces:
        connection.data_received(piece)
    reply = await asked
    return reply.status, await reply.body(), connection.reusable and not wire.aborted


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_is_read_wherever_its_bytes_are_cut(kind: str) -> None:
    raw, *expected = ANSWERS[kind]
    for cut in range(1, len(raw)):
        assert list(asyncio.run(_answer([raw[:cut], raw[cut:]]))) == expected
    assert list(asyncio.run(_answer(bytes([byte]) for byte in raw))) == expected


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def read() -> bytes:
        connection = Connection()
        connection.connection_made(Wire())
        asked = asyncio.ensure_future(connection.request(b"..."))
        await asyncio.sleep(0)
        connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhel")
        connection.data_received(b"lo")
        connection.connection_lost(None)
        return await (await asked).body()

    assert asyncio.run(read()) == b"hello"


@pytest.mark.parametrize("received", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", b"HTTP/1.1 200"])
def test_an_answer_that_breaks_off_is_an_error(received: bytes) -> None:
    async def read() -> None:
        connection = Connection()
        connection.connection_made(Wire())
        asked = asyncio.ensure_future(connection.request(b"..."))
        await asyncio.sleep(0)
        if received:
            connection.data_received(received)
        connection.connection_lost(None)
        await (await asked).body()

    with pytest.raises(ConnectionClosedError):
        asyncio.run(read())


def test_a_request_is_written_in_one_piece() -> None:
    assert encode_request("POST", "/a?b", [("Host", "x")], b"hi") == (
        b"POST /a?b HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\nhi"
    )
