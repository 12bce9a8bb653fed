"""What a task has read and nobody may see is in none of its lines, whichever way it came there."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.runs import ErrorInfo
from sailplane.runner.masking import Masker
from sailplane.runner.output import OutputStream
from sailplane.runner.spool import LogRecord, Spool


class Kept(Spool):
    """Keeps records in memory."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"), bytes_limit=0)
        self.records: list[LogRecord] = []

    def write(self, records: Sequence[LogRecord]) -> None:
        self.records.extend(records)


def masker_of(*secrets: str) -> Masker:
    made = Masker()
    made.learn(secrets)
    return made


def log_of(masker: Masker, *pieces: bytes, line_limit: int = 100) -> list[str]:
    spool = Kept()
    stream = OutputStream(spool, level="info", logger="task.stdout", line_limit=line_limit, masker=masker)
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    return [record.event for record in spool.records]


def test_nothing_is_looked_at_until_a_secret_is_learnt() -> None:
    masker = masker_of("abcd")
    assert not masker.is_active
    assert log_of(masker, b"abcd\n") == ["abcd"]


def test_a_secret_is_masked_in_lines_and_in_records() -> None:
    record = LogRecord(timestamp="t", level="info", logger="mine", event="it is hunter22", exception="E: hunter22")
    line = b"\x1e" + msgspec.json.encode(record) + b"\n"
    assert log_of(masker_of("hunter22"), b"say hunter22 twice hunter22\n", line) == ["say *** twice ***", "it is ***"]
    assert masker_of("hunter22").record(record).exception == "E: ***"


def test_the_longest_of_secrets_that_begin_alike_is_masked_whole() -> None:
    assert log_of(masker_of("hunter", "hunter22"), b"hunter22 hunter\n") == ["*** ***"]


def test_a_secret_that_comes_in_pieces_is_masked() -> None:
    assert log_of(masker_of("hunter22"), b"say hun", b"ter22\n") == ["say ***"]


@given(
    secret=st.text("abcxyz", min_size=5, max_size=12),
    before=st.text("01", max_size=40),
    after=st.text("01", max_size=40),
    cuts=st.lists(st.integers(0, 90), max_size=5),
    limit=st.integers(1, 40),
)
def test_no_cut_shows_a_secret(secret: str, before: str, after: str, cuts: list[int], limit: int) -> None:
    data = (before + secret + after).encode()
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in itertools.pairwise(bounds)]
    joined = "".join(log_of(masker_of(secret), *pieces, b"\n", line_limit=limit))
    assert joined == f"{before}***{after}"


def test_a_key_of_many_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n"
    assert log_of(masker_of(key), key.encode()) == ["***"] * 4


def test_a_secret_is_masked_in_its_json_form() -> None:
    secret = 'a"b\\c"d'
    assert log_of(masker_of(secret), json.dumps({"x": secret}).encode()) == ['{"x": "***"}']


def test_the_beginning_of_a_secret_before_a_cut_is_masked() -> None:
    masker = masker_of("hunter22")
    assert masker.text("say hunt... (1,200 characters more)") == "say ***... (1,200 characters more)"
    assert masker.text("say hunt... and more") == "say hunt... and more"


@pytest.mark.parametrize(
    ("key", "text", "masked"),
    [
        ("db_password", "hunter22", ["hunter22"]),
        ("city", "Seattle", []),
        ("settings", '{"token": "hunter22", "user": "adalove"}', ["hunter22"]),
    ],
)
def test_a_variable_is_secret_by_its_name_or_its_keys(key: str, text: str, masked: list[str]) -> None:
    masker = Masker()
    masker.learn_variable(key, text)
    shown = masker.text(text)
    assert all(secret not in shown for secret in masked)
    assert (shown == text) == (not masked)


@pytest.mark.parametrize(
    "text", ["postgres://ada:p%40ssw0rd@db/x", '{"password": "p@ssw0rd", "extra": "{\\"token\\": \\"t0ken5\\"}"}']
)
def test_the_password_of_a_connection_is_masked_in_each_form(text: str) -> None:
    masker = Masker()
    masker.learn_connection("db", text)
    assert masker.text(f"p@ssw0rd p%40ssw0rd {text}").count("ssw0rd") == 0


def test_a_connection_that_nobody_understands_is_secret_as_a_whole() -> None:
    masker = Masker()
    masker.learn_connection("db", "{hunter22")
    assert masker.text("is {hunter22") == "is ***"


def test_the_end_of_a_try_is_masked_but_for_its_xcoms() -> None:
    outcome = Outcome(
        kind=OutcomeKind.FAILED,
        error=ErrorInfo(kind="E", message="hunter22 is wrong"),
        xcoms={"return_value": '"hunter22"'},
        map_name="hunter22",
        rendered='{"a":["hunter22",{"hunter22":1234567}],"b":true,"c":null}',
    )
    masked = masker_of("hunter22", "1234567").outcome(outcome)
    assert masked.error is not None
    assert (masked.error.message, masked.map_name) == ("*** is wrong", "***")
    assert json.loads(masked.rendered) == {"a": ["***", {"***": "***"}], "b": True, "c": None}
    assert masked.xcoms == outcome.xcoms
