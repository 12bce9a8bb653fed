"""How the time of a machine is shared among what it has in hand."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from sailplane.cloud.settings import Settings
from sailplane.cloud.tally import Tally
from sailplane.engine.metering import ROUNDING_SECONDS, Billing, Machine, Meter, arrival, machine_of
from sailplane.model.errors import SettingsError
from sailplane.model.usage import Usage


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class OtherThread:
    """Does what it is told, one call after the other, in a thread of its own."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._answers: SimpleQueue[object] = SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            self._answers.put(call())

    def do(self, call: Callable[[], object]) -> object:
        self._calls.put(call)
        return self._answers.get()

    def end(self) -> None:
        self._calls.put(None)
        self._thread.join()


@pytest.fixture
def other():
    thread = OtherThread()
    yield thread
    thread.end()


def test_a_task_alone_has_all_of_the_machine() -> None:
    clock = Clock()
    meter = Meter(Tally(), Machine(vcpus=2, gib=0.5), clock)
    with meter.in_hand():
        clock.now += 10
        assert meter.cut() == Usage(vcpu_seconds=20, gib_seconds=5)
        clock.now += 1
        assert meter.cut() == Usage(vcpu_seconds=2, gib_seconds=0.5)


def test_tasks_side_by_side_share_it_and_nothing_counts_twice(other: OtherThread) -> None:
    clock = Clock()
    meter = Meter(Tally(), Machine(), clock)
    with meter.in_hand():
        clock.now += 1
        theirs = meter.in_hand()
        other.do(theirs.__enter__)
        clock.now += 4
        cut = other.do(meter.cut)
        other.do(lambda: theirs.__exit__(None, None, None))
        clock.now += 1
        mine = meter.cut()
    assert cut == Usage(vcpu_seconds=2, gib_seconds=2)
    assert mine == Usage(vcpu_seconds=4, gib_seconds=4)


def test_who_waits_for_a_slot_takes_no_share(other: OtherThread) -> None:
    clock = Clock()
    meter = Meter(Tally(), Machine(), clock)
    theirs = meter.in_hand()
    other.do(theirs.__enter__)
    with meter.in_hand():
        with meter.waiting():
            clock.now += 6
        assert meter.cut() == Usage()
    assert other.do(meter.cut) == Usage(vcpu_seconds=6, gib_seconds=6)
    other.do(lambda: theirs.__exit__(None, None, None))


def test_calls_are_counted_for_the_thread_that_made_them(other: OtherThread) -> None:
    tally = Tally()
    tally.reads += 3

    def read() -> Usage:
        tally.reads += 5
        tally.class_b += 1
        return tally.take()

    assert other.do(read) == Usage(reads=5, class_b=1)
    assert tally.take() == Usage(reads=3)
    assert tally.take() == Usage()


def test_a_ticket_takes_its_share_of_the_message() -> None:
    share = arrival(4000, 8, Machine(vcpus=2, gib=1))
    assert (share.messages, share.requests, share.message_bytes) == (0.125, 0.125, 1000)
    assert share.vcpu_seconds == pytest.approx(2 * ROUNDING_SECONDS / 8)


def test_a_small_message_is_billed_with_the_least_volume() -> None:
    assert arrival(10, 1, Machine()).message_bytes == 2000


@pytest.mark.parametrize(
    ("environment", "billing"),
    [
        ({"K_SERVICE": "worker"}, Billing.FUNCTION),
        ({"CLOUD_RUN_JOB": "gpu"}, Billing.JOB),
        ({}, Billing.ELSEWHERE),
    ],
)
def test_the_environment_says_who_bills_the_time(environment: dict[str, str], billing: Billing) -> None:
    sizes = {"SAILPLANE_CPU": "2", "SAILPLANE_MEMORY": "512Mi"}
    machine = machine_of(Settings.from_mapping({"GOOGLE_CLOUD_PROJECT": "p", **sizes, **environment}))
    assert machine == Machine(vcpus=2, gib=0.5, billing=billing)


def test_the_time_of_jobs_has_a_price_of_its_own() -> None:
    assert Machine(billing=Billing.JOB, gib=4).usage(10) == Usage(job_vcpu_seconds=10, job_gib_seconds=40)
    assert Machine(billing=Billing.ELSEWHERE).usage(10) == Usage()


def test_an_execution_of_a_job_has_its_minimum_once() -> None:
    clock = Clock()
    meter = Meter(Tally(), Machine(billing=Billing.JOB), clock)
    seconds = []
    with meter.in_hand():
        for used in (10, 20, 50, 5):
            clock.now += used
            seconds.append(meter.cut().job_vcpu_seconds)
    assert seconds == [60, 0, 20, 5], "85 s in all, of which the first minute was paid at once"


def test_a_job_that_takes_longer_is_billed_for_what_it_takes() -> None:
    clock = Clock()
    meter = Meter(Tally(), Machine(billing=Billing.JOB), clock)
    with meter.in_hand():
        clock.now += 90
        assert meter.cut().job_vcpu_seconds == 90
        clock.now += 1
        assert meter.cut().job_vcpu_seconds == 1


@pytest.mark.parametrize(("name", "text"), [("SAILPLANE_CPU", "many"), ("SAILPLANE_MEMORY", "2G")])
def test_a_machine_that_makes_no_sense_is_told(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_mapping({"GOOGLE_CLOUD_PROJECT": "p", name: text})
