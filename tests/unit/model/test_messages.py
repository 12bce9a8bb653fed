"""Messages between versions."""

from datetime import UTC, datetime

import msgspec
import pytest

from sailplane.model import messages
from sailplane.model.errors import CorruptRecord
from sailplane.model.messages import AlarmWave, Message, TaskTicket, TaskWave
from sailplane.model.runs import RunContext
from sailplane.model.states import RunType

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN = RunContext(
    dag_id="flight",
    run_id="manual__1",
    version=1,
    bundle="b",
    file="dags.py",
    run_type=RunType.MANUAL,
    logical_date=None,
    data_interval_start=None,
    data_interval_end=None,
    run_after=NOON,
    started_at=NOON,
)
WAVE = Message(wave=TaskWave(run=RUN, run_token="1.0", tickets=(TaskTicket(task_id="land", token="2.0"),)))


@pytest.mark.parametrize("message", [WAVE, Message(alarms=AlarmWave(runs=(RUN.key,)))])
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert messages.decode(messages.encode(message)) == message


def test_fields_that_a_newer_version_wrote_are_passed_over() -> None:
    plain = msgspec.json.decode(messages.encode(WAVE))
    plain["colour"] = plain["wave"]["colour"] = plain["wave"]["run"]["colour"] = "red"
    plain["wave"]["tickets"][0]["colour"] = {"red": 1}
    assert messages.decode(msgspec.json.encode(plain)) == WAVE


def test_fields_that_an_older_version_did_not_write_have_their_defaults() -> None:
    plain = msgspec.json.decode(messages.encode(WAVE))
    plain["wave"]["tickets"] = [{"task_id": "land", "token": "2.0"}]
    assert messages.decode(msgspec.json.encode(plain)) == WAVE


@pytest.mark.parametrize("data", [b"{}", b'{"trigger": {"run": 1}}'])
def test_a_message_of_a_kind_that_only_a_newer_version_knows_has_to_come_again(data: bytes) -> None:
    with pytest.raises(CorruptRecord, match="no part that this version knows"):
        messages.decode(data)


@pytest.mark.parametrize("data", [b"", b"hello", b"[]", b'{"wave": 1}'])
def test_what_is_no_message_is_told_as_such(data: bytes) -> None:
    with pytest.raises(CorruptRecord, match="not a Sailplane message"):
        messages.decode(data)
