"""The pull worker in this process: what it takes, holds, acknowledges and says of itself."""

import asyncio
import json
import logging
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloudConfig, LocalCloudThread
from sailplane.cli.health import HealthServer
from sailplane.cloud.bus import Bus
from sailplane.cloud.subscriber import Subscriber
from sailplane.deploy.config import QueueKind
from sailplane.deploy.topology import Topology
from sailplane.engine.pulling import PullHealth, PullWorker
from sailplane.engine.worker import Worker
from sailplane.model.errors import NotFound
from sailplane.model.execution import TaskJob
from sailplane.model.ids import RunKey
from sailplane.model.messages import AlarmWave, Message
from sailplane.standalone import messaging

sys.path.append(str(Path(__file__).parents[1] / "engine"))  # Its stage, with a scripted runner.

from engine_stage import SUCCESS, Stage, dag, task

INDEXES = Path(__file__).parents[3] / "infra" / "firestore.indexes.json"
NOWHERE = "http://127.0.0.1:9/"


class Field:
    """A project with the pull queue `vm`, and pull workers on it."""

    def __init__(self, local: LocalCloudThread, folder: Path) -> None:
        self.stage = Stage(local.environment(), "engine-tests", folder, own=local)
        self.stage.cloud = replace(self.stage.cloud, bus=Bus(self.stage.settings))
        self.threads: list[tuple[PullWorker, threading.Thread]] = []
        topology = Topology(project=self.stage.settings.project, name="sailplane")
        urls = {"sailplane-worker": NOWHERE, "sailplane-events": NOWHERE}
        queues = (("default", QueueKind.FUNCTION), ("vm", QueueKind.PULL))
        host = self.stage.settings.pubsub_host
        assert host is not None
        asyncio.run(messaging.deploy(host, topology, queues, urls))

    def worker(self, concurrency: int = 4, queue: str = "vm", drain: float = 4) -> PullWorker:
        settings = replace(self.stage.settings, worker_concurrency=concurrency)
        cloud = replace(self.stage.cloud, settings=settings)
        inner = Worker(cloud, self.stage.runner, self.stage.clock, name="puller", queue=queue)
        return PullWorker(
            inner, Subscriber(settings, queue), drain=timedelta(seconds=drain), pause=lambda failures: 0.1 * failures
        )

    def start(self, **options: Any) -> PullWorker:
        pulling = self.worker(**options)
        thread = threading.Thread(target=pulling.run)
        thread.start()
        self.threads.append((pulling, thread))
        return pulling

    def stop(self) -> None:
        for pulling, _ in self.threads:
            pulling.stop()
        for _, thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()
        self.threads.clear()

    def fan(self, width: int) -> RunKey:
        leaves = [task(f"f{number:03}", queue="vm") for number in range(width)]
        return self.stage.start(dag(*leaves))

    def wait_for_end(self, key: RunKey) -> None:
        until(lambda: self.stage.run(key).state.is_terminal)


def until(probe: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if answer := probe():
            return answer
        time.sleep(0.02)
    raise AssertionError("gave up waiting")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudThread]:
    folder = tmp_path_factory.mktemp("field")
    with LocalCloudThread(LocalCloudConfig(data_dir=folder, buckets=("engine-tests",), indexes=INDEXES)) as thread:
        yield thread


@pytest.fixture
def field(local: LocalCloudThread, tmp_path: Path) -> Iterator[Field]:
    local.cloud.faults.clear()
    made = Field(local, tmp_path)
    yield made
    made.stop()
    made.stage.close()


def test_what_is_done_is_acknowledged_and_nothing_is_said_of_it(field: Field, caplog: pytest.LogCaptureFixture) -> None:
    before = field.stage.count()
    field.start()
    key = field.fan(20)
    field.wait_for_end(key)
    field.stop()
    counted = field.stage.since(before)
    assert counted["pubsub.acked"] == counted["pubsub.delivered"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert sorted(field.stage.runner.tries) == [(f"f{number:03}", 1) for number in range(20)]


def test_no_more_run_side_by_side_than_there_are_slots(field: Field) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def run(_job: TaskJob) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return SUCCESS

    for number in range(12):
        field.stage.runner.script[(f"f{number:03}", 1)] = run
    field.start(concurrency=3)
    field.wait_for_end(field.fan(12))
    assert most == 3


def test_alarms_that_come_are_answered(field: Field) -> None:
    pulling = field.start()
    field.stage.cloud.bus.publish("vm", [Message(alarms=AlarmWave())])
    until(lambda: pulling.health.done == 1)
    field.wait_for_end(field.fan(1))


def test_without_its_subscription_it_ends_and_says_so(field: Field) -> None:
    with pytest.raises(NotFound, match="sailplane-nobody"):
        field.worker(queue="nobody").run()


def test_its_health_is_answered_over_http(field: Field) -> None:
    pulling = field.start()
    with HealthServer(0, lambda: pulling.health) as server:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{server.port}/healthz", timeout=10) as answer:
            told = json.load(answer)
    assert answer.status == 200
    assert told == {"is_connected": True, "lost_seconds": 0.0, "in_hand": 0, "done": 0, "is_leaving": False}


def test_it_is_unhealthy_once_pubsub_was_away_for_long() -> None:
    from sailplane.cli.health import status

    health = PullHealth(is_connected=False, lost_seconds=119, in_hand=0, done=0, is_leaving=False)
    assert status(health) == 200
    assert status(replace(health, lost_seconds=121)) == 503


def test_while_pubsub_is_away_it_says_that_it_lost_it(field: Field) -> None:
    from localcloud.faults import Fault, FaultKind

    field.stage.local.cloud.faults.inject(Fault(point="pubsub.StreamingPull", kind=FaultKind.ERROR, times=5))
    pulling = field.start()
    until(lambda: not pulling.health.is_connected)
    field.wait_for_end(field.fan(1))
    until(lambda: pulling.health.is_connected)


def test_told_to_stop_it_gives_back_what_it_has_not_begun(field: Field) -> None:
    going, begun = threading.Event(), threading.Event()

    def run(_job: TaskJob) -> Any:
        begun.set()
        going.wait(20)
        return SUCCESS

    for number in range(4):
        field.stage.runner.script[(f"f{number:03}", 1)] = run
    first = field.start(concurrency=1)
    key = field.fan(4)
    assert begun.wait(20)
    first.stop()
    going.set()
    field.stop()
    ended = [state for state in field.stage.states(key).values() if state == "success"]
    assert len(ended) == 1
    field.start(concurrency=1)
    field.wait_for_end(key)
    assert len(field.stage.runner.tries) == 4
