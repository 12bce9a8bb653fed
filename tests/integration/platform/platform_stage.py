"""Real function processes under the local cloud's Cloud Run, which does to them what a platform does."""

import asyncio
import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from localcloud import FunctionSpec, LocalCloudThread
from localcloud.cloudrun.service import Service
from sailplane.cloud.settings import Settings
from sailplane.cloud.wiring import Cloud, connect
from sailplane.deploy.config import QueueKind
from sailplane.deploy.topology import Topology
from sailplane.engine import runs
from sailplane.engine.logs import read_log
from sailplane.model.ids import RunKey, TaskKey
from sailplane.model.runs import TaskInstance
from sailplane.standalone import messaging
from sailplane.standalone.registration import push_folder

ROOT = Path(__file__).parents[3]
FUNCTIONS = ROOT / "functions"
DAGS = Path(__file__).parent / "dags"
PROJECT = "platform-project"
BUCKET = "platform-tests"
NAME = "sailplane"
"""Of the deployment, as topics and subscriptions begin."""
PATIENCE_SECONDS = 45.0
QUICK = {"SAILPLANE_LEASE_SECONDS": "3", "SAILPLANE_CALL_DEADLINE": "2", "SAILPLANE_LOG_FLUSH": "0.5"}


def eventually(probe: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true answer of `probe`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.03)
    raise AssertionError(f"gave up waiting until {what}")


class Stage:
    """One local cloud with Sailplane's functions, whose settings each test chooses by deploying them anew."""

    def __init__(self, local: LocalCloudThread, folder: Path) -> None:
        self.local = local
        self.folder = folder
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.environment = {
            **local.environment(),
            "SAILPLANE_BUCKET": BUCKET,
            "SAILPLANE_CACHE_DIR": str(folder / "cache"),
            "SAILPLANE_WORKER_CONCURRENCY": "4",
            "PLATFORM_NOTES": str(self.notes),
            "PYTHONPATH": str(ROOT / "shared"),
            "NO_PROXY": "127.0.0.1,localhost",
            **QUICK,
        }
        for name in ("tick", "worker", "events"):
            self.deploy(name)
        queues = (("default", QueueKind.FUNCTION),)
        urls = {f"{NAME}-{function}": url for function, url in local.endpoints.functions.items()}
        asyncio.run(messaging.deploy(local.endpoints.pubsub, Topology(project=PROJECT, name=NAME), queues, urls))
        push_folder(self.environment, DAGS)

    def deploy(self, name: str, *, function: str = "", env: Mapping[str, str] | None = None, **fields: Any) -> str:
        """(Re)deploy a function under its URL; the instances of the revision before are told to stop."""
        fields = {"concurrency": 8, "max_instances": 2, "timeout": timedelta(seconds=120), **fields}
        target = function or name
        module = "tick" if target == "tick" else target
        spec = FunctionSpec(
            name=name,
            target=target,
            source=FUNCTIONS / target / "main.py",
            env={**self.environment, **(env or {})},
            preload=fields.pop("preload", (f"sailplane.engine.{module}",)),
            **fields,
        )
        return self.local.add_function(spec)

    # As its user

    @cached_property
    def cloud(self) -> Cloud:
        """The same clients as the functions have."""
        return connect(Settings.from_mapping(self.environment))

    def trigger(self, dag_id: str) -> RunKey:
        return runs.trigger(self.cloud, dag_id, now=datetime.now(UTC)).key

    def task(self, run: RunKey, task_id: str) -> TaskInstance:
        found = self.cloud.store.task(run, TaskKey(task_id))
        assert found is not None
        return found

    def states(self, run: RunKey) -> dict[str, str]:
        return {each.task_id: str(each.state) for each in self.cloud.store.task_states(run)}

    def wait_for_end(self, run: RunKey, seconds: float = PATIENCE_SECONDS) -> str:
        def ended() -> str | None:
            found = self.cloud.store.run(run)
            return str(found.state) if found is not None and found.state.is_terminal else None

        try:
            state: str = eventually(ended, f"run {run} has ended", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.states(run)}\n{self.printed()[-3000:]}") from None
        return state

    def log(self, run: RunKey, task_id: str, try_number: int = 1) -> str:
        """The events of a try's log."""
        chunk = read_log(self.cloud, run, TaskKey(task_id), try_number)
        return "\n".join(str(line["event"]) for line in chunk.lines)

    # What tasks noted

    def tries(self, run: RunKey) -> list[tuple[str, int]]:
        """Each execution of a task of the run, sorted."""
        return sorted((task_id, int(number)) for task_id, number, _pid in self._noted(run))

    def pid(self, run: RunKey, task_id: str, try_number: int = 1) -> int:
        """The process that executes a try; waits until it began."""

        def find() -> int:
            wanted = [pid for one, number, pid in self._noted(run) if (one, int(number)) == (task_id, try_number)]
            return int(wanted[0]) if wanted else 0

        try:
            pid: int = eventually(find, f"try {try_number} of {task_id} has begun")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.states(run)}\n{self.printed()[-3000:]}") from None
        return pid

    def release(self, run: RunKey, *task_ids: str) -> None:
        for task_id in task_ids:
            (self.notes / f"{run.run_id}.{task_id}.released").touch()

    def _noted(self, run: RunKey) -> list[list[str]]:
        file = self.notes / f"{run.run_id}.notes"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    # As the platform

    def service(self, function: str = "worker") -> Service:
        return self.local.cloud.cloud_run.services[function]

    def instances(self, function: str = "worker") -> list[psutil.Process]:
        return [psutil.Process(instance.pid) for instance in self.service(function).instances if instance.pid]

    def scale_in(self, function: str = "worker") -> int:
        """Tell all instances to stop, as for a scale-in: SIGTERM, ten seconds later SIGKILL. How many there were."""
        return self.local.call(self.service(function).stop_instances())

    @contextlib.contextmanager
    def scaling_in(self, function: str = "worker") -> Iterator[None]:
        """Inside, all instances were told to stop; afterwards they are gone."""
        thread = threading.Thread(target=self.scale_in, args=[function])
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def call(self, function: str, body: Any = b"", path: str = "", **headers: str) -> tuple[int, str]:
        """Status and text of the answer to a POST."""
        url = self.local.endpoints.functions[function].rstrip("/") + path
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json", **headers})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def printed(self, function: str = "worker") -> str:
        """What the instances of a function wrote to stdout and stderr."""
        return "".join(file.read_text(errors="replace") for file in self.service(function).log_files())

    def entries(self, function: str = "worker") -> list[dict[str, Any]]:
        """What a function logged, line by line. Fails for a line that is no JSON object."""
        lines = self.printed(function).splitlines()
        others = [line for line in lines if not line.startswith("{")]
        assert others == [], "\n".join(others)
        return [json.loads(line) for line in lines]

    def counted(self) -> Counter[str]:
        return Counter(self.local.cloud.counters.snapshot())

    def close(self) -> None:
        if "cloud" in self.__dict__:
            self.cloud.close()
