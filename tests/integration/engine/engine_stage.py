"""A stage for the engine: real emulators, a clock that tests turn, and messages that tests deliver."""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from localcloud import LocalCloudThread
from sailplane.cloud.bus import Bus
from sailplane.cloud.settings import Settings
from sailplane.cloud.wiring import Cloud, connect
from sailplane.engine import registry, runs
from sailplane.engine.registry import PushReport
from sailplane.engine.tick import TickReport, tick
from sailplane.engine.worker import Worker
from sailplane.model import messages
from sailplane.model.dags import ParsedBundle, SerializedDag, SerializedTask
from sailplane.model.errors import UnknownQueue
from sailplane.model.execution import Outcome, OutcomeKind, TaskJob
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.messages import Message
from sailplane.model.runs import DagRun, ErrorInfo, TaskInstance
from sailplane.model.states import TaskState

SUCCESS = Outcome(kind=OutcomeKind.SUCCESS)
FAILED = Outcome(kind=OutcomeKind.FAILED, error=ErrorInfo(kind="ValueError", message="no"))


class Clock:
    """A clock that stands still unless a test turns it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)

    def sleep(self, seconds: float) -> None:
        self.turn(seconds=seconds)


class HeldBus(Bus):
    """Keeps what was published until the test delivers it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.held: list[Message] = []
        self.published = 0

    def publish(self, queue: str, batch: Sequence[Message]) -> None:
        if queue != "default":
            raise UnknownQueue(f"nobody serves the queue {queue!r}")
        self.held += batch
        self.published += len(batch)

    def take(self) -> list[bytes]:
        taken, self.held = self.held, []
        return [messages.encode(message) for message in taken]


class ScriptedRunner:
    """Runs nothing: each try ends as its script says, or with success."""

    def __init__(self) -> None:
        self.script: dict[tuple[str, int], Outcome | Callable[[TaskJob], Outcome]] = {}
        self.jobs: list[TaskJob] = []
        self._lock = threading.Lock()

    def run(self, job: TaskJob, **_: Any) -> Outcome:
        with self._lock:
            self.jobs.append(job)
        scripted = self.script.get((job.task_id, job.try_number), SUCCESS)
        return scripted if isinstance(scripted, Outcome) else scripted(job)

    def close(self) -> None:
        return

    @property
    def tries(self) -> list[tuple[str, int]]:
        return [(job.task_id, job.try_number) for job in self.jobs]


class Stage:
    """One project of its own on the emulators."""

    def __init__(
        self, emulators: Mapping[str, str], bucket: str, folder: Path, own: LocalCloudThread | None = None
    ) -> None:
        self._own = own
        project = f"project-{uuid.uuid4().hex[:12]}"
        environment = {
            **emulators,
            "GOOGLE_CLOUD_PROJECT": project,
            "SAILPLANE_BUCKET": bucket,
            "SAILPLANE_CACHE_DIR": str(folder / "cache"),
            "SAILPLANE_CALL_DEADLINE": "3",
        }
        self.settings = Settings.from_mapping(environment)
        connected = connect(self.settings)
        self.bus = HeldBus(self.settings)
        self.cloud: Cloud = replace(connected, bus=self.bus)
        self.clock = Clock()
        self.runner = ScriptedRunner()
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        (self.bundle / "dags.py").write_text("# the scripted runner reads nothing of it\n")
        self.workers = [self.make_worker("one")]

    @property
    def local(self) -> LocalCloudThread:
        """The local cloud, for faults and counters. Only in tests that are marked to need it."""
        assert self._own is not None, "mark this test with pytest.mark.localcloud: other emulators cannot do this"
        return self._own

    def make_worker(self, name: str) -> Worker:
        return Worker(self.cloud, self.runner, self.clock, name=name, queue="default")

    def restarted(self) -> Cloud:
        """The same project as an instance sees it that has read nothing yet."""
        return replace(connect(self.settings), bus=self.bus)

    @property
    def worker(self) -> Worker:
        return self.workers[0]

    def push(self, *dags: SerializedDag) -> PushReport:
        return registry.push(self.cloud, self.bundle, ParsedBundle(dags=dags), self.clock())

    def start(self, dag: SerializedDag, **options: Any) -> RunKey:
        """Push `dag` and trigger a run of it."""
        self.push(dag)
        return runs.trigger(self.cloud, dag.dag_id, now=self.clock(), **options).key

    def deliver_all(self) -> None:
        """Deliver messages, each once, until no more are published."""
        while taken := self.bus.take():
            for data in taken:
                self.worker.handle(data)

    def tick(self, **options: Any) -> TickReport:
        options.setdefault("stay", timedelta(0))
        return tick(self.cloud, self.clock, sleep=self.clock.sleep, **options)

    def run(self, key: RunKey) -> DagRun:
        found = self.cloud.store.run(key)
        assert found is not None
        return found

    def instance(self, key: RunKey, task_id: str) -> TaskInstance:
        found = self.cloud.store.task(key, TaskKey(task_id))
        assert found is not None
        return found

    def states(self, key: RunKey) -> dict[str, str]:
        return {str(each.key): str(each.state) for each in self.cloud.store.task_states(key)}

    def count(self) -> Mapping[str, int]:
        return self.local.cloud.counters.snapshot()

    def since(self, before: Mapping[str, int]) -> dict[str, int]:
        """What was counted since `before`."""
        now = self.count()
        return {name: now[name] - before.get(name, 0) for name in now if now[name] != before.get(name, 0)}

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.cloud.close()


def task(task_id: str, *upstream: str, **fields: Any) -> SerializedTask:
    return SerializedTask(task_id=task_id, operator="PythonOperator", upstream=tuple(sorted(upstream)), **fields)


def dag(*tasks: SerializedTask, dag_id: str = "flight", **fields: Any) -> SerializedDag:
    return SerializedDag(dag_id=dag_id, file="dags.py", tasks=tasks, **fields)


def chain(length: int) -> SerializedDag:
    return dag(*(task(f"t{n:02}", *([f"t{n - 1:02}"] if n else [])) for n in range(length)))


def fan(width: int, **join_fields: Any) -> SerializedDag:
    leaves = [task(f"f{n:03}") for n in range(width)]
    return dag(*leaves, task("join", *(leaf.task_id for leaf in leaves), **join_fields))


def all_in(states: Mapping[str, str], state: TaskState) -> bool:
    return set(states.values()) == {str(state)}
