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

READS = (
    "firestore.BatchGetDocuments",
    "firestore.ListDocuments",
    "firestore.RunQuery",
    "firestore.RunAggregationQuery",
)
ERRORS = [
    (FaultKind.ERROR, {"status": status}) for status in ("UNAVAILABLE", "ABORTED", "INTERNAL", "DEADLINE_EXCEEDED")
]
LATE = (FaultKind.LATENCY, {"seconds": 0.2})
LOST = (FaultKind.LOST_ANSWER, {})
FAULTS = {
    "firestore.Commit": [*ERRORS, LOST, LOST, LOST, LATE],
    **dict.fromkeys(READS, [*ERRORS, LATE]),
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
CALLS = 400
"""Of each kind, over which the faults are spread."""
SHARE = 0.04
FINAL = {"left_out": "skipped"}


def disturb(standalone: Standalone, chance: random.Random) -> None:
    for point, faults in FAULTS.items():
        for skip in sorted(chance.sample(range(CALLS), int(CALLS * SHARE))):
            kind, fields = chance.choice(faults)
            standalone.inject(point, kind, skip=skip, **fields)


def check(standalone: Standalone, run_id: str) -> None:
    """Whatever happened: the right end, nothing left to do, and no try executed twice."""
    rows = standalone.get(f"/api/v2/dags/storm/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]
    assert len(rows) == 276
    assert {row["task_id"]: row["state"] for row in rows if row["state"] != "success"} == FINAL
    assert standalone.notes.repeated(run_id) == {}
    executed = dict(standalone.notes.tries(run_id))
    assert executed.keys() == {row["task_id"] for row in rows} - FINAL.keys()
    shown = {row["task_id"]: row["try_number"] for row in rows if row["task_id"] not in FINAL}
    assert shown == executed
    assert standalone.live_documents() == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_in_a_storm_ends_right(standalone: Standalone, seed: int) -> None:
    disturb(standalone, random.Random(seed))
    run_id = standalone.trigger("storm")
    with standalone.ticking():
        assert standalone.wait_for_end("storm", run_id, 100) == "success"
    check(standalone, run_id)


def test_messages_that_never_arrive_are_made_up_for(standalone: Standalone) -> None:
    for skip in (1, 3, 4):
        standalone.inject("pubsub.push", FaultKind.DROP, skip=skip)
    run_id = standalone.trigger("storm")
    with standalone.ticking():
        assert standalone.wait_for_end("storm", run_id, 100) == "success"
    check(standalone, run_id)


def test_a_run_whose_workers_are_killed_again_and_again_ends_right(standalone: Standalone) -> None:
    chance = random.Random(4)
    disturb(standalone, chance)
    run_id = standalone.trigger("storm")
    with standalone.ticking(), killing(standalone, chance):
        assert standalone.wait_for_end("storm", run_id, 100) == "success"
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
