"""Leases: what keeps a try running, and what stops it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from engine_stage import Stage, dag, task

from localcloud.faults import Fault, FaultKind
from sailplane.cloud.changes import Beat, Replace
from sailplane.engine.leases import Lease, Leases
from sailplane.model.evolve import evolve
from sailplane.model.ids import RunKey
from sailplane.model.states import TaskState
from sailplane.runner.cancellation import Cancellation

LENGTH = timedelta(seconds=60)
PATIENCE = 20.0


@pytest.fixture
def leases(stage: Stage) -> Iterator[Leases]:
    made = Leases(stage.cloud.store, stage.clock, LENGTH)
    yield made
    made.close()


def running(stage: Stage, count: int) -> RunKey:
    """A run of `count` tasks that all run, claimed by nobody in particular."""
    key = stage.start(dag(*(task(f"t{n}") for n in range(count))))
    for n in range(count):
        found = stage.instance(key, f"t{n}")
        claimed = evolve(found, state=TaskState.RUNNING, claim=f"claim-{n}", started_at=stage.clock())
        stage.cloud.store.commit([Replace(claimed)])
    return key


def comes_true(leases: Leases, condition: Callable[[], bool]) -> bool:
    """Whether `condition` holds before patience ends, with the thread made to look at the clock again and again."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if condition():
            return True
        with leases._changed:
            leases._changed.notify()
        pause.wait(0.02)
    return False


def renewed(leases: Leases, held: Sequence[Lease], stage: Stage) -> bool:
    return comes_true(leases, lambda: all(lease.renewed_at == stage.clock() for lease in held))


def stopped(leases: Leases, *cancellations: Cancellation) -> bool:
    return comes_true(leases, lambda: all(each.reason is not None for each in cancellations))


def test_a_lease_that_was_renewed_unknown_to_its_worker_goes_on(stage: Stage, leases: Leases) -> None:
    instance = stage.instance(running(stage, 1), "t0")
    cancellation = Cancellation()
    with leases.held(instance, cancellation) as lease:
        # As when the answer to a heartbeat was lost and the outage lasted longer than the call.
        stage.cloud.store.commit([Beat(lease.path, lease.token, stage.clock() + LENGTH)])
        stage.clock.turn(seconds=21)
        assert renewed(leases, [lease], stage)
    assert cancellation.reason is None
    assert lease.token == stage.instance(instance.run, "t0").token
    assert stage.instance(instance.run, "t0").alarm_at == stage.clock() + LENGTH


def test_a_lease_whose_instance_was_claimed_anew_stops_its_try_and_no_other(stage: Stage, leases: Leases) -> None:
    key = running(stage, 2)
    lost, kept = Cancellation(), Cancellation()
    taken, mine = stage.instance(key, "t0"), stage.instance(key, "t1")
    with leases.held(taken, lost), leases.held(mine, kept) as lease:
        stage.cloud.store.commit([Replace(evolve(taken, claim="another"))])
        stage.clock.turn(seconds=21)
        assert stopped(leases, lost)
        assert renewed(leases, [lease], stage)
    assert lost.reason is not None
    assert "its lease was lost" in lost.reason
    assert kept.reason is None


@pytest.mark.localcloud
def test_leases_that_are_due_are_renewed_in_one_commit(stage: Stage, leases: Leases) -> None:
    key = running(stage, 3)
    cancellation = Cancellation()
    one, two, three = (stage.instance(key, f"t{n}") for n in range(3))
    with (
        leases.held(one, cancellation) as first,
        leases.held(two, cancellation) as second,
        leases.held(three, cancellation) as third,
    ):
        before = stage.count()
        stage.clock.turn(seconds=21)
        assert renewed(leases, [first, second, third], stage)
        assert stage.since(before)["firestore.commits"] == 1


@pytest.mark.localcloud
def test_while_the_store_is_away_all_leases_that_ran_out_are_given_up_together(stage: Stage, leases: Leases) -> None:
    key = running(stage, 3)
    cancellations = [Cancellation() for _ in range(3)]
    one, two, three = (stage.instance(key, f"t{n}") for n in range(3))
    with (
        leases.held(one, cancellations[0]),
        leases.held(two, cancellations[1]),
        leases.held(three, cancellations[2]),
    ):
        stage.local.cloud.faults.inject(Fault(point="firestore.*", kind=FaultKind.ERROR, times=10_000))
        stage.clock.turn(seconds=61)
        assert stopped(leases, *cancellations)
        stage.local.cloud.faults.clear()
    assert all("could not be renewed" in str(each.reason) for each in cancellations)


def test_a_machine_that_was_suspended_keeps_what_is_still_its_own(stage: Stage, leases: Leases) -> None:
    instance = stage.instance(running(stage, 1), "t0")
    cancellation = Cancellation()
    with leases.held(instance, cancellation) as lease:
        stage.clock.turn(hours=2)
        assert renewed(leases, [lease], stage)
    assert cancellation.reason is None


def test_a_clock_that_was_set_back_keeps_no_lease_from_being_renewed(stage: Stage, leases: Leases) -> None:
    instance = stage.instance(running(stage, 1), "t0")
    with leases.held(instance, Cancellation()) as lease:
        stage.clock.turn(minutes=-5)
        assert renewed(leases, [lease], stage)


def test_a_lease_over_is_adopted_only_while_the_claim_stands(stage: Stage, leases: Leases) -> None:
    instance = stage.instance(running(stage, 1), "t0")
    with leases.held(instance, Cancellation()) as lease:
        stage.cloud.store.commit([Beat(lease.path, lease.token, stage.clock() + LENGTH)])
    assert leases.adopt(lease)
    assert lease.token == stage.instance(instance.run, "t0").token
    stage.cloud.store.commit([Replace(evolve(stage.instance(instance.run, "t0"), state=TaskState.FAILED))])
    assert not leases.adopt(lease)
