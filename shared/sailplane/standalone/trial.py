"""Runs one DAG to its end in this process, on a local cloud that is gone afterwards.

The engine is the one of the functions; only their HTTP is left out: messages go straight to a worker of this process,
and the tick comes whenever an alarm is due, so that no retry waits for the next minute.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from localcloud import LocalCloudConfig, LocalCloudThread
from sailplane.cloud.bus import Bus
from sailplane.cloud.settings import Settings
from sailplane.cloud.wiring import Cloud, connect
from sailplane.engine import logs, registry, runs
from sailplane.engine.runs import utc_now
from sailplane.engine.tick import tick
from sailplane.engine.wiring import make_worker
from sailplane.engine.worker import Worker
from sailplane.model import messages
from sailplane.model.dags import ParsedBundle, SerializedDag
from sailplane.model.errors import AuthorError, NotFound
from sailplane.model.evolve import evolve
from sailplane.model.gates import is_gate
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.messages import Message
from sailplane.model.runs import DagRun, TaskInstance
from sailplane.model.states import RunType, TaskState, TriggeredBy
from sailplane.standalone.preset import BUCKET, PROJECT
from sailplane.standalone.registration import parse_folder
from sailplane.standalone.trial_answers import Answers, Ask

POLL_SECONDS = 0.05
MESSAGES_AT_ONCE = 64
LogLine = Callable[[TaskInstance, int, Mapping[str, Any]], None]
"""Told a task instance, a try number and a line of its log."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What to run."""

    dag_id: str
    folder: Path
    logical_date: datetime | None = None
    conf: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """How it went."""

    run: DagRun
    instances: Sequence[TaskInstance]
    dag: SerializedDag


class InlineBus(Bus):
    """Hands messages to a worker of this process instead of Pub/Sub."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._pool = ThreadPoolExecutor(MESSAGES_AT_ONCE, "message")
        self._under_way: set[Future[None]] = set()
        self.worker: Worker

    def publish(self, queue: str, batch: Sequence[Message]) -> None:
        for message in map(_for_us, batch):
            self._under_way.add(self._pool.submit(self.worker.handle, messages.encode(message)))

    def check(self) -> None:
        """Raises what a message ended with that could not be worked off."""
        for done in [future for future in self._under_way if future.done()]:
            self._under_way.discard(done)
            done.result()

    def drain(self) -> None:
        """Wait until every message is worked off, its logs stored."""
        while self._under_way:
            wait(self._under_way)
            self.check()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _for_us(message: Message) -> Message:
    """Whatever queue it is for: here one worker runs all."""
    return message if message.wave is None else evolve(message, wave=evolve(message.wave, queue=""))


def run_trial(
    trial: Trial,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    tell: LogLine,
    ask: Ask | None = None,
) -> TrialResult:
    """Run the DAG to its end; `ask` answers what tasks ask people.

    Raises `NotFound`, `AuthorError`, `InvalidConf`, or `RequestError` for a task that would wait for ever.
    """
    parsed = parse_folder(environment, trial.folder)
    dag = _choose(parsed, trial, say)
    with _ephemeral_cloud(environment) as (cloud, bus):
        registry.push(cloud, trial.folder, ParsedBundle(dags=(dag,)), utc_now())
        run = runs.trigger(
            cloud,
            dag.dag_id,
            conf=trial.conf,
            logical_date=trial.logical_date or utc_now(),
            run_type=RunType.MANUAL,
            triggered_by=TriggeredBy.TEST,
            now=utc_now(),
        )
        answers = Answers(cloud=cloud, ask=ask, say=say)
        return _follow(cloud, bus, run.key, dag, _LogReader(cloud, run.key, tell), answers)


def _choose(parsed: ParsedBundle, trial: Trial, say: Callable[[str], None]) -> SerializedDag:
    """The one DAG, paused: its schedule starts nothing here."""
    for error in parsed.errors:
        say(f"cannot read {error.file}: {error.message}")
    for dag in parsed.dags:
        if dag.dag_id == trial.dag_id:
            return replace(dag, is_paused_upon_creation=True)
    known = ", ".join(dag.dag_id for dag in parsed.dags) or "none"
    if parsed.errors and not parsed.dags:
        raise AuthorError(f"no DAG in {trial.folder} could be read")
    raise NotFound(f"there is no DAG {trial.dag_id!r} in {trial.folder}; its DAGs are: {known}")


@contextmanager
def _ephemeral_cloud(environment: Mapping[str, str]) -> Iterator[tuple[Cloud, InlineBus]]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="sailplane-test-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        config = LocalCloudConfig(data_dir=folder / "cloud", project=PROJECT, buckets=(BUCKET,))
        local = stack.enter_context(LocalCloudThread(config))
        own = {"SAILPLANE_BUCKET": BUCKET, "SAILPLANE_CACHE_DIR": str(folder / "cache"), "SAILPLANE_LOG_FLUSH": "0.5"}
        full = {**environment, **local.environment(), **own}
        settings = Settings.from_mapping(full)
        bus = InlineBus(settings)
        cloud = replace(connect(settings), bus=bus)
        stack.callback(cloud.close)
        bus.worker = make_worker(cloud, full)
        # The worker first: it kills what runs, so that no message is waited for.
        stack.callback(bus.close)
        stack.callback(bus.worker.close)
        yield cloud, bus


def _follow(
    cloud: Cloud, bus: InlineBus, key: RunKey, dag: SerializedDag, reader: "_LogReader", answers: Answers
) -> TrialResult:
    while True:
        run = cloud.store.run(key)
        if run is None:
            raise NotFound(f"run {key} is gone")
        instances = cloud.store.tasks(key)
        bus.check()
        reader.read(instances)
        if run.state.is_terminal:
            break
        answers.give(instances)
        if _is_alarm_due(run, instances, utc_now()):
            tick(cloud, utc_now, stay=timedelta())
        time.sleep(POLL_SECONDS)
    bus.drain()
    instances = cloud.store.tasks(key)
    reader.read([*instances, *cloud.store.callbacks(key)])
    return TrialResult(run=run, instances=[one for one in instances if not is_gate(one.task_id)], dag=dag)


def _is_alarm_due(run: DagRun, instances: Sequence[TaskInstance], now: datetime) -> bool:
    return any(at is not None and at <= now for at in (run.alarm_at, *(instance.alarm_at for instance in instances)))


class _LogReader:
    """Reads on where it stopped, in the log of every try."""

    def __init__(self, cloud: Cloud, run: RunKey, tell: LogLine) -> None:
        self._cloud = cloud
        self._run = run
        self._tell = tell
        self._offsets: dict[tuple[TaskKey, int], int] = {}

    def read(self, instances: Sequence[TaskInstance]) -> None:
        for instance in sorted(instances, key=lambda one: one.started_at or utc_now()):
            for number in range(1, instance.try_number + 1):
                if instance.state is not TaskState.QUEUED or number < instance.try_number:
                    self._read(instance, number)

    def _read(self, instance: TaskInstance, number: int) -> None:
        key = (instance.key, number)
        chunk = logs.read_log(self._cloud, self._run, instance.key, number, self._offsets.get(key, 0))
        self._offsets[key] = chunk.next_offset
        for line in chunk.lines:
            self._tell(instance, number, line)
