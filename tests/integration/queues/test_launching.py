"""Starting executions: one for each task instance, whatever comes twice, late or not at all."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from localcloud import LocalCloudConfig, LocalCloudThread
from sailplane.cloud.jobs import Jobs
from sailplane.engine import jobs
from sailplane.engine.jobs import Launcher
from sailplane.engine.single_task import run_single
from sailplane.engine.worker import Worker
from sailplane.model import messages
from sailplane.model.errors import QuotaExhausted, Unavailable, UnknownQueue
from sailplane.model.ids import RunKey
from sailplane.model.messages import Message, TaskWave
from sailplane.model.runs import TaskInstance

sys.path.append(str(Path(__file__).parents[1] / "engine"))  # Its stage, with a clock that tests turn.

from engine_stage import HeldBus, Stage, dag, task

INDEXES = Path(__file__).parents[3] / "infra" / "firestore.indexes.json"


class AnyBus(HeldBus):
    """Has every queue."""

    def publish(self, queue: str, batch: Sequence[Message]) -> None:
        self.held += batch


class FakeJobs(Jobs):
    """Notes what is started; the next starts fail as they are told to."""

    def __init__(self, failures: list[Exception]) -> None:
        self.started: list[Message] = []
        self.failures = failures

    def start(self, queue: str, message: Message) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.started.append(message)
        return f"{queue}-{len(self.started)}"


class Hangar:
    """A run of one task on a job queue, and the worker function's launcher."""

    def __init__(self, local: LocalCloudThread, folder: Path) -> None:
        self.stage = Stage(local.environment(), "engine-tests", folder, own=local)
        self.stage.cloud = replace(self.stage.cloud, bus=AnyBus(self.stage.settings))
        self.jobs = FakeJobs([])
        self.launcher = Launcher(self.stage.cloud, self.stage.clock, self.jobs)
        # Not `start`, which holds messages of its own.
        self.key: RunKey = self.stage.start(dag(task("heavy", queue="gpu"), task("light", "heavy")))

    @property
    def bus(self) -> AnyBus:
        assert isinstance(self.stage.cloud.bus, AnyBus)
        return self.stage.cloud.bus

    @property
    def heavy(self) -> TaskInstance:
        return self.stage.instance(self.key, "heavy")

    def take(self) -> TaskWave:
        """The one wave that is on its way."""
        (message,) = map(messages.decode, self.bus.take())
        assert message.wave is not None
        assert message.wave.queue == "gpu"
        return message.wave

    def launch(self, wave: TaskWave) -> None:
        version = self.stage.cloud.store.version(wave.run.dag_id, wave.run.version)
        self.launcher.launch(wave, self.stage.worker.memories.open(wave.run, wave.run_token, version))

    def execution(self) -> Worker:
        """The worker inside an execution."""
        worker = Worker(self.stage.cloud, self.stage.runner, self.stage.clock, name="execution", queue="gpu")
        self.stage.workers.append(worker)
        return worker


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudThread]:
    folder = tmp_path_factory.mktemp("hangar")
    with LocalCloudThread(LocalCloudConfig(data_dir=folder, buckets=("engine-tests",), indexes=INDEXES)) as thread:
        yield thread


@pytest.fixture
def hangar(local: LocalCloudThread, tmp_path: Path) -> Iterator[Hangar]:
    made = Hangar(local, tmp_path)
    yield made
    made.stage.close()


def test_a_message_that_comes_again_starts_nothing_more(hangar: Hangar) -> None:
    wave = hangar.take()
    hangar.launch(wave)
    hangar.launch(wave)
    assert len(hangar.jobs.started) == 1


def test_while_an_execution_may_be_starting_no_alarm_starts_another(hangar: Hangar) -> None:
    hangar.launch(hangar.take())
    hangar.stage.clock.turn(seconds=jobs.LAUNCH_ALARM.total_seconds() - 10)
    hangar.stage.tick()
    assert hangar.bus.take() == []


def test_an_execution_that_never_came_is_followed_by_another_after_longer_and_longer(hangar: Hangar) -> None:
    wave = hangar.take()
    waits = []
    for _ in range(5):
        hangar.launch(wave)
        alarm_at = hangar.heavy.alarm_at
        assert alarm_at is not None
        waits.append(alarm_at - hangar.stage.clock())
        hangar.stage.clock.now = alarm_at
        hangar.stage.tick()
        wave = hangar.take()
    assert len(hangar.jobs.started) == 5
    assert waits == [timedelta(minutes=minutes) for minutes in (5, 10, 20, 40, 40)]


def test_a_task_whose_executions_never_take_it_fails_and_says_where_to_look(hangar: Hangar) -> None:
    wave = hangar.take()
    for _ in range(jobs.MOST_LAUNCHES):
        hangar.launch(wave)
        hangar.stage.clock.now = hangar.heavy.alarm_at or hangar.stage.clock()
        hangar.stage.tick()
        wave = hangar.take()
    hangar.launch(wave)
    assert len(hangar.jobs.started) == jobs.MOST_LAUNCHES
    assert hangar.stage.states(hangar.key) == {"heavy": "failed", "light": "upstream_failed"}
    assert hangar.heavy.error is not None
    assert "gcloud run jobs executions list" in hangar.heavy.error.message


def test_messages_that_were_lost_and_refusals_are_no_launches(hangar: Hangar) -> None:
    wave = hangar.take()
    for _ in range(2 * jobs.MOST_LAUNCHES):
        hangar.jobs.failures = [QuotaExhausted("as many as may")]
        hangar.launch(wave)
        before = hangar.stage.clock()
        hangar.stage.clock.now = hangar.heavy.alarm_at or before
        hangar.stage.tick()
        wave = hangar.take()
    assert hangar.stage.clock() - before == timedelta(minutes=10)  # It backs off all the same.
    hangar.launch(wave)
    assert len(hangar.jobs.started) == 1
    assert hangar.heavy.alarm_at == hangar.stage.clock() + jobs.LAUNCH_ALARM


def test_an_execution_that_comes_late_runs_the_task_and_the_second_one_does_nothing(hangar: Hangar) -> None:
    hangar.launch(hangar.take())
    hangar.stage.clock.turn(minutes=6)
    hangar.stage.tick()
    hangar.launch(hangar.take())
    first, second = hangar.jobs.started
    run_single(hangar.execution(), first)
    run_single(hangar.execution(), second)
    assert hangar.stage.runner.tries == [("heavy", 1)]
    assert hangar.stage.states(hangar.key)["heavy"] == "success"


def test_an_execution_keeps_no_successor_of_another_queue(hangar: Hangar) -> None:
    hangar.launch(hangar.take())
    run_single(hangar.execution(), hangar.jobs.started[0])
    assert hangar.stage.runner.tries == [("heavy", 1)]
    (message,) = map(messages.decode, hangar.bus.take())
    assert message.wave is not None
    assert message.wave.queue == "default"


def test_an_execution_gets_the_conf_of_its_run_though_its_ticket_is_small(hangar: Hangar) -> None:
    hangar.stage.bus.take()
    conf = {"long": "x" * 100_000}
    key = hangar.stage.start(dag(task("heavy", queue="gpu"), dag_id="with_conf"), conf=conf)
    del key
    waves = [messages.decode(data).wave for data in hangar.bus.take()]
    hangar.launch(next(wave for wave in waves if wave is not None and wave.run.dag_id == "with_conf"))
    (message,) = hangar.jobs.started
    assert len(messages.encode(message)) < 2000
    run_single(hangar.execution(), message)
    assert hangar.stage.runner.jobs[-1].run.conf == conf


def test_what_cannot_be_started_now_is_started_when_its_message_comes_again(hangar: Hangar) -> None:
    hangar.jobs.failures += [Unavailable("away"), Unavailable("still away")]
    wave = hangar.take()
    for _ in range(2):
        with pytest.raises(Unavailable):
            hangar.launch(wave)
    hangar.launch(wave)
    assert len(hangar.jobs.started) == 1


def test_while_a_quota_is_used_up_its_alarm_tries_again_and_its_message_is_done_with(hangar: Hangar) -> None:
    hangar.jobs.failures.append(QuotaExhausted("1000 executions run"))
    hangar.launch(hangar.take())
    assert hangar.jobs.started == []
    hangar.stage.clock.turn(seconds=31)
    hangar.stage.tick()
    hangar.launch(hangar.take())
    assert len(hangar.jobs.started) == 1


def test_a_task_whose_job_is_not_there_fails_and_its_run_goes_on(hangar: Hangar) -> None:
    hangar.jobs.failures.append(UnknownQueue("there is no job sailplane-gpu"))
    hangar.launch(hangar.take())
    assert hangar.stage.states(hangar.key) == {"heavy": "failed", "light": "upstream_failed"}
    assert hangar.heavy.error is not None
    assert hangar.heavy.error.message == "there is no job sailplane-gpu"


def test_a_launch_costs_one_read_and_one_write(hangar: Hangar) -> None:
    wave = hangar.take()
    before = hangar.stage.count()
    hangar.launch(wave)
    counted = hangar.stage.since(before)
    assert counted["firestore.writes"] == 1
    assert counted["firestore.reads"] <= 2  # The task instance, and once the DAG's version.
