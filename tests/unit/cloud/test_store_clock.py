"""The clock that follows Firestore's."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sailplane.cloud.clock import StoreClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


class Machine:
    """A machine whose clock is wrong by so many seconds; `time` is right."""

    def __init__(self, wrong_by: float) -> None:
        self.time = NOON
        self.wrong_by = wrong_by
        self.clock = StoreClock(lambda: self.time + self.wrong_by)

    def call(self, seconds: float = 0.1) -> None:
        """A call to Firestore that takes so long and is answered in the middle of that."""
        asked_at = self.clock.read()
        self.time += seconds / 2
        told = Timestamp(seconds=int(self.time), nanos=int(self.time % 1 * 1e9))
        self.time += seconds / 2
        self.clock.learn(told, asked_at)

    @property
    def error(self) -> float:
        return self.clock().timestamp() - self.time


@pytest.mark.parametrize("wrong_by", [-7200, -300, -5, 5, 300, 7200])
def test_a_wrong_clock_is_right_after_one_answer(wrong_by: float) -> None:
    machine = Machine(wrong_by)
    assert machine.error == pytest.approx(wrong_by)
    machine.call()
    assert abs(machine.error) < 1.2


@pytest.mark.parametrize("wrong_by", [-0.9, 0, 0.9])
def test_a_clock_that_is_nearly_right_is_left_alone(wrong_by: float) -> None:
    machine = Machine(wrong_by)
    machine.call()
    assert machine.clock.offset == 0


def test_a_slow_answer_says_less_and_changes_no_more_than_it_says() -> None:
    machine = Machine(3)
    machine.call(seconds=20)
    assert machine.clock.offset == 0
    machine.call()
    assert abs(machine.error) < 1.2


def test_a_clock_that_is_put_right_by_its_machine_is_believed_again() -> None:
    machine = Machine(-300)
    machine.call()
    machine.wrong_by = 0
    machine.call()
    assert machine.clock.offset == 0


def test_an_answer_that_says_no_time_changes_nothing() -> None:
    machine = Machine(300)
    machine.clock.learn(Timestamp(), machine.clock.read())
    assert machine.clock.offset == 0


def test_the_time_is_told_in_utc() -> None:
    assert Machine(0).clock() == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
