"""A runner over a bundle of bad days."""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

from sailplane.model.execution import Outcome, TaskJob, XComRef
from sailplane.model.runs import RunContext
from sailplane.model.states import RunType
from sailplane.runner.config import EntryPoints
from sailplane.runner.pool import Cancellation, Runner

HERE = Path(__file__).parent
PLAIN = EntryPoints(
    load_file="plain_authoring:load_file", execute="plain_authoring:execute", preload="plain_authoring:preload"
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(task_id: str, *, file: str = "bad_days.py", dag_id: str = "days", **more: Any) -> TaskJob:
    run = RunContext(
        dag_id=dag_id,
        run_id="manual",
        version=1,
        bundle="b",
        file=file,
        run_type=RunType.MANUAL,
        logical_date=NOW,
        data_interval_start=NOW,
        data_interval_end=NOW,
        run_after=NOW,
        started_at=NOW,
    )
    return TaskJob(run=run, task_id=task_id, try_number=1, max_tries=1, started_at=NOW, **more)


@dataclass
class Shelf:
    """Services of fixed content. A missing variable named `broken` raises."""

    variables: dict[str, str] = field(default_factory=dict)

    def xcom(self, ref: XComRef) -> str | None:
        return f'"{ref.task_id}:{ref.map_index}:{ref.key}"'

    def variable(self, key: str) -> str | None:
        if key == "broken":
            raise ConnectionError("no Firestore")
        return self.variables.get(key)

    def connection(self, conn_id: str) -> str | None:
        return f"http://{conn_id}"


class Bench:
    """Runs tries and reads their logs."""

    def __init__(self, runner: Runner, folder: Path, bundle: Path) -> None:
        self.runner = runner
        self.folder = folder
        self.bundle = bundle
        self.threads = ThreadPoolExecutor(40)
        self._count = 0
        self.last_spool = folder / "none"

    def run(
        self, task: str | TaskJob, *, bundle: Path | None = None, cancellation: Cancellation | None = None
    ) -> Outcome:
        self._count += 1
        self.last_spool = spool = self.folder / f"{self._count}.jsonl"
        return self.runner.run(
            job(task) if isinstance(task, str) else task,
            bundle=bundle or self.bundle,
            services=Shelf({"city": "Seattle", "big": "x" * 3_000_000}),
            spool=spool,
            cancellation=cancellation or Cancellation(),
        )

    def start(self, task: str | TaskJob, **more: Any) -> "Future[Outcome]":
        return self.threads.submit(self.run, task, **more)

    def log(self, spool: Path | None = None) -> list[dict[str, str]]:
        data = (spool or self.last_spool).read_bytes()
        return [msgspec.json.decode(line) for line in data.splitlines()]

    def events(self) -> list[str]:
        return [record["event"] for record in self.log()]

    def await_log(self, text: str, seconds: float = 5) -> None:
        wait_for(
            lambda: self.last_spool.exists() and text in self.last_spool.read_text(), seconds, f"{text!r} in the log"
        )


def wait_for(is_true: Callable[[], object], seconds: float = 5, what: str = "it") -> None:
    give_up_at = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < give_up_at, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descendants() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))
