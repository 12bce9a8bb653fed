"""Runs of several hundred tasks while calls fail, answers get lost and messages come twice, late or never."""

import contextlib
import os
import random
import signal
import threading
from collections.abc import Iterator

import pytest
from bad_day import Standalone

from localcloud.faults import FaultKind
from sailplane.model.ids import RunKey

READS = ("BatchGetDocuments", "ListDocuments", "RunQuery", "RunAggregationQuery")
STATUSES = ("UNAVAILABLE", "ABORTED", "INTERNAL", "DEADLINE_EXCEEDED")
ERRORS = [(FaultKind.ERROR, {"status": status}) for status in STATUSES]
LATE = (FaultKind.LATENCY, {"seconds": 0.2})
LOST = (FaultKind.LOST_ANSWER, {})
FAULTS = {
    "firestore.Commit": [*ERRORS, LOST, LOST, LOST, LATE],
    **{f"firestore.{method}": [*ERRORS, LATE] for method in READS},
    "pubsub.Publish": [ERRORS[0], LOST, LATE],
    "pubsub.push": [
        (FaultKind.DUPLICATE, {}),
        (FaultKind.REORDER, {}),
        (FaultKind.ERROR, {"status": "503"}),
        LOST,
        LATE,
    ],
    "storage.insert": [(FaultKind.ERROR, {"status": "503"}), LOST],
    "cloudrun.worker": [(FaultKind.ERROR, {"status": "500"}), LOST],
}
CALLS = {"firestore.Commit": 150, "storage.insert": 270}
FEW_CALLS = 12
"""How often the points are passed in such a run, about; faults beyond that do not happen."""
SHARE = 0.05


def disturb(standalone: Standalone, chance: random.Random) -> None:
    for point, faults in FAULTS.items():
        calls = CALLS.get(point, FEW_CALLS)
        for skip in sorted(chance.sample(range(calls), max(2, round(calls * SHARE)))):
            kind, fields = chance.choice(faults)
            standalone.inject(point, kind, skip=skip, **fields)


def check(standalone: Standalone, run_id: str) -> None:
    """Whatever happened: the right end, nothing left to do, and no try executed twice."""
    instances = {one.task_id: one for one in standalone.cloud.store.tasks(RunKey("storm", run_id))}
    assert len(instances) == 266
    assert {name: one.state for name, one in instances.items() if one.state != "success"} == {"left_out": "skipped"}
    assert standalone.notes.repeated(run_id) == {}
    executed = dict(standalone.notes.tries(run_id))
    assert {name: one.try_number for name, one in instances.items() if name != "left_out"} == executed
    assert standalone.live_documents() == []


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_run_in_a_storm_ends_right(standalone: Standalone, seed: int) -> None:
    disturb(standalone, random.Random(seed))
    run_id = standalone.trigger("storm")
    with standalone.ticking():
        assert standalone.wait_for_end("storm", run_id, 100) == "success"
    check(standalone, run_id)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_run_whose_workers_are_killed_and_whose_messages_vanish_ends_right(standalone: Standalone) -> None:
    chance = random.Random(4)
    disturb(standalone, chance)
    for skip in (1, 3, 4):
        standalone.inject("pubsub.push", FaultKind.DROP, skip=skip)
    run_id = standalone.trigger("storm")
    with standalone.ticking(), killing(standalone, chance):
        # A task whose message vanishes twice is published for the third time after a minute and a half.
        assert standalone.wait_for_end("storm", run_id, 200) == "success"
    check(standalone, run_id)


@contextlib.contextmanager
def killing(standalone: Standalone, chance: random.Random) -> Iterator[None]:
    """Inside, five times, a worker instance is killed a little after it has begun."""
    ended = threading.Event()

    def kill_on() -> None:
        for _ in range(5):
            if ended.wait(chance.uniform(0.5, 1.5)):
                return
            for pid in standalone.instances("worker")[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
