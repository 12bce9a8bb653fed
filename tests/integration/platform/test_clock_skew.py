"""Functions whose machines' clocks differ by minutes: what is due is judged by Firestore's clock alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from platform_stage import ROOT, Stage, eventually

from localcloud.cloudrun.spec import Spawn

SKEW = Path(__file__).parent / "skew"
LEASE_SECONDS = 3
AT_MOST = timedelta(seconds=LEASE_SECONDS + 2)


def deploy_skewed(stage: Stage, function: str, seconds: int) -> None:
    env = {"PYTHONPATH": f"{SKEW}:{ROOT / 'shared'}", "SKEW_SECONDS": str(seconds)}
    stage.deploy(function, env=env, spawn=Spawn.EXEC)


@pytest.fixture
def skewable(stage: Stage) -> Iterator[Stage]:
    yield stage
    stage.deploy("tick")


@pytest.mark.parametrize(("worker", "tick"), [(-300, 300), (300, -300)], ids=["late worker", "early worker"])
def test_clocks_that_differ_by_ten_minutes_take_no_task_from_its_worker(
    skewable: Stage, worker: int, tick: int
) -> None:
    stage = skewable
    deploy_skewed(stage, "worker", worker)
    deploy_skewed(stage, "tick", tick)
    run = stage.trigger("slow")
    stage.pid(run, "slow")
    lease = stage.task(run, "slow").alarm_at
    assert lease is not None
    assert abs(lease - datetime.now(UTC)) < AT_MOST
    for _ in range(3):
        status, report = stage.call("tick")
        assert status == 200, report
    assert stage.task(run, "slow").try_number == 1
    stage.release(run, "slow")
    assert stage.wait_for_end(run) == "success"
    assert stage.tries(run) == [("slow", 1)]


@pytest.mark.slow
def test_a_lost_worker_is_found_by_a_tick_whose_clock_is_late(skewable: Stage) -> None:
    stage = skewable
    deploy_skewed(stage, "worker", 300)
    deploy_skewed(stage, "tick", -300)
    run = stage.trigger("patient")
    stage.pid(run, "long")
    for instance in stage.instances():
        instance.kill()

    def is_found() -> bool:
        stage.call("tick")
        return stage.states(run).get("long") == "failed"

    eventually(is_found, "the lease is over by Firestore's clock", seconds=20)
