"""What becomes of a try that goes on after a wait."""

from datetime import UTC, datetime, timedelta

from sailplane.engine import draft, ends
from sailplane.model.evolve import evolve
from sailplane.model.execution import Outcome, OutcomeKind
from sailplane.model.ids import RunKey
from sailplane.model.resuming import Resumption
from sailplane.model.runs import TaskInstance
from sailplane.model.states import TaskState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEGAN = NOW - timedelta(hours=2)
GOES_ON = Resumption(method="resume", kwargs='{"a":1}', began_at=BEGAN, xcoms={"early": "1"})
RUNNING = TaskInstance(
    run=RunKey("d", "r"),
    task_id="t",
    state=TaskState.RUNNING,
    try_number=2,
    max_tries=3,
    started_at=NOW,
    resumption=GOES_ON,
)
DEFERRED = evolve(RUNNING, state=TaskState.DEFERRED, alarm_at=NOW, xcoms={"late": "2"})
KILLED = Outcome(kind=OutcomeKind.KILLED)


def test_one_that_is_handed_back_goes_on_elsewhere_as_the_same_try() -> None:
    stopped, again = ends.handed_back(RUNNING, KILLED, False, NOW)
    assert stopped is None
    assert (again.state, again.try_number, again.max_tries, again.resumption) == (TaskState.QUEUED, 2, 3, GOES_ON)


def test_what_it_pushed_goes_along_when_it_is_queued() -> None:
    queued = draft.requeued(DEFERRED, NOW)
    assert queued.resumption is not None
    assert queued.resumption.xcoms == {"early": "1", "late": "2"}
    assert (queued.xcoms, queued.try_number) == ({}, 2)


def test_the_next_try_knows_nothing_of_it() -> None:
    again = draft.requeued(evolve(RUNNING, state=TaskState.UP_FOR_RETRY), NOW)
    assert (again.resumption, again.try_number) == (None, 3)


def test_it_began_before_its_wait() -> None:
    assert ends.began_at(RUNNING) == BEGAN
    assert ends.began_at(evolve(RUNNING, resumption=None)) == NOW


def test_only_a_wait_that_is_over_goes_on_at_once() -> None:
    assert ends.goes_on_at_once(DEFERRED, NOW)
    assert not ends.goes_on_at_once(evolve(DEFERRED, alarm_at=NOW + timedelta(seconds=1)), NOW)
    assert not ends.goes_on_at_once(evolve(DEFERRED, state=TaskState.UP_FOR_RESCHEDULE), NOW)
