from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sailplane.runner.output import OutputStream, split_line
from sailplane.runner.spool import LogRecord, Spool


class Kept(Spool):
    """Keeps records in memory."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"), bytes_limit=0)
        self.records: list[LogRecord] = []

    def write(self, records: Sequence[LogRecord]) -> None:
        self.records.extend(records)

    @property
    def events(self) -> list[str]:
        return [record.event for record in self.records]


def fed(*pieces: bytes, line_limit: int = 100) -> Kept:
    spool = Kept()
    stream = OutputStream(spool, level="info", logger="task.stdout", line_limit=line_limit)
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    return spool


def structured(event: str) -> bytes:
    record = LogRecord(timestamp="t", level="warning", logger="mine", event=event)
    return b"\x1e" + msgspec.json.encode(record) + b"\n"


def test_lines_become_records_and_the_last_needs_no_end() -> None:
    assert fed(b"one\ntwo\r\n\nthr", b"ee").events == ["one", "two", "", "three"]


def test_a_marked_line_is_the_record_that_the_handler_made() -> None:
    spool = fed(b"print\n" + structured("log") + b"more\n")
    assert spool.events == ["print", "log", "more"]
    assert [record.logger for record in spool.records] == ["task.stdout", "mine", "task.stdout"]


def test_a_marked_line_may_follow_on_a_print_without_end() -> None:
    assert fed(b"no end" + structured("log")).events == ["no end", "log"]


def test_a_mark_that_leads_no_record_is_text() -> None:
    assert fed(b"a\x1eb\n", b"\x1e{}\n", b"\x1e\xff\n").events == ["a", "b", "{}", "\ufffd"]


def test_a_record_longer_than_the_line_limit_stays_whole() -> None:
    long = structured("x" * 1000)
    assert fed(long[:500], long[500:]).events == ["x" * 1000]


def test_a_line_is_split_before_its_end_is_there() -> None:
    spool = Kept()
    stream = OutputStream(spool, level="info", logger="l", line_limit=10)
    stream.feed(b"x" * 25)
    assert "".join(spool.events) == "x" * 25


@pytest.mark.parametrize("limit", [4, 5, 6, 7])
def test_a_line_is_cut_between_characters(limit: int) -> None:
    text = "aä€😀" * 10
    assert "".join(part.decode() for part in split_line(text.encode(), limit)) == text


def test_bytes_that_are_no_utf_8_are_cut_too() -> None:
    assert b"".join(split_line(b"\x80" * 100, 7)) == b"\x80" * 100


@given(st.lists(st.binary()), st.integers(4, 50))
def test_nothing_is_lost_however_the_stream_is_cut(pieces: list[bytes], limit: int) -> None:
    pieces = [piece.replace(b"\x1e", b"").replace(b"\r", b"") for piece in pieces]
    whole = b"".join(pieces)
    expected = fed(whole, line_limit=10**6).events
    assert len("".join(fed(*pieces, line_limit=10**6).events)) == len("".join(expected))
    assert fed(*pieces, line_limit=10**6).events == expected
    if whole.isascii():
        assert "".join(fed(*pieces, line_limit=limit).events) == "".join(expected)
