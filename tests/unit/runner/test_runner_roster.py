"""The book of children and tries, with children that are no processes."""

from pathlib import Path

import pytest

from sailplane.runner import endings
from sailplane.runner.cancellation import Cancellation
from sailplane.runner.roster import Need, Refusal, Roster, Waiter

A, B = Path("/a"), Path("/b")
REFUSAL = Refusal(outcome=endings.no_process("none"))


class Mannequin:
    """Looks like a child from the roster's side."""

    def __init__(self, bundle: Path, *files: str) -> None:
        self.bundle = bundle
        self.files = frozenset(files)
        self.is_gone = False
        self.is_discarded = False

    def discard(self) -> None:
        self.is_discarded = True

    close = discard


def waiting(roster: Roster, bundle: Path, file: str) -> Waiter:
    got = roster.take(Need(bundle=bundle, file=file))
    assert isinstance(got, Waiter)
    return got


def born(roster: Roster, bundle: Path, *files: str):
    assert roster.reserve()
    child = Mannequin(bundle, *files)
    assert roster.settle(child)
    return child


def got(waiter: Waiter):
    return None if waiter.box.empty() else waiter.box.get()


def test_a_new_child_goes_to_the_try_that_waited_longest() -> None:
    roster = Roster(2)
    first, second = waiting(roster, A, "f"), waiting(roster, A, "f")
    child = born(roster, A, "f")
    assert got(first) is child
    assert got(second) is None


def test_a_child_goes_only_to_a_try_whose_file_it_has() -> None:
    roster = Roster(2)
    other, fitting = waiting(roster, A, "g"), waiting(roster, A, "f")
    child = born(roster, A, "f")
    assert got(other) is None
    assert got(fitting) is child


def test_the_child_that_worked_last_is_taken_first() -> None:
    roster = Roster(2)
    born(roster, A, "f")
    last = born(roster, A, "f")
    assert roster.take(Need(bundle=A, file="f")) is last


def test_no_more_children_than_slots() -> None:
    roster = Roster(1)
    assert roster.reserve()
    assert not roster.reserve()
    roster.unreserve()
    assert roster.reserve()


def test_an_idle_child_makes_room_once() -> None:
    roster = Roster(2)
    idle, other = born(roster, A, "f"), born(roster, A, "f")
    assert not roster.reserve()
    assert not roster.reserve()
    assert (idle.is_discarded, other.is_discarded) == (True, False)
    roster.end(idle)
    assert roster.reserve()


def test_a_child_is_given_up_when_its_slot_is_needed_by_another_bundle() -> None:
    roster = Roster(1)
    child = born(roster, A, "f")
    assert roster.take(Need(bundle=A, file="f")) is child
    waiting(roster, B, "f")
    assert not roster.settle(child)


def test_a_bundle_is_not_passed_over_for_ever() -> None:
    roster = Roster(1)
    child = born(roster, A, "f")
    roster.take(Need(bundle=A, file="f"))
    waiting(roster, B, "f")
    served = 0
    while waiting(roster, A, "f") and roster.settle(child):
        served += 1
    assert served == 8


def test_a_dead_child_is_not_kept() -> None:
    roster = Roster(1)
    child = Mannequin(A, "f")
    child.is_gone = True
    assert roster.reserve()
    assert not roster.settle(child)


def test_whoever_leaves_waits_no_more() -> None:
    roster = Roster(1)
    waiter = waiting(roster, A, "f")
    waiter.box.put(None)
    assert roster.leave(waiter) is None
    assert roster.waiting_bundles() == frozenset()


def test_a_refusal_reaches_those_that_it_concerns() -> None:
    roster = Roster(1)
    f, g, other = waiting(roster, A, "f"), waiting(roster, A, "g"), waiting(roster, B, "f")
    roster.refuse(REFUSAL, bundle=A, file="f")
    assert (got(f), got(g), got(other)) == (REFUSAL, None, None)
    roster.refuse(REFUSAL, bundle=A)
    assert (got(g), got(other)) == (REFUSAL, None)


def test_a_template_is_restarted_once_for_a_try() -> None:
    roster = Roster(1)
    waiter = waiting(roster, A, "f")
    roster.restart(REFUSAL, bundle=A)
    assert got(waiter) is None
    roster.restart(REFUSAL, bundle=A)
    assert got(waiter) is REFUSAL


@pytest.mark.parametrize("late", [False, True])
def test_a_watcher_hears_of_a_cancellation_once(late: bool) -> None:
    cancellation, heard = Cancellation(), []
    if late:
        cancellation.cancel("first")
    with cancellation.watched_by(lambda: heard.append(1)):
        cancellation.cancel("first")
        cancellation.cancel("second")
    assert heard == [1]
    assert cancellation.reason == "first"
